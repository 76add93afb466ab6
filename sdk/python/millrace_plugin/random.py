"""Random numbers of the host. Needs the grant `random`.

Python's own module `random` gives the same numbers in every instance of a component.
"""

from __future__ import annotations

import secrets

from .host import interface

_host = interface("random")


def random_bytes(length: int) -> bytes:
    """So many random bytes, at most 65,536."""
    return secrets.token_bytes(length) if _host is None else bytes(_host.bytes(length))


def number() -> int:
    """One of 0 to 2**64 - 1, each of them as likely as any other."""
    return secrets.randbits(64) if _host is None else int(_host.number())


def fraction() -> float:
    """One of 0 to below 1."""
    return (number() >> 11) / (1 << 53)
