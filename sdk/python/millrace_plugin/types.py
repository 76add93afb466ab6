"""The types that columns have, and schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: How Arrow writes the types, as in Millrace's own messages.
_ARROW_NAMES = {
    "boolean": "Boolean",
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
    "utf8": "Utf8",
    "binary": "Binary",
    "date32": "Date32",
    "time64": "Time64(µs)",
    "duration": "Duration(µs)",
}


@dataclass(frozen=True)
class DataType:
    """The type of a column, or of a part of a nested one.

    Use the constants (`INT64`, `UTF8`, ...) and functions (`decimal128`, `list_of`, ...) of this
    module rather than the class.
    """

    #: As `wit/types.wit` has it, with underscores: `int64`, `utf8`, `list_of`, ...
    name: str
    #: Of `decimal128`: how many digits, and how many of them after the point.
    precision: int = 0
    scale: int = 0
    #: Of `fixed_size_binary`: how many bytes.
    size: int = 0
    #: Of `timestamp`: the time zone in which to show it; None for a local time.
    zone: str | None = None
    #: Of `list_of` the item, of `struct_of` its fields, of `map_of` the one field `entries`.
    children: tuple[Field, ...] = ()

    def __str__(self) -> str:
        match self.name:
            case "decimal128":
                return f"Decimal128({self.precision}, {self.scale})"
            case "fixed_size_binary":
                return f"FixedSizeBinary({self.size})"
            case "timestamp":
                return "Timestamp(µs)" if self.zone is None else f'Timestamp(µs, "{self.zone}")'
            case "list_of" | "struct_of" | "map_of":
                children = ", ".join(f'"{field.name}": {field.type}' for field in self.children)
                return f"{self.name.removesuffix('_of').title()}({children})"
            case name:
                return _ARROW_NAMES[name]


@dataclass(frozen=True)
class Field:
    """A column's name and type, and whether it may hold None."""

    name: str
    type: DataType
    nullable: bool = True


@dataclass(frozen=True)
class Schema:
    """The columns of an input, in order."""

    fields: tuple[Field, ...]

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [field.name for field in self.fields]

    @property
    def types(self) -> list[DataType]:
        """The columns' types."""
        return [field.type for field in self.fields]

    def get(self, name: str) -> Field | None:
        """The column of this name, if there is one."""
        return next((field for field in self.fields if field.name == name), None)


BOOLEAN = DataType("boolean")
INT8 = DataType("int8")
INT16 = DataType("int16")
INT32 = DataType("int32")
INT64 = DataType("int64")
UINT8 = DataType("uint8")
UINT16 = DataType("uint16")
UINT32 = DataType("uint32")
UINT64 = DataType("uint64")
FLOAT32 = DataType("float32")
FLOAT64 = DataType("float64")
#: Text.
UTF8 = DataType("utf8")
#: Bytes.
BINARY = DataType("binary")
#: Days since 1970-01-01.
DATE32 = DataType("date32")
#: Microseconds since midnight.
TIME64 = DataType("time64")
#: Microseconds.
DURATION = DataType("duration")


def timestamp(zone: str | None = "UTC") -> DataType:
    """Microseconds since 1970 in UTC, shown in `zone`; None for a local time."""
    return DataType("timestamp", zone=zone)


def decimal128(precision: int, scale: int) -> DataType:
    """Exact decimals of up to `precision` digits, `scale` of them after the point."""
    return DataType("decimal128", precision=precision, scale=scale)


def fixed_size_binary(size: int) -> DataType:
    """Strings of `size` bytes."""
    return DataType("fixed_size_binary", size=size)


def list_of(item: DataType | Field) -> DataType:
    """A list per row; items of a plain type may be None."""
    field = item if isinstance(item, Field) else Field("item", item)
    return DataType("list_of", children=(field,))


def struct_of(fields: Sequence[Field]) -> DataType:
    """A record per row."""
    return DataType("struct_of", children=tuple(fields))


def map_of(key: DataType, value: DataType | Field) -> DataType:
    """Key-value pairs per row; values of a plain type may be None."""
    value = value if isinstance(value, Field) else Field("values", value)
    entries = struct_of([Field("keys", key, nullable=False), value])
    return DataType("map_of", children=(Field("entries", entries, nullable=False),))


def flatten(fields: Sequence[Field]) -> Iterator[Field]:
    """All fields and those within them, depth-first."""
    for field in fields:
        yield field
        yield from flatten(field.type.children)
