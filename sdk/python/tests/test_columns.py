"""Columns in and out: what is written is read again, for every type."""

import unittest
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from millrace_plugin import (
    BINARY,
    BOOLEAN,
    DATE32,
    DURATION,
    FLOAT32,
    FLOAT64,
    INT8,
    INT64,
    UINT64,
    UTF8,
    Column,
    DataType,
    Field,
    StructColumn,
    TextColumn,
    column_of,
    columns_of,
    decimal128,
    decimals_of,
    fixed_size_binary,
    list_of,
    map_of,
    struct_of,
    timestamp,
)
from millrace_plugin.columns import decode


def crossed(column: Column[Any]) -> Column[Any]:
    """A column after it went over the boundary and came back."""
    nodes: list[tuple[int, int]] = []
    buffers: list[bytes] = []
    column.encode(nodes, buffers)
    for buffer in buffers:
        # componentize-py takes no bytearray, no array and no memoryview.
        assert type(buffer) is bytes
    return decode([Field("x", column.type)], nodes, buffers)[0]


class EveryType(unittest.TestCase):
    def assert_kept(self, type: DataType, values: list[Any]) -> None:
        column = crossed(column_of(type, values))
        self.assertEqual(column.to_list(), values)
        self.assertEqual([column[row] for row in range(len(column))], values)
        self.assertEqual(column.null_count, values.count(None))
        self.assertEqual(
            [column.is_valid(row) for row in range(len(values))],
            [value is not None for value in values],
        )

    def test_values_come_back_with_and_without_nulls(self) -> None:
        place = struct_of([Field("lat", FLOAT64), Field("tags", list_of(UTF8))])
        for type, values in (
            (BOOLEAN, [True, False, True]),
            (INT8, [-128, 0, 127]),
            (INT64, [-(2**63), 0, 2**63 - 1]),
            (UINT64, [0, 2**53 + 1, 2**64 - 1]),
            (FLOAT32, [0.5, -1.0]),
            (FLOAT64, [0.1, -0.0, 1e308]),
            (UTF8, ["", "a", "long enough"]),
            (UTF8, ["Zürich", "東京 🦀", "\0"]),
            (BINARY, [b"", b"\0\xff"]),
            (fixed_size_binary(2), [b"ab", b"\0\0"]),
            (decimal128(38, 6), [Decimal("0.000001"), Decimal(-(10**31)), Decimal("1.5")]),
            (DATE32, [-1, 0, 19_000]),
            (timestamp(), [-1, 1_700_000_000_000_000]),
            (DURATION, [5]),
            (list_of(INT64), [[1, None, 2**53 + 1], [], [3]]),
            (list_of(list_of(UTF8)), [[["a"], []], []]),
            (place, [{"lat": 1.0, "tags": ["x", None]}, {"lat": None, "tags": None}]),
            (map_of(UTF8, INT64), [[("a", 1), ("a", None)], []]),
        ):
            with self.subTest(str(type)):
                self.assert_kept(type, values)
                self.assert_kept(type, [None, *values, None])
                self.assert_kept(type, [None] * 9)
                self.assert_kept(type, [])

    def test_many_rows_with_nulls_keep_their_places(self) -> None:
        values = [None if row % 3 == 0 else row % 2 == 0 for row in range(1000)]
        self.assert_kept(BOOLEAN, values)

    def test_records_may_be_dataclasses_tuples_or_dictionaries(self) -> None:
        type = struct_of([Field("a", INT64), Field("b", UTF8)])
        for record in ({"b": "x", "a": 1}, (1, "x")):
            self.assertEqual(column_of(type, [record]).to_list(), [{"a": 1, "b": "x"}])

    def test_what_may_not_be_none_is_something_below_a_record_that_is(self) -> None:
        inner = struct_of([Field("n", INT64, nullable=False)])
        column = column_of(inner, [None, {"n": 3}])
        assert isinstance(column, StructColumn)
        self.assertEqual(column.to_list(), [None, {"n": 3}])
        self.assertEqual(column.field("n").null_count, 0)

    def test_dates_and_times_may_be_those_of_datetime(self) -> None:
        at = datetime(2023, 11, 14, 22, 13, 20, 5, tzinfo=UTC)
        moments = column_of(timestamp(), [at, None]).to_list()
        self.assertEqual(moments, [1_700_000_000_000_005, None])
        self.assertEqual(column_of(DATE32, [date(1970, 1, 2)]).to_list(), [1])
        self.assertEqual(column_of(DURATION, [timedelta(seconds=1)]).to_list(), [1_000_000])

    def test_decimals_are_exact(self) -> None:
        digits = 12345678901234567890123456789012123456
        column = decimals_of(decimal128(38, 6), [digits, None])
        self.assertEqual(column[0], Decimal("12345678901234567890123456789012.123456"))
        with self.assertRaises(ValueError):
            column_of(decimal128(10, 2), [Decimal("0.001")])


class Wrong(unittest.TestCase):
    def test_a_value_that_does_not_fit_names_its_column(self) -> None:
        for type, value in ((INT8, 128), (INT64, "7"), (UTF8, 7), (fixed_size_binary(2), b"abc")):
            with self.subTest(str(type)), self.assertRaises((TypeError, ValueError, OverflowError)):
                column_of(type, [value])
        with self.assertRaisesRegex(OverflowError, "`small` \\(Int8\\)"):
            columns_of([Field("small", INT8)], [{"small": 1000}])

    def test_a_column_of_another_type_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "Int64 where Utf8 belongs"):
            column_of(UTF8, column_of(INT64, [1]))


class Speed(unittest.TestCase):
    def test_numbers_are_a_view_and_text_is_not_decoded(self) -> None:
        numbers: Any = crossed(column_of(FLOAT64, [1.0, 2.0]))
        self.assertIsInstance(numbers.values, memoryview)
        texts = crossed(column_of(UTF8, ["ä", None, "b"]))
        assert isinstance(texts, TextColumn)
        self.assertEqual(texts.raw(), ["ä".encode(), b"", b"b"])


if __name__ == "__main__":
    unittest.main()
