"""Rows on their way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar, cast, get_args, get_type_hints

from .columns import (
    BinaryColumn,
    BooleanColumn,
    Column,
    DecimalColumn,
    ListColumn,
    MapColumn,
    NumberColumn,
    StructColumn,
    TextColumn,
)
from .errors import Failure
from .times import date_of, datetime_of, time_of
from .types import DataType, Schema

R = TypeVar("R")
C = TypeVar("C", bound=Column[Any])


class Batch:
    """Some rows: 1 to 65,536 of them, with the columns of `Description.reads`.

    `len(batch)` is the number of rows. The methods named after types return the column of this
    name, or raise Failure if the batch has none of that type.
    """

    def __init__(self, schema: Schema, columns: Sequence[Column[Any]], rows: int) -> None:
        #: Names and types of the columns.
        self.schema = schema
        #: The columns in order.
        self.columns = list(columns)
        self._rows = rows
        self._by_name = dict(zip(schema.names, columns))

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Column[Any]:
        """The column of this name."""
        column = self._by_name.get(name)
        if column is None:
            names = ", ".join(self._by_name)
            raise Failure(f"the batch has no column `{name}`; it has {names}")
        return column

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def float64(self, name: str) -> NumberColumn[float]:
        """A column of type float64."""
        return self._number(name, "float64")

    def int64(self, name: str) -> NumberColumn[int]:
        """A column of type int64."""
        return self._number(name, "int64")

    def timestamp(self, name: str) -> NumberColumn[int]:
        """A column of timestamps: microseconds since 1970 in UTC."""
        return self._number(name, "timestamp")

    def number(self, name: str) -> NumberColumn[Any]:
        """A column of any type of number, date or time."""
        return self._typed(name, NumberColumn)

    def boolean(self, name: str) -> BooleanColumn:
        """A column of True and False."""
        return self._typed(name, BooleanColumn)

    def text(self, name: str) -> TextColumn:
        """A column of text."""
        return self._typed(name, TextColumn)

    def binary(self, name: str) -> BinaryColumn:
        """A column of bytes."""
        return self._typed(name, BinaryColumn)

    def decimal(self, name: str) -> DecimalColumn:
        """A column of decimals."""
        return self._typed(name, DecimalColumn)

    def list(self, name: str) -> ListColumn:
        """A column of lists."""
        return self._typed(name, ListColumn)

    def struct(self, name: str) -> StructColumn:
        """A column of records."""
        return self._typed(name, StructColumn)

    def map(self, name: str) -> MapColumn:
        """A column of maps."""
        return self._typed(name, MapColumn)

    def rows(self, row_type: type[R]) -> Iterator[R]:
        """One object for each row: a dataclass or named tuple whose fields are columns.

        Dates and times become those of `datetime` where a field is declared so, and integers
        otherwise. Raises Failure if a column is missing.
        """
        hints = get_type_hints(row_type)
        if is_dataclass(row_type):
            names = [field.name for field in dataclass_fields(row_type)]
        else:
            names = list(getattr(row_type, "_fields", hints))
        columns = [_as_declared(self[name], hints.get(name)) for name in names]
        if not columns:
            return iter([row_type() for _ in range(self._rows)])
        return map(row_type, *columns)

    def _number(self, name: str, type_name: str) -> NumberColumn[Any]:
        column = self[name]
        if column.type.name != type_name:
            raise Failure(f"column `{name}` has type {column.type}, and not {type_name}")
        return cast(NumberColumn[Any], column)

    def _typed(self, name: str, kind: type[C]) -> C:
        column = self[name]
        if not isinstance(column, kind):
            wanted = kind.__name__.removesuffix("Column").lower()
            raise Failure(f"column `{name}` has type {column.type}, and not {wanted}")
        return column


def _as_declared(column: Column[Any], hint: Any) -> list[Any]:
    """A column's values, dates and times as what a field's annotation says."""
    values = column.to_list()
    convert = _conversion(column.type, hint)
    if convert is None:
        return values
    return [value if value is None else convert(value) for value in values]


def _conversion(type: DataType, hint: Any) -> Callable[[int], Any] | None:
    wanted = [hint, *get_args(hint)]
    match type.name:
        case "date32" if date in wanted:
            return date_of
        case "timestamp" if datetime in wanted:
            return partial(datetime_of, local=type.zone is None)
        case "time64" if time in wanted:
            return time_of
        case "duration" if timedelta in wanted:
            return lambda microseconds: timedelta(microseconds=microseconds)
        case _:
            return None
