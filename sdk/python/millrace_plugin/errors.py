"""What a plugin raises, and how any other exception is worded for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: The code of a row that was refused by any other exception than RowError.
FAILED = "failed"


class RowError(Exception):
    """Refuses the row that is being handled: it leaves on the port `errors`.

    `code` is 1 to 64 lower-case letters, digits and underscores, by which dead letters are counted;
    `message` is for a person; `column` is the one at fault, if there is one.
    """

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.column = column


class Failure(Exception):
    """Fails the whole call with this text. The host tries again with fewer rows."""


@dataclass(frozen=True)
class ConfigError:
    """One thing in the configuration, or in the input's schema, that a plugin can't work with."""

    #: A path into the configuration such as `rules[2].when`; empty for the whole.
    path: str
    #: What is wrong and what would be right.
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigErrors(Exception):
    """All that is wrong, so that it can be mended in one go.

    errors = ConfigErrors()
    if limit < 0:
        errors.add("limit", "must not be below 0")
    errors.raise_if_any()
    """

    def __init__(self, errors: Iterable[ConfigError] = ()) -> None:
        super().__init__()
        self.errors = list(errors)

    @classmethod
    def whole(cls, message: str) -> ConfigErrors:
        """One mistake of the whole configuration, or of the input."""
        return cls([ConfigError("", message)])

    def add(self, path: str, message: str) -> None:
        """Notes one more mistake."""
        self.errors.append(ConfigError(path, message))

    def raise_if_any(self) -> None:
        """Raises this if anything was noted."""
        if self.errors:
            raise self

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))


#: What people raise with a text of their own.
_SAID = (Failure, RowError, ConfigErrors, ValueError, RuntimeError)


def told(error: BaseException) -> str:
    """An exception's text; where it would say too little, also its type and place."""
    text = str(error)
    if text and (type(error) is Exception or isinstance(error, _SAID)):
        return text
    name = type(error).__name__
    trace, line = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "millrace_plugin" not in code.co_filename:
            file = code.co_filename.replace("\\", "/").rpartition("/")[2]
            line = f" ({file}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{name}: {text}{line}" if text else f"{name}{line}"
