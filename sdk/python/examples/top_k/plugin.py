"""The most frequent texts of a group."""

from dataclasses import dataclass

from millrace_plugin import (
    UINT64,
    UTF8,
    Aggregate,
    Batch,
    ConfigErrors,
    DataType,
    Failure,
    Field,
    Schema,
    Unsigned,
    Values,
    list_of,
    struct_of,
)

ENTRY = struct_of([Field("value", UTF8, nullable=False), Field("count", UINT64, nullable=False)])

#: How often each text came.
Counts = dict[str, int]


@dataclass(frozen=True)
class Config:
    """`[function.X.config]`."""

    #: How many texts.
    k: Unsigned = 10
    #: A group with more different texts than this fails.
    max_values: Unsigned = 100_000


class TopK(Aggregate[Config, Counts]):
    name = "top_k"
    version = "0.1.0"
    summary = "The most frequent texts of a group, with their counts"

    def start(self, config: Config, arguments: Schema) -> DataType:
        errors = ConfigErrors()
        if config.k == 0:
            errors.add("k", "must be at least 1")
        if arguments.types != [UTF8]:
            errors.add("", "it takes one text: cast the argument")
        errors.raise_if_any()
        self.config = config
        return list_of(Field("item", ENTRY, nullable=False))

    def empty(self) -> Counts:
        return {}

    def update(self, states: list[Counts], groups: list[int], rows: Batch) -> None:
        for text, group in zip(rows.text("a0"), groups):
            if text is not None:
                counts = states[group]
                counts[text] = counts.get(text, 0) + 1
        for counts in states:
            self.check(counts)

    def merge(self, state: Counts, other: Counts) -> Counts:
        for text, count in other.items():
            state[text] = state.get(text, 0) + count
        self.check(state)
        return state

    def evaluate(self, states: list[Counts]) -> Values:
        # Of two texts that came as often, the smaller one is first.
        ranked = (sorted(state.items(), key=lambda item: (-item[1], item[0])) for state in states)
        return [entries[: self.config.k] for entries in ranked]

    def check(self, counts: Counts) -> None:
        """Fails for a group that would take the plugin's memory."""
        if len(counts) > self.config.max_values:
            raise Failure(f"more than {self.config.max_values} different texts")
