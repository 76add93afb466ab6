"""What a plugin says of itself when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .types import Field


@dataclass(frozen=True)
class Port:
    """One output: what it adds to the input's columns, and what it drops of them."""

    #: Lower-case letters, digits and underscores; `errors` and `late` are the host's.
    name: str
    #: Columns that are written on this port. A name that the input has too replaces that column.
    adds: Sequence[Field] = ()
    #: Columns of the input that end here.
    drops: Sequence[str] = ()


@dataclass(frozen=True)
class Description:
    """Which columns a plugin reads, and the ports it writes."""

    #: The input columns that `process` sees, in its order.
    reads: Sequence[str] = ()
    #: The outputs, at least one.
    ports: Sequence[Port] = ()
    #: Of a keyed plugin: the columns of the key that it sees, once per key.
    keys: Sequence[str] = ()
    #: Of a keyed plugin: so many microseconds after its last row or timer the state of a key means
    #: nothing any more. Cheaper than a timer that removes it.
    state_ttl: int | None = None
