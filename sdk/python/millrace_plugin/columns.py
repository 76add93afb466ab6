"""Columns as they come in, read without a copy where Python can.

A column is a sequence of Python values, None where it has no value:

    for amount in batch["amount"]: ...

That makes an object for each value. What is faster is to take a column as a whole: `values` of a
column of numbers is a `memoryview` that can be indexed, sliced, zipped and compared in
comprehensions; `raw()` of a column of text gives the bytes of each value, undecoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any, Generic, TypeVar

from .bits import unpack_bits
from .types import DataType, Field

T = TypeVar("T")

#: The `memoryview` format of each type whose values all have one size.
FORMATS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
    "date32": "i",
    "time64": "q",
    "timestamp": "q",
    "duration": "q",
}


#: Room for all digits of 128 bits.
_ANY_SIZE = Context(prec=40)


class Column(Sequence["T | None"], Generic[T]):
    """A column, or a part of a nested one."""

    #: What it holds.
    type: DataType
    #: How many of its values are None.
    null_count: int

    def __init__(self, type: DataType, length: int, null_count: int, validity: bytes) -> None:
        self.type = type
        self.null_count = null_count if validity else 0
        self._length = length
        self._validity = validity if self.null_count else b""
        self._valid: bytes | None = None

    @property
    def valid(self) -> bytes:
        """A byte for each row: 1 if it has a value, 0 if it is None."""
        if self._valid is None:
            if self.null_count:
                self._valid = unpack_bits(self._validity, self._length)
            else:
                self._valid = b"\1" * self._length
        return self._valid

    def is_valid(self, row: int) -> bool:
        """Whether a row has a value."""
        return not self.null_count or self._validity[row >> 3] >> (row & 7) & 1 == 1

    def to_list(self) -> list[T | None]:
        """All values, None where there is none."""
        values = self._all()
        if self.null_count:
            return [value if valid else None for value, valid in zip(values, self.valid)]
        return values if isinstance(values, list) else list(values)

    def take(self, rows: Iterable[int]) -> list[T | None]:
        """The values of these rows."""
        values = self.to_list()
        return [values[row] for row in rows]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T | None]:
        return iter(self.to_list())

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(self._length))]
        if not -self._length <= row < self._length:
            raise IndexError(f"row {row} of {self._length}")
        row %= self._length
        return self._one(row) if self.is_valid(row) else None

    def __repr__(self) -> str:
        return f"<Column of {self._length} {self.type}, {self.null_count} of them null>"

    def _all(self) -> Iterable[T]:
        """All values, whatever stands where there is none."""
        raise NotImplementedError

    def _one(self, row: int) -> T:
        raise NotImplementedError

    def encode(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        """Appends it to columns on their way out: lengths with counts of nulls, and buffers."""
        nodes.append((self._length, self.null_count))
        buffers.append(self._validity)
        self._encode_values(nodes, buffers)

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        raise NotImplementedError


class NumberColumn(Column[T]):
    """Numbers; also dates, times, timestamps and durations, which are integers here: days or
    microseconds."""

    #: All numbers; where there is no value, any number.
    values: Sequence[T]

    def __init__(
        self, type: DataType, length: int, null_count: int, validity: bytes, data: bytes
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._data = data
        view: Any = memoryview(data)
        self.values = view.cast(FORMATS[type.name])[:length]

    def _all(self) -> Iterable[T]:
        # All at once; going through a `memoryview` takes twice as long.
        values: Any = self.values
        return values.tolist()  # type: ignore[no-any-return]

    def _one(self, row: int) -> T:
        return self.values[row]

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._data)


class BooleanColumn(Column[bool]):
    """True and False."""

    def __init__(
        self, type: DataType, length: int, null_count: int, validity: bytes, data: bytes
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._data = data
        self._values: bytes | None = None

    @property
    def values(self) -> bytes:
        """A byte for each row, 0 or 1; where there is no value, either of them."""
        if self._values is None:
            self._values = unpack_bits(self._data, self._length)
        return self._values

    def _all(self) -> Iterable[bool]:
        return map(bool, self.values)

    def _one(self, row: int) -> bool:
        return self._data[row >> 3] >> (row & 7) & 1 == 1

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._data)


class DecimalColumn(Column[Decimal]):
    """Exact decimals."""

    def __init__(
        self, type: DataType, length: int, null_count: int, validity: bytes, data: bytes
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._data = data
        self._unscaled: list[int] | None = None

    @property
    def unscaled(self) -> list[int]:
        """Each number times 10 to the power of `type.scale`; any where there is no value."""
        if self._unscaled is None:
            view = memoryview(self._data)[: 16 * self._length]
            low, high = view.cast("Q")[::2].tolist(), view.cast("q")[1::2].tolist()
            self._unscaled = [high << 64 | low for high, low in zip(high, low)]
        return self._unscaled

    def _all(self) -> Iterable[Decimal]:
        scale = -self.type.scale
        return [decimal(number, scale) for number in self.unscaled]

    def _one(self, row: int) -> Decimal:
        number = int.from_bytes(self._data[16 * row : 16 * row + 16], "little", signed=True)
        return decimal(number, -self.type.scale)

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._data)


class BytesColumn(Column[T]):
    """What text and bytes share: values of any length, one after the other in `data`."""

    #: Where each value begins in `data`, and where the last one ends: one more than rows.
    offsets: memoryview[int]
    #: All values, one after the other.
    data: bytes

    def __init__(
        self,
        type: DataType,
        length: int,
        null_count: int,
        validity: bytes,
        offsets: bytes,
        data: bytes,
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._offsets = offsets
        self.offsets = memoryview(offsets).cast("i")[: length + 1]
        self.data = data
        self._raw: list[bytes] | None = None

    def raw(self) -> list[bytes]:
        """The bytes of each value; empty where there is none."""
        if self._raw is None:
            data, ends = self.data, self.offsets.tolist()
            self._raw = [data[start:end] for start, end in pairwise(ends)]
        return self._raw

    def raw_at(self, row: int) -> bytes:
        """The bytes of a value; empty where there is none."""
        return self.data[self.offsets[row] : self.offsets[row + 1]]

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._offsets)
        buffers.append(self.data)


class TextColumn(BytesColumn[str]):
    """Text. It is decoded when it is asked for."""

    def _all(self) -> Iterable[str]:
        ends = self.offsets.tolist()
        if self.data.isascii():
            # Slices of one string are cheaper than a string from each slice of the bytes.
            text = self.data.decode("ascii")
            return [text[start:end] for start, end in pairwise(ends)]
        data = self.data
        return [data[start:end].decode() for start, end in pairwise(ends)]

    def _one(self, row: int) -> str:
        return self.raw_at(row).decode()


class BinaryColumn(BytesColumn[bytes]):
    """Bytes."""

    def _all(self) -> Iterable[bytes]:
        return list(self.raw())

    def _one(self, row: int) -> bytes:
        return self.raw_at(row)


class FixedBinaryColumn(Column[bytes]):
    """Bytes of one length, `type.size`."""

    def __init__(
        self, type: DataType, length: int, null_count: int, validity: bytes, data: bytes
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self.data = data

    def _all(self) -> Iterable[bytes]:
        size, data = self.type.size, self.data
        return [data[at : at + size] for at in range(0, size * self._length, size)]

    def _one(self, row: int) -> bytes:
        size = self.type.size
        return self.data[row * size : row * size + size]

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self.data)


class ListColumn(Column[list[Any]]):
    """A list per row. `items` has those of all rows, one after the other."""

    #: Where each row's list begins in `items`, and where the last one ends.
    offsets: memoryview[int]
    items: Column[Any]

    def __init__(
        self,
        type: DataType,
        length: int,
        null_count: int,
        validity: bytes,
        offsets: bytes,
        items: Column[Any],
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._offsets = offsets
        self.offsets = memoryview(offsets).cast("i")[: length + 1]
        self.items = items

    def _all(self) -> Iterable[list[Any]]:
        items, ends = self.items.to_list(), self.offsets.tolist()
        return [items[start:end] for start, end in pairwise(ends)]

    def _one(self, row: int) -> list[Any]:
        items = self.items
        return [items[at] for at in range(self.offsets[row], self.offsets[row + 1])]

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._offsets)
        self.items.encode(nodes, buffers)


class StructColumn(Column[dict[str, Any]]):
    """A record per row, as a dictionary; `column["name"]` is the column of a field."""

    def __init__(
        self,
        type: DataType,
        length: int,
        null_count: int,
        validity: bytes,
        children: list[Column[Any]],
    ) -> None:
        super().__init__(type, length, null_count, validity)
        #: The columns of the fields, in order.
        self.children = children

    def field(self, name: str) -> Column[Any]:
        """The column of a field. Where the record is None, any value stands there."""
        for field, child in zip(self.type.children, self.children):
            if field.name == name:
                return child
        raise KeyError(name)

    def _all(self) -> Iterable[dict[str, Any]]:
        names = [field.name for field in self.type.children]
        if not names:
            return [{} for _ in range(self._length)]
        columns = [child.to_list() for child in self.children]
        return [dict(zip(names, values)) for values in zip(*columns)]

    def _one(self, row: int) -> dict[str, Any]:
        return {f.name: child[row] for f, child in zip(self.type.children, self.children)}

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        for child in self.children:
            child.encode(nodes, buffers)


class MapColumn(Column[list[tuple[Any, Any]]]):
    """A list of pairs of key and value per row; `dict(pairs)` makes a dictionary of one. `keys` and
    `values` have those of all rows, one after the other."""

    #: Where each row's pairs begin in `keys` and `values`, and where the last ones end.
    offsets: memoryview[int]
    keys: Column[Any]
    values: Column[Any]

    def __init__(
        self,
        type: DataType,
        length: int,
        null_count: int,
        validity: bytes,
        offsets: bytes,
        entries: StructColumn,
    ) -> None:
        super().__init__(type, length, null_count, validity)
        self._offsets = offsets
        self._entries = entries
        self.offsets = memoryview(offsets).cast("i")[: length + 1]
        self.keys, self.values = entries.children

    def _all(self) -> Iterable[list[tuple[Any, Any]]]:
        pairs = list(zip(self.keys.to_list(), self.values.to_list()))
        ends = self.offsets.tolist()
        return [pairs[start:end] for start, end in pairwise(ends)]

    def _one(self, row: int) -> list[tuple[Any, Any]]:
        pairs = range(self.offsets[row], self.offsets[row + 1])
        return [(self.keys[at], self.values[at]) for at in pairs]

    def _encode_values(self, nodes: list[tuple[int, int]], buffers: list[bytes]) -> None:
        buffers.append(self._offsets)
        self._entries.encode(nodes, buffers)


def decimal(unscaled: int, exponent: int) -> Decimal:
    """A decimal of any number of digits, exactly."""
    return Decimal(unscaled).scaleb(exponent, _ANY_SIZE)


def decode(
    fields: Sequence[Field], nodes: Iterable[tuple[int, int]], buffers: Iterable[bytes]
) -> list[Column[Any]]:
    """Columns of these fields from what came over the boundary: the length and the count of nulls
    of each, and the buffers."""
    lengths, rest = iter(nodes), iter(buffers)
    return [_decode(field.type, lengths, rest) for field in fields]


def _decode(
    type: DataType, nodes: Iterator[tuple[int, int]], buffers: Iterator[bytes]
) -> Column[Any]:
    length, null_count = next(nodes)
    validity = next(buffers)
    match type.name:
        case "boolean":
            return BooleanColumn(type, length, null_count, validity, next(buffers))
        case "utf8":
            return TextColumn(type, length, null_count, validity, next(buffers), next(buffers))
        case "binary":
            return BinaryColumn(type, length, null_count, validity, next(buffers), next(buffers))
        case "decimal128":
            return DecimalColumn(type, length, null_count, validity, next(buffers))
        case "fixed_size_binary":
            return FixedBinaryColumn(type, length, null_count, validity, next(buffers))
        case "list_of":
            offsets = next(buffers)
            items = _decode(type.children[0].type, nodes, buffers)
            return ListColumn(type, length, null_count, validity, offsets, items)
        case "struct_of":
            children = [_decode(child.type, nodes, buffers) for child in type.children]
            return StructColumn(type, length, null_count, validity, children)
        case "map_of":
            offsets = next(buffers)
            entries = _decode(type.children[0].type, nodes, buffers)
            assert isinstance(entries, StructColumn)
            return MapColumn(type, length, null_count, validity, offsets, entries)
        case _:
            return NumberColumn(type, length, null_count, validity, next(buffers))
