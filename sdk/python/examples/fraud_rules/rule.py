"""One rule, and which rows it matches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from millrace_plugin import Batch, Column, DataType, DecimalColumn

Outcome = Literal["fraud", "review"]

#: Types of numbers that can be tested.
NUMBERS = ("float64", "float32", "int64", "int32", "decimal128")


@dataclass(frozen=True)
class Over:
    """A number above this one."""

    column: str
    limit: float

    def keep(self, batch: Batch, rows: Sequence[int]) -> list[int]:
        """Those of `rows` that pass."""
        values, limit = numbers(batch[self.column]), self.limit
        if len(rows) == len(batch):
            return [row for row, value in enumerate(values) if value > limit]
        return [row for row in rows if values[row] > limit]


@dataclass(frozen=True)
class Under:
    """A number below this one."""

    column: str
    limit: float

    def keep(self, batch: Batch, rows: Sequence[int]) -> list[int]:
        """Those of `rows` that pass."""
        values, limit = numbers(batch[self.column]), self.limit
        return [row for row in rows if values[row] < limit]


@dataclass(frozen=True)
class Hours:
    """An hour that is one of these."""

    column: str
    hours: frozenset[int]

    def keep(self, batch: Batch, rows: Sequence[int]) -> list[int]:
        """Those of `rows` that pass."""
        values, hours = numbers(batch[self.column]), self.hours
        return [row for row in rows if values[row] in hours]


@dataclass(frozen=True)
class Words:
    """A text that is one of these, or none of them. Texts are compared as bytes, undecoded."""

    column: str
    words: frozenset[bytes]
    negated: bool

    def keep(self, batch: Batch, rows: Sequence[int]) -> list[int]:
        """Those of `rows` that pass."""
        column, words = batch.text(self.column), self.words
        if len(rows) * 4 < len(batch):
            text = column.raw_at
            if self.negated:
                return [row for row in rows if text(row) not in words]
            return [row for row in rows if text(row) in words]
        texts = column.raw()
        if self.negated:
            return [row for row in rows if texts[row] not in words]
        return [row for row in rows if texts[row] in words]


#: A test of one column. None passes no test.
Condition = Over | Under | Hours | Words


@dataclass(frozen=True)
class Rule:
    """Matches a row if all of its conditions hold."""

    name: str
    outcome: Outcome
    reason: str
    conditions: Sequence[Condition]

    def matching(self, batch: Batch, rows: Sequence[int]) -> Sequence[int]:
        """Those of `rows` that the rule matches, one column after the other."""
        for condition in self.conditions:
            column = batch[condition.column]
            rows = condition.keep(batch, rows)
            if column.null_count:
                valid = column.valid
                rows = [row for row in rows if valid[row]]
        return rows


def numbers(column: Column[object]) -> Sequence[float]:
    """The numbers of a column; any where there is none."""
    if isinstance(column, DecimalColumn):
        unit = 10.0**column.type.scale
        return [float(number) / unit for number in column.unscaled]
    values: Sequence[float] = column.values  # type: ignore[attr-defined]
    return values


def is_number(type: DataType) -> bool:
    """Whether numbers of this type can be tested."""
    return type.name in NUMBERS
