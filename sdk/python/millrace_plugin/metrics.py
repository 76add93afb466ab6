"""Numbers for the operator of the pipeline. Needs the grant `metrics`.

A name has 1 to 64 of a-z, 0-9 and _. Each call crosses to the host: add up first, and call once a
batch. Natively they are kept in `counters` and `gauges`.
"""

from __future__ import annotations

from .host import interface

_host = interface("metrics")

#: What native code has noted.
counters: dict[str, int] = {}
gauges: dict[str, float] = {}


def count(name: str, amount: int = 1) -> None:
    """Adds to a counter. It counts once the call has succeeded."""
    if _host is None:
        counters[name] = counters.get(name, 0) + amount
    else:
        _host.count(name, amount)


def gauge(name: str, value: float) -> None:
    """Sets a gauge."""
    if _host is None:
        gauges[name] = value
    else:
        _host.gauge(name, value)
