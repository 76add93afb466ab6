"""The step's configuration, checked against the input and made into derivations."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from codes import COUNTRIES, CURRENCIES, Codes
from derive import Amount, Code, Derivation, Mask, Time

from millrace_plugin import (
    FLOAT64,
    INT32,
    UTF8,
    ConfigErrors,
    DataType,
    Field,
    Schema,
    Unsigned,
)
from millrace_plugin.times import MINUTE

#: The largest offset from UTC in use, and more than the smallest.
OFFSET_MINUTES_MAX = 14 * 60
#: Types of amounts.
NUMBERS = ("float64", "float32", "int64", "int32", "decimal128")


def named_as(default: str | None = None) -> str | None:
    """A setting that is called `as`, which is a word of Python's own."""
    setting: str | None = field(default=default, metadata={"name": "as"})
    return setting


@dataclass(frozen=True)
class CodeText:
    column: str
    name: str | None = named_as()


@dataclass(frozen=True)
class AmountText:
    column: str
    currency: str
    base: str
    rates: dict[str, float]
    name: str = field(default="amount_base", metadata={"name": "as"})


@dataclass(frozen=True)
class TimeText:
    column: str
    hour: str = "hour"
    weekday: str = "weekday"
    utc_offset_minutes: int = 0


@dataclass(frozen=True)
class MaskText:
    column: str
    keep_last: Unsigned = 4
    name: str | None = named_as()


@dataclass(frozen=True)
class Config:
    """`[step.X.config]`."""

    country: CodeText | None = None
    currency: CodeText | None = None
    amount: AmountText | None = None
    time: TimeText | None = None
    mask: list[MaskText] = field(default_factory=list)


@dataclass
class Plan:
    """What the plugin reads, does and adds; and what is wrong with its configuration."""

    schema: Schema
    errors: ConfigErrors = field(default_factory=ConfigErrors)
    reads: list[str] = field(default_factory=list)
    adds: list[Field] = field(default_factory=list)
    amount: Amount | None = None
    derivations: list[Derivation] = field(default_factory=list)

    @classmethod
    def of(cls, config: Config, schema: Schema) -> "Plan":
        """The plan for rows of this schema. Raises ConfigErrors with all that is wrong."""
        plan = cls(schema)
        if config.amount is not None:
            plan.add_amount(config.amount)
        if config.country is not None:
            plan.add_code("country", config.country, COUNTRIES)
        if config.currency is not None:
            plan.add_code("currency", config.currency, CURRENCIES)
        if config.time is not None:
            plan.add_time(config.time)
        for at, mask in enumerate(config.mask):
            plan.add_mask(f"mask[{at}]", mask)
        if not plan.adds and not plan.errors.errors:
            sections = "country, currency, amount, time or mask"
            plan.errors.add("", f"nothing is to be done; configure {sections}")
        plan.errors.raise_if_any()
        return plan

    def add_code(self, path: str, text: CodeText, codes: Codes) -> None:
        if self.text(f"{path}.column", text.column) is None:
            return
        self.add(path, Field(text.name or text.column, UTF8))
        self.derivations.append(Code(text.column, codes))

    def add_amount(self, text: AmountText) -> None:
        base_known = self.is_currency("amount.base", text.base)
        rates = {}
        for currency in sorted(text.rates):
            rate, path = text.rates[currency], f"amount.rates.{currency}"
            if not (isfinite(rate) and rate > 0.0):
                shown = f"{rate!r}".removesuffix(".0")
                self.errors.add(path, f"{shown} is no rate; it must be above 0")
            if self.is_currency(path, currency):
                rates[currency] = rate
        if base_known and rates.get(text.base, 1.0) != 1.0:
            message = "is the rate of the base currency, which is 1; leave it out"
            self.errors.add(f"amount.rates.{text.base}", message)
        rates[text.base] = 1.0
        amount = self.column("amount.column", text.column, "a number", is_amount)
        currency_column = self.text("amount.currency", text.currency)
        if amount is None:
            return
        self.add("amount", Field(text.name, FLOAT64, amount.nullable))
        if currency_column is not None:
            self.amount = Amount(text.column, text.currency, text.base, rates)

    def is_currency(self, path: str, code: str) -> bool:
        """Whether this is a code. It must be written so here: it is the configuration, not
        data."""
        if code not in CURRENCIES.codes:
            self.errors.add(path, f"`{code}` is no ISO 4217 code such as EUR")
            return False
        return True

    def add_time(self, text: TimeText) -> None:
        if abs(text.utc_offset_minutes) > OFFSET_MINUTES_MAX:
            message = f"write -{OFFSET_MINUTES_MAX} to {OFFSET_MINUTES_MAX} minutes"
            found = f"{text.utc_offset_minutes} is no offset"
            self.errors.add("time.utc_offset_minutes", f"{found}; {message}")
            return
        column = self.column("time.column", text.column, "a timestamp", is_time)
        if column is None:
            return
        self.add("time.hour", Field(text.hour, INT32, column.nullable))
        self.add("time.weekday", Field(text.weekday, INT32, column.nullable))
        self.derivations.append(Time(text.column, text.utc_offset_minutes * MINUTE))

    def add_mask(self, path: str, text: MaskText) -> None:
        column = self.text(f"{path}.column", text.column)
        if column is None:
            return
        self.add(path, Field(text.name or text.column, UTF8, column.nullable))
        self.derivations.append(Mask(text.column, text.keep_last))

    def text(self, path: str, name: str) -> Field | None:
        return self.column(path, name, "utf8", lambda type: type == UTF8)

    def column(
        self, path: str, name: str, expected: str, fits: Callable[[DataType], bool]
    ) -> Field | None:
        """A column that is then read; None if there is none that fits."""
        found = self.schema.get(name)
        if found is None:
            names = ", ".join(self.schema.names)
            self.errors.add(path, f"the input has no column `{name}`; it has {names}")
            return None
        if not fits(found.type):
            self.errors.add(path, f"`{name}` has type {found.type}; it must be {expected}")
            return None
        if name not in self.reads:
            self.reads.append(name)
        return found

    def add(self, path: str, field: Field) -> None:
        if any(known.name == field.name for known in self.adds):
            message = f"`{field.name}` is already written by another section; name it otherwise"
            self.errors.add(path, message)
        self.adds.append(field)


def is_amount(type: DataType) -> bool:
    return type.name in NUMBERS


def is_time(type: DataType) -> bool:
    return type.name == "timestamp"
