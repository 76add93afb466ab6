"""What is derived from a batch: each derivation makes one or two columns for some of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codes import CURRENCIES, Codes

from millrace_plugin import Batch, DecimalColumn, Output
from millrace_plugin.times import DAY, HOUR

#: 1970-01-01 was a Thursday, three days after a Monday.
EPOCH_WEEKDAY = 3
#: More of a text does not help to find the mistake.
TEXT_CHARS_MAX = 40


@dataclass(frozen=True)
class Code:
    """A country or currency by its code."""

    column: str
    codes: Codes

    def derive(self, batch: Batch, rows: Sequence[int]) -> list[list[Any]]:
        """The codes."""
        found = self.codes.find_all(batch.text(self.column))
        return [[found[row] for row in rows]]


@dataclass(frozen=True)
class Time:
    """Hour and weekday of a timestamp, in one offset from UTC."""

    column: str
    offset: int

    def derive(self, batch: Batch, rows: Sequence[int]) -> list[list[Any]]:
        """Hours 0 to 23, and weekdays from 1 = Monday to 7 = Sunday."""
        offset = self.offset
        times = batch.timestamp(self.column).to_list()
        local = [None if (time := times[row]) is None else clamped(time + offset) for row in rows]
        hours = [None if time is None else time % DAY // HOUR for time in local]
        days = [None if time is None else (time // DAY + EPOCH_WEEKDAY) % 7 + 1 for time in local]
        return [hours, days]


@dataclass(frozen=True)
class Mask:
    """Text of which only the end can be read."""

    column: str
    keep_last: int

    def derive(self, batch: Batch, rows: Sequence[int]) -> list[list[Any]]:
        """The masked texts."""
        texts = batch.text(self.column).to_list()
        return [[None if (text := texts[row]) is None else self.masked(text) for row in rows]]

    def masked(self, text: str) -> str:
        """A text with stars for all but its last characters."""
        hidden = max(len(text) - self.keep_last, 0)
        return "*" * hidden + text[hidden:]


@dataclass(frozen=True)
class Amount:
    """Amounts in one currency."""

    amount: str
    currency: str
    base: str
    #: How much of the base one unit is worth.
    rates: dict[str, float]

    def derive(self, batch: Batch, out: Output) -> tuple[list[int], list[float | None]]:
        """The rows that are left and their amounts; the others are refused, as there is no rate."""
        column = batch.text(self.currency)
        found = CURRENCIES.find_all(column)
        rates: dict[str | None, float | None] = {None: None}
        rates.update((code, self.rates.get(code)) for code in CURRENCIES.codes)
        amounts = numbers(batch, self.amount)
        converted = [
            # Nothing is nothing in any currency.
            None if amount is None or (rate := rates[code]) is None else amount * rate
            for amount, code in zip(amounts, found)
        ]
        rows = list(range(len(batch)))
        if None not in converted:
            return rows, converted
        refused = set()
        for row, amount in enumerate(amounts):
            if amount is not None and converted[row] is None:
                refused.add(row)
                out.error(row, "no_rate", self.no_rate(column[row]), self.currency)
        rows = [row for row in rows if row not in refused]
        return rows, [converted[row] for row in rows]

    def no_rate(self, currency: str | None) -> str:
        """Why an amount has no rate."""
        if currency is None:
            return f"the currency is null, so there is no rate to {self.base}"
        return f"there is no rate from `{currency[:TEXT_CHARS_MAX]}` to {self.base}"


#: One section of the configuration, but for `amount`.
Derivation = Code | Time | Mask


def numbers(batch: Batch, name: str) -> list[float | None]:
    """The numbers of a column, whatever its type."""
    column = batch[name]
    if isinstance(column, DecimalColumn):
        unit = 10.0**column.type.scale
        values = [number / unit for number in map(float, column.unscaled)]
    else:
        values = list(map(float, batch.number(name).values))
    if not column.null_count:
        return list(values)
    return [value if valid else None for value, valid in zip(values, column.valid)]


def clamped(microseconds: int) -> int:
    """The nearest time that a column can hold."""
    return max(-(2**63), min(microseconds, 2**63 - 1))
