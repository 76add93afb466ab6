"""Counts and sums the rows of each key within a sliding time.

`config` checks the configuration, `window` remembers the rows of a key.
"""

from collections.abc import Sequence
from itertools import compress
from typing import cast

from config import MAIN, Config, check
from window import slide

from millrace_plugin import (
    FLOAT64,
    UINT64,
    UTF8,
    Description,
    Failure,
    Field,
    Keyed,
    KeyedBatch,
    Output,
    Port,
    Schema,
)

ADDED = [
    Field("velocity_count", UINT64, nullable=False),
    Field("velocity_sum", FLOAT64, nullable=False),
    Field("velocity_flag", UTF8),
]


class Velocity(Keyed[Config, bytes]):
    name = "velocity"
    version = "0.1.0"
    summary = "Counts and sums the rows of each key within a sliding time"

    def start(self, config: Config, schema: Schema, key: Sequence[str]) -> Description:
        check(config, schema)
        self.config = config
        ports = [MAIN] if config.flagged is None else [MAIN, config.flagged]
        return Description(
            reads=[] if config.amount is None else [config.amount],
            ports=[Port(port, adds=ADDED) for port in ports],
            # A row leaves the window only when another is more than so much later.
            state_ttl=config.within.microseconds + 1,
        )

    def process(self, batch: KeyedBatch[bytes], out: Output) -> None:
        if not batch.times:
            raise Failure("rows need event time: declare it, and keep its order")
        within = self.config.within.microseconds
        amounts = self.amounts(batch)
        counts, sums, states = slide(batch.states(), batch.starts, batch.times, amounts, within)
        batch.keep(states)
        self.emit(counts, sums, out)

    def amounts(self, batch: KeyedBatch[bytes]) -> list[float]:
        """The amounts; None counts as 0."""
        if self.config.amount is None:
            return [0.0] * len(batch.rows)
        column = batch.rows.number(self.config.amount)
        values = column.to_list()
        if column.null_count or column.type != FLOAT64:
            return [float(value or 0) for value in values]
        return cast(list[float], values)

    def emit(self, counts: list[int], sums: list[float], out: Output) -> None:
        """Says for each row which limit it passes, and passes it on."""
        config = self.config
        flags: list[str | None] = [None] * len(counts)
        count_max, sum_max = config.max_count, config.max_sum
        if count_max is not None and max(counts) > count_max:
            flags = ["count" if count > count_max else None for count in counts]
        if sum_max is not None and max(sums) > sum_max:
            for row in [row for row, sum in enumerate(sums) if sum > sum_max]:
                flags[row] = "count,sum" if flags[row] else "sum"
        columns = (counts, sums, flags)
        if config.flagged is None or not any(flags):
            out.all(MAIN, columns)
            return
        plain = [flag is None for flag in flags]
        for port, chosen in ((config.flagged, flags), (MAIN, plain)):
            rows = list(compress(range(len(flags)), chosen))
            out.some(port, rows, [list(compress(column, chosen)) for column in columns])
