"""The longest text of a group."""

from millrace_plugin import (
    UTF8,
    Aggregate,
    Batch,
    ConfigErrors,
    DataType,
    Schema,
    Values,
)


# The `str | None` is what is kept of a group's rows. After a change of it, count up
# `state_version`.
class Longest(Aggregate[None, str | None]):
    name = "plugin_name"
    version = "0.1.0"
    summary = "plugin_summary"

    def start(self, config: None, arguments: Schema) -> DataType:
        if arguments.types != [UTF8]:
            raise ConfigErrors.whole("it takes one text: cast the argument")
        return UTF8

    def empty(self) -> str | None:
        return None

    def update(self, states: list[str | None], groups: list[int], rows: Batch) -> None:
        for text, group in zip(rows.text("a0"), groups):
            states[group] = self.merge(states[group], text)

    def merge(self, state: str | None, other: str | None) -> str | None:
        if state is None or other is None:
            return other if state is None else state
        if len(state) != len(other):
            return max(state, other, key=len)
        # Of two of one length the smaller one: the result must not depend on their order.
        return min(state, other)

    def evaluate(self, states: list[str | None]) -> Values:
        return states
