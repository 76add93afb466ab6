"""Time spans in a plugin's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .times import DAY, HOUR, MILLISECOND, MINUTE, SECOND

_UNITS = {"ms": MILLISECOND, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Span:
    """A time span above 0, written as a number and a unit: `500ms`, `60s`, `5m`, `24h` or `7d`."""

    #: As event times are.
    microseconds: int

    @classmethod
    def parse(cls, text: str) -> Span:
        """The span that is written so.

        Raises ValueError if it is none.
        """
        found = re.fullmatch(r"([0-9]+)\s*(\w+)\s*", text)
        factor = _UNITS.get(found[2]) if found else None
        if found is None or factor is None:
            raise ValueError(f"`{text}` is no time span: write 500ms, 60s, 5m, 24h or 7d")
        microseconds = int(found[1]) * factor
        if not 0 < microseconds <= _INT64_MAX:
            raise ValueError(f"`{text}` is no time span: write 500ms, 60s, 5m, 24h or 7d")
        return cls(microseconds)
