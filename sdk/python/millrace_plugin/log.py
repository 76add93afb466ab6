"""Lines for the operator of the pipeline. Needs the grant `log`.

Natively they go to standard error.
"""

from __future__ import annotations

import sys

from .host import interface

_host = interface("log")


def debug(message: str) -> None:
    """One line, cut at 4 KiB."""
    _log("DEBUG", message)


def info(message: str) -> None:
    """One line, cut at 4 KiB."""
    _log("INFO", message)


def warn(message: str) -> None:
    """One line, cut at 4 KiB."""
    _log("WARN", message)


def error(message: str) -> None:
    """One line, cut at 4 KiB."""
    _log("ERROR", message)


def _log(level: str, message: str) -> None:
    if _host is None:
        print(f"{level} {message}", file=sys.stderr)
    else:
        _host.log(_host.Level[level], message)
