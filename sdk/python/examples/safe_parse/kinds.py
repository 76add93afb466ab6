"""What each kind of column accepts of JSON, and what it makes of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from moments import TIMESTAMP_MAX, TIMESTAMP_MIN, date_of, timestamp_of
from problem import Refusal, as_json, plain, quoted, scientific, shortened

from millrace_plugin import (
    BOOLEAN,
    DATE32,
    FLOAT64,
    INT32,
    INT64,
    UTF8,
    Column,
    DataType,
    column_of,
    decimal128,
    decimals_of,
    timestamp,
)

_INT64_END = 2**63


class WrongType(Exception):
    """A value of another JSON type."""


class Kind:
    """What a column holds, and how JSON writes it."""

    data_type: DataType
    #: What belongs here, for a message.
    expected: ClassVar[str]
    #: The Python types of values that `convert_all` takes without a further look.
    quick: ClassVar[frozenset[type]] = frozenset()
    #: Whether the text of a value is needed and not the value.
    by_source: ClassVar[bool] = False

    def convert(self, value: Any) -> Any:
        """What a JSON value is in the column. Raises WrongType or Refusal."""
        raise WrongType

    def convert_all(self, values: list[Any]) -> list[Any]:
        """As `convert`, for values of the types in `quick`, or None. Raises Exception if it does
        not work for all of them."""
        return values

    def column(self, values: list[Any]) -> Column[Any]:
        """A column of converted values."""
        return column_of(self.data_type, values)


class Text(Kind):
    data_type, expected, quick = UTF8, "a string", frozenset({str})

    def convert(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        raise WrongType


class Bool(Kind):
    data_type, expected, quick = BOOLEAN, "a boolean", frozenset({bool})

    def convert(self, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        raise WrongType


@dataclass
class Int(Kind):
    """Integers of so many bits."""

    bits: int
    expected, quick = "an integer", frozenset({int})

    def __post_init__(self) -> None:
        self.data_type = INT32 if self.bits == 32 else INT64

    def convert(self, value: Any) -> Any:
        number = whole(value)
        end = 1 << self.bits - 1
        if not -end <= number < end:
            raise Refusal("out_of_range", f"{number} does not fit int{self.bits}")
        return number

    def convert_all(self, values: list[Any]) -> list[Any]:
        return in_range(values, -1 << self.bits - 1, (1 << self.bits - 1) - 1)


class Float(Kind):
    data_type, expected, quick = FLOAT64, "a number", frozenset({int, float})

    def convert(self, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        raise WrongType

    def convert_all(self, values: list[Any]) -> list[Any]:
        floats = [value if value is None else float(value) for value in values]
        # `-0` is an integer to Python's parser, and infinity what is too large.
        if 0 in floats or float("inf") in floats or float("-inf") in floats:
            raise ValueError
        return floats


class Date(Kind):
    data_type, expected, quick = DATE32, "a date as text", frozenset({str})

    def convert(self, value: Any) -> Any:
        return moment(value, date_of, "a date as YYYY-MM-DD")

    def convert_all(self, values: list[Any]) -> list[Any]:
        return [value if value is None else self.convert(value) for value in values]


class Timestamp(Kind):
    """RFC 3339 text."""

    data_type, expected, quick = timestamp(), "a timestamp as text", frozenset({str})

    def convert(self, value: Any) -> Any:
        return moment(value, timestamp_of, "a timestamp as YYYY-MM-DDTHH:MM:SSZ")

    def convert_all(self, values: list[Any]) -> list[Any]:
        return [value if value is None else self.convert(value) for value in values]


@dataclass
class Epoch(Kind):
    """A number since 1970-01-01T00:00:00Z, each worth so many microseconds."""

    unit: int
    data_type, expected, quick = timestamp(), "a timestamp as a number", frozenset({int})

    def convert(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise WrongType
        if isinstance(value, int) and value < _INT64_END:
            shown, microseconds = str(value), value * self.unit
        else:
            shown, microseconds = plain(float(value)), rounded(float(value) * self.unit)
        if not TIMESTAMP_MIN <= microseconds <= TIMESTAMP_MAX:
            message = f"{shown} lies outside of the years 1 to 9999; check the unit"
            raise Refusal("out_of_range", message)
        return microseconds

    def convert_all(self, values: list[Any]) -> list[Any]:
        unit = self.unit
        numbers = [value if value is None else value * unit for value in values]
        return in_range(numbers, TIMESTAMP_MIN, TIMESTAMP_MAX)


@dataclass
class Decimal(Kind):
    """A number, or a string that holds one, as many producers write exact amounts."""

    precision: int
    scale: int
    quick, by_source = frozenset({str}), True

    def __post_init__(self) -> None:
        self.data_type = decimal128(self.precision, self.scale)

    def convert(self, value: Any) -> Any:
        source: str = value
        inside = len(source) > 1 and source[0] == '"' == source[-1]
        text = source[1:-1] if inside else source
        size = f"decimal({self.precision},{self.scale})"
        number = decimal_of(text, self.precision, self.scale)
        if isinstance(number, int):
            return number
        match number:
            case "no_number":
                message = f"invalid type: {shortened(source)}, expected a decimal"
                raise Refusal("wrong_type", message)
            case "too_large":
                raise Refusal("out_of_range", f"{shortened(text)} does not fit {size}")
            case _:
                message = f"{shortened(text)} has more than the {self.scale} decimals of {size}"
                raise Refusal("out_of_range", message)

    def convert_all(self, values: list[Any]) -> list[Any]:
        return [value if value is None else self.convert(value) for value in values]

    def column(self, values: list[Any]) -> Column[Any]:
        return decimals_of(self.data_type, values)


class Json(Kind):
    """Anything but null: the value's text as it was written."""

    data_type, quick, by_source = UTF8, frozenset({str}), True

    def convert(self, value: Any) -> Any:
        return value


def whole(value: Any) -> int:
    """The integer that a value is: also `-0`, which is a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongType
    if isinstance(value, int) and value < _INT64_END:
        return value
    if str(value) == "-0.0":
        return 0
    if abs(value) >= _INT64_END:
        raise Refusal("out_of_range", f"{scientific(float(value))} does not fit int64")
    raise WrongType


def moment(value: Any, parse: Callable[[str], int | None], expected: str) -> int:
    """A date or time from text."""
    if not isinstance(value, str):
        raise WrongType
    number = parse(value)
    if number is None:
        raise Refusal("bad_timestamp", f'"{shortened(value)}" is not {expected}')
    return number


def in_range(numbers: list[Any], low: int, high: int) -> list[Any]:
    """These numbers. Raises ValueError if one of them is not within the bounds."""
    known = [number for number in numbers if number is not None] if None in numbers else numbers
    if known and not low <= min(known) <= max(known) <= high:
        raise ValueError
    return numbers


def rounded(value: float) -> int:
    """The nearest integer, of two the one further from 0."""
    truncated = int(value)
    if abs(value - truncated) >= 0.5:
        truncated += 1 if value > 0 else -1
    return truncated


_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def decimal_of(text: str, precision: int, scale: int) -> int | str:
    """The number in `text`, in JSON's grammar, times 10**scale, without a detour through floating
    point; or why there is none."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return "no_number"
    sign, digits_before, digits_after, power = found.groups(default="")
    fraction = digits_after.rstrip("0")
    exponent = int(power or 0) if len(power) <= 12 else 2**40
    if not -(2**31) <= exponent < 2**31:
        return "no_number"
    significant = (digits_before + fraction).lstrip("0")
    if not significant:
        return 0
    if len(significant) > 39 or int(significant) >= 2**127:
        return "too_large"
    number = int(significant)
    shift = scale + exponent - len(fraction)
    if shift >= 0:
        if shift > 38 or number * 10**shift >= 10**precision:
            return "too_large"
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift) if shift >= -38 else (0, 1)
        if rest:
            return "too_fine"
        if number >= 10**precision:
            return "too_large"
    return -number if sign else number


def described(value: Any) -> str:
    """A JSON value, for a message."""
    match value:
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{as_json(value)}`"
        case str():
            return f"string {quoted(value)}"
        case list():
            return "sequence"
        case _:
            return "map"
