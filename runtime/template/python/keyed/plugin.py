"""Counts the rows of each key, and forgets a key that has been silent for an hour."""

from collections.abc import Sequence
from dataclasses import dataclass

from millrace_plugin import (
    BOOLEAN,
    UINT64,
    Description,
    Field,
    Keyed,
    KeyedBatch,
    Output,
    Port,
    Row,
    Schema,
    Timer,
)

HOUR = 3_600_000_000
#: The timer that forgets a key.
FORGET = 0

ADDED = [Field("count", UINT64, nullable=False), Field("above", BOOLEAN, nullable=False)]


@dataclass(frozen=True)
class Config:
    limit: int


# The `int` is what is remembered of a key. After a change of it, count up `state_version`.
class Count(Keyed[Config, int]):
    name = "plugin_name"
    version = "0.1.0"
    summary = "plugin_summary"

    def start(self, config: Config, schema: Schema, key: Sequence[str]) -> Description:
        self.limit = config.limit
        return Description(ports=[Port("main", adds=ADDED)])

    def process(self, batch: KeyedBatch[int], out: Output) -> None:
        rows: list[int] = []
        counts: list[int] = []
        for event in batch:
            match event:
                case Row(row, time):
                    count = (batch.state or 0) + 1
                    batch.state = count
                    rows.append(row)
                    counts.append(count)
                    if time is not None:
                        batch.set_timer(FORGET, time + HOUR)
                case Timer():
                    batch.state = None
        out.some("main", rows, [counts, [count > self.limit for count in counts]])
