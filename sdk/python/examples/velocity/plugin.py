"""Counts and sums the rows of each key within a sliding time.

`config` checks the configuration, `window` remembers the rows of a key.
"""

from itertools import compress, repeat
from typing import Sequence

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

from config import MAIN, Config, check
from window import PLACES, Window, fixed, wrapped

ADDED = [
    Field("velocity_count", UINT64, nullable=False),
    Field("velocity_sum", FLOAT64, nullable=False),
    Field("velocity_flag", UTF8),
]

#: What is flagged, by whether there are too many rows and whether their sum is too large.
FLAGS = {
    (False, False): None,
    (True, False): "count",
    (False, True): "sum",
    (True, True): "count,sum",
}


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
        times, within = batch.times, self.config.within.microseconds
        if not times:
            raise Failure("rows need event time: declare it, and keep its order")
        amounts = self.amounts(batch)
        counts: list[int] = []
        exact: list[int] = []
        for rows in batch.runs():
            window = Window(batch.state)
            run = slice(rows.start, rows.stop)
            for time, amount in zip(times[run], amounts[run]):
                window.add(time, amount, time - within)
                counts.append(window.count)
                exact.append(window.sum)
            batch.state = window.written()
        self.emit(counts, [wrapped(number) / PLACES for number in exact], out)

    def amounts(self, batch: KeyedBatch[bytes]) -> Sequence[int]:
        """The amounts as fixed-point numbers; None counts as 0."""
        if self.config.amount is None:
            return [0] * len(batch.rows)
        column = batch.rows.number(self.config.amount)
        numbers = [value or 0 for value in column] if column.null_count else column.values
        return list(map(fixed, map(float, numbers)))

    def emit(self, counts: list[int], sums: list[float], out: Output) -> None:
        """Says for each row which limit it passes, and passes it on."""
        config = self.config
        count_max, sum_max = config.max_count, config.max_sum
        many = repeat(False) if count_max is None else [count > count_max for count in counts]
        large = repeat(False) if sum_max is None else [sum > sum_max for sum in sums]
        flags = [FLAGS[passed] for _, passed in zip(counts, zip(many, large))]
        columns = (counts, sums, flags)
        if config.flagged is None or not any(flags):
            out.all(MAIN, columns)
            return
        rows = range(len(counts))
        apart = [flag is not None for flag in flags]
        for port, chosen in ((config.flagged, apart), (MAIN, [not flag for flag in apart])):
            taken = list(compress(rows, chosen))
            out.some(port, taken, [list(compress(column, chosen)) for column in columns])
