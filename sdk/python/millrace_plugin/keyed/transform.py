"""The class that a keyed plugin is derived from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from ..codec import Codec, codec_of
from ..describe import Description
from ..errors import Failure
from ..output import Output
from ..plugin import Plugin, parameters
from ..types import Schema
from .batch import KeyedBatch

C = TypeVar("C")
S = TypeVar("S")


class Keyed(Plugin, Generic[C, S]):
    """A transformation with a state for each key; `C` is the type of its configuration, `S` that
    of the state.

    The host calls `start` once per instance and then `process` with the rows of some keys, and with
    the timers of these keys that are due. Rows of a key come in the order of event time where the
    input has it. Instances come and go, so only the state may be relied upon. `S` is whatever JSON
    and dataclasses can say; with `bytes` the plugin writes its own.

        class Count(Keyed[Config, int]):
            name, version, summary = "count", "0.1.0", "Numbers the rows of each key"

            def start(self, config: Config, schema: Schema, key: Sequence[str]) -> Description:
                return Description(ports=[Port("main", adds=[Field("count", UINT64)])])

            def process(self, batch: KeyedBatch[int], out: Output) -> None:
                rows, counts = [], []
                for event in batch:
                    match event:
                        case Row(row, time):
                            batch.state = (batch.state or 0) + 1
                            rows.append(row)
                            counts.append(batch.state)
                out.some("main", rows, [counts])
    """

    #: The version of `S`, counted up when it changes.
    state_version: int = 1
    #: Older versions that `migrate` understands.
    reads_versions: Sequence[int] = ()

    def start(self, config: C, schema: Schema, key: Sequence[str]) -> Description:
        """Says what the plugin will do with rows of this schema and key. Also called when a
        pipeline is merely checked. Raises ConfigErrors, which are shown to the author of the
        pipeline."""
        raise NotImplementedError

    def process(self, batch: KeyedBatch[S], out: Output) -> None:
        """Handles the rows and timers of `batch`. An exception fails the whole call and changes
        nothing: the host tries again with fewer keys or rows. Refuse single rows with
        `out.error`."""
        raise NotImplementedError

    @classmethod
    def migrate(cls, version: int, state: bytes) -> S:
        """The state of today, from one that an older version of the plugin wrote. An exception
        stops the pipeline."""
        raise Failure(f"can't read a state of version {version} ({len(state)} bytes)")

    @classmethod
    def codec(cls) -> Codec[S]:
        """How states are written."""
        return codec_of(parameters(cls, Keyed)[1])
