"""Columns from Python values."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, chain
from typing import Any

from .bits import pack_bits
from .columns import (
    FORMATS,
    BinaryColumn,
    BooleanColumn,
    Column,
    DecimalColumn,
    FixedBinaryColumn,
    ListColumn,
    MapColumn,
    NumberColumn,
    StructColumn,
    TextColumn,
)
from .times import days_of, microseconds_of
from .types import DataType, Field


def column_of(type: DataType, values: Iterable[Any] | Column[Any]) -> Column[Any]:
    """A column of these values, None where a row has none.

    Numbers as a list, `array` or `memoryview`; booleans also as `bytes` of 0 and 1; text as `str`,
    or as `bytes` that are known to be UTF-8; decimals as `Decimal` or `int`; dates, times,
    timestamps and durations as integers (days, microseconds) or those of `datetime`; lists as any
    sequence; records as dictionaries, dataclasses or tuples; maps as dictionaries or lists of
    pairs. A column of the type is taken as it is.

    Raises TypeError, ValueError or OverflowError if a value does not fit the type.
    """
    if isinstance(values, Column):
        if values.type != type:
            raise TypeError(f"a column of {values.type} where {type} belongs")
        return values
    if not isinstance(values, (list, tuple, bytes, array, memoryview)):
        values = list(values)
    match type.name:
        case "boolean":
            return _booleans(type, values)
        case "utf8":
            return _texts(type, values)
        case "binary":
            return _binaries(type, values)
        case "decimal128":
            return _decimals(type, values)
        case "fixed_size_binary":
            return _fixed(type, values)
        case "list_of":
            return _lists(type, values)
        case "struct_of":
            return _structs(type, values)
        case "map_of":
            return _maps(type, values)
        case _:
            return _numbers(type, values)


def decimals_of(type: DataType, unscaled: Sequence[int | None]) -> DecimalColumn:
    """A column of decimals from integers: each number times 10 to the power of `type.scale`. As in
    Arrow, nobody counts their digits."""
    null_count, validity, filled = _nulls(unscaled, 0)
    data = b"".join([number.to_bytes(16, "little", signed=True) for number in filled])
    return DecimalColumn(type, len(filled), null_count, validity, data)


def _nulls(values: Sequence[Any], zero: Any) -> tuple[int, bytes, Sequence[Any]]:
    """How many are None, a bit for each that is not, and the values with `zero` for None."""
    valid = bytes([value is not None for value in values])
    null_count = valid.count(0)
    if not null_count:
        return 0, b"", values
    if null_count == len(values):
        return null_count, bytes(null_count + 7 >> 3), [zero] * null_count
    filled = [zero if value is None else value for value in values]
    return null_count, pack_bits(valid), filled


def _numbers(type: DataType, values: Sequence[Any]) -> NumberColumn[Any]:
    code = FORMATS[type.name]
    if isinstance(values, (array, memoryview)):
        own = values.typecode if isinstance(values, array) else values.format
        if own == code:
            return NumberColumn(type, len(values), 0, b"", values.tobytes())
        values = values.tolist()
    try:
        return NumberColumn(type, len(values), 0, b"", array(code, values).tobytes())
    except TypeError:
        null_count, validity, filled = _nulls(values, 0)
    try:
        data = array(code, filled)
    except TypeError:
        filled = [_as_number(type, value) for value in filled]
        data = array(code, filled)
    return NumberColumn(type, len(values), null_count, validity, data.tobytes())


def _as_number(type: DataType, value: Any) -> Any:
    match value:
        case datetime():
            return microseconds_of(value)
        case date():
            return days_of(value)
        case time() | timedelta():
            return microseconds_of(value)
        case Decimal() if type.name.startswith("float"):
            return float(value)
        case _:
            return value


def _booleans(type: DataType, values: Sequence[Any]) -> BooleanColumn:
    null_count, validity = 0, b""
    try:
        flags = bytes(values)
    except TypeError:
        null_count, validity, filled = _nulls(values, False)
        flags = bytes(filled)
    return BooleanColumn(type, len(values), null_count, validity, pack_bits(flags))


def _texts(type: DataType, values: Sequence[Any]) -> TextColumn:
    null_count, validity = 0, b""
    try:
        text = "".join(values)
    except TypeError:
        null_count, validity, values = _nulls(values, "")
        if null_count == len(values):
            return TextColumn(
                type, null_count, null_count, validity, bytes(4 * null_count + 4), b""
            )
        try:
            text = "".join(values)
        except TypeError:
            parts = list(map(_utf8, values))
            return TextColumn(type, len(parts), null_count, validity, *_joined(parts))
    if text.isascii():
        ends = _offsets(values)
        return TextColumn(type, len(values), null_count, validity, ends, text.encode("ascii"))
    parts = [value.encode() for value in values]
    return TextColumn(type, len(parts), null_count, validity, *_joined(parts))


def _utf8(value: str | bytes) -> bytes:
    match value:
        case str():
            return value.encode()
        case bytes():
            return value
    raise TypeError(f"a text is str, or bytes that are UTF-8, and not {value!r}")


def _binaries(type: DataType, values: Sequence[Any]) -> BinaryColumn:
    null_count, validity = 0, b""
    try:
        data = b"".join(values)
    except TypeError:
        null_count, validity, values = _nulls(values, b"")
        data = b"".join(values)
    return BinaryColumn(type, len(values), null_count, validity, _offsets(values), data)


def _fixed(type: DataType, values: Sequence[Any]) -> FixedBinaryColumn:
    null_count, validity, filled = _nulls(values, bytes(type.size))
    for value in filled:
        if len(value) != type.size:
            raise ValueError(f"{len(value)} bytes where {type.size} belong")
    return FixedBinaryColumn(type, len(filled), null_count, validity, b"".join(filled))


def _decimals(type: DataType, values: Sequence[Any]) -> DecimalColumn:
    return decimals_of(type, [v if v is None else unscaled(v, type.scale) for v in values])


def unscaled(value: Decimal | int, scale: int) -> int:
    """A number times 10 to the power of `scale`, exactly.

    Raises ValueError if digits would be lost.
    """
    if isinstance(value, int):
        numerator, exponent = value, 0
    elif isinstance(value, Decimal):
        sign, digits, exponent_or_name = value.as_tuple()
        if not isinstance(exponent_or_name, int):
            raise ValueError(f"{value} is no decimal")
        numerator, exponent = int("".join(map(str, digits)) or "0"), exponent_or_name
        numerator = -numerator if sign else numerator
    else:
        raise TypeError(f"a decimal is a Decimal or int, and not {value!r}")
    shift = exponent + scale
    power: int = 10 ** abs(shift)
    if shift >= 0:
        return numerator * power
    whole, rest = divmod(abs(numerator), power)
    if rest:
        raise ValueError(f"{value} has more than {scale} decimals")
    return -whole if numerator < 0 else whole


def _lists(type: DataType, values: Sequence[Any]) -> ListColumn:
    null_count, validity, filled = _nulls(values, ())
    items = column_of(type.children[0].type, list(chain.from_iterable(filled)))
    return ListColumn(type, len(filled), null_count, validity, _offsets(filled), items)


def _maps(type: DataType, values: Sequence[Any]) -> MapColumn:
    null_count, validity, filled = _nulls(values, ())
    pairs = [list(v.items()) if isinstance(v, Mapping) else list(v) for v in filled]
    entries = _structs(type.children[0].type, list(chain.from_iterable(pairs)))
    return MapColumn(type, len(filled), null_count, validity, _offsets(pairs), entries)


def _structs(type: DataType, values: Sequence[Any]) -> StructColumn:
    null_count, validity, filled = _nulls(values, None)
    columns = columns_of(type.children, filled)
    return StructColumn(type, len(filled), null_count, validity, columns)


def columns_of(fields: Sequence[Field], rows: Sequence[Any]) -> list[Column[Any]]:
    """A column for each field from rows that are dictionaries, dataclasses or tuples; a row that
    is None is None in all of them."""
    if not fields:
        return []
    names = [field.name for field in fields]
    # Where there is no record, what may not be None is anything.
    nothing = [None if field.nullable else _zero(field.type) for field in fields]
    known: dict[type, bool] = {}

    def parts(row: Any) -> Sequence[Any]:
        if row is None:
            return nothing
        if isinstance(row, Mapping):
            return [row.get(name) for name in names]
        if isinstance(row, (tuple, list)):
            return row
        if type(row) not in known:
            own = {field.name for field in dataclass_fields(row)} if is_dataclass(row) else set()
            if missing := [name for name in names if name not in own]:
                raise TypeError(f"{type(row).__name__} has no field `{missing[0]}`")
            known[type(row)] = True
        return [getattr(row, name) for name in names]

    by_row = [parts(row) for row in rows]
    if not by_row:
        return [column_of(field.type, []) for field in fields]
    by_column = list(zip(*by_row, strict=True))
    if len(by_column) != len(fields):
        raise ValueError(f"{len(by_column)} values in a row of {len(fields)}")
    return [_checked(field, values) for field, values in zip(fields, by_column)]


def _zero(type: DataType) -> Any:
    """Any value of a type."""
    match type.name:
        case "boolean":
            return False
        case "utf8":
            return ""
        case "binary" | "fixed_size_binary":
            return bytes(type.size)
        case "list_of" | "map_of":
            return ()
        case "struct_of":
            return [None if field.nullable else _zero(field.type) for field in type.children]
        case _:
            return 0


def _checked(field: Field, values: Sequence[Any]) -> Column[Any]:
    try:
        return column_of(field.type, values)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"`{field.name}` ({field.type}): {error}") from error


def _joined(parts: Sequence[bytes]) -> tuple[bytes, bytes]:
    return _offsets(parts), b"".join(parts)


def _offsets(values: Sequence[Any]) -> bytes:
    lengths = list(map(len, values))
    if len(set(lengths)) == 1 and lengths[0]:
        # Codes and ids are often of one length.
        return array("i", range(0, lengths[0] * len(lengths) + 1, lengths[0])).tobytes()
    return array("i", accumulate(lengths, initial=0)).tobytes()
