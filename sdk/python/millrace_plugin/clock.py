"""The time. Needs the grant `clock`."""

from __future__ import annotations

import time

from .host import interface

_host = interface("clock")


def now() -> int:
    """Microseconds since 1970, UTC. It may go back when the machine's clock is set."""
    return time.time_ns() // 1000 if _host is None else int(_host.now())
