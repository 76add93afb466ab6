"""Masks all but the last characters of a text."""

from dataclasses import dataclass

from millrace_plugin import (
    UTF8,
    Batch,
    ConfigErrors,
    DataType,
    Errors,
    RowError,
    Scalar,
    Schema,
    Values,
)


@dataclass(frozen=True)
class Config:
    #: How many characters stay.
    keep: int


class Mask(Scalar[Config]):
    name = "plugin_name"
    version = "0.1.0"
    summary = "plugin_summary"

    def start(self, config: Config, arguments: Schema) -> DataType:
        if arguments.types != [UTF8]:
            raise ConfigErrors.whole("it takes one text: cast the argument")
        self.keep = config.keep
        return UTF8

    def evaluate(self, arguments: Batch, errors: Errors) -> Values:
        return errors.map(self.mask, arguments.text("a0"))

    def mask(self, text: str | None) -> str | None:
        """Stars for all but the last characters. RowError refuses the row."""
        if text is None:
            return None
        hidden = len(text) - self.keep
        if hidden <= 0:
            raise RowError("too_short", "masking would hide nothing")
        return "*" * hidden + text[hidden:]
