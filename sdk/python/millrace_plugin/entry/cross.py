"""From the contract's types to those of the SDK, and back."""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import fault
from wit_world.imports import types as wit

from ..batch import Batch
from ..columns import FORMATS, Column, decode
from ..describe import Port
from ..errors import ConfigError, ConfigErrors, Failure, told
from ..output import Emitted, Refused
from ..plugin import Plugin
from ..types import DataType, Field, Schema, flatten

F = TypeVar("F", bound=Callable[..., Any])

#: The contract's cases that say no more than their names.
_PLAIN = {
    getattr(wit, f"DataType_{name.title()}"): DataType(name)
    for name in (*FORMATS, "boolean", "utf8", "binary")
    if name != "timestamp"
}
_NESTED = {
    wit.DataType_ListOf: "list_of",
    wit.DataType_StructOf: "struct_of",
    wit.DataType_MapOf: "map_of",
}
_OUT = {type.name: case() for case, type in _PLAIN.items()} | {
    name: case() for case, name in _NESTED.items()
}


def reported(function: F) -> F:
    """Says why a call traps that can't return an error."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:
            fault.report(told(error))
            raise

    return call  # type: ignore[return-value]


def failing(function: F) -> F:
    """Makes any exception the text of an error result."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:
            text = told(error)
        finally:
            _collect_sometimes()
        raise Err(text)

    return call  # type: ignore[return-value]


def ready() -> None:
    """Called when everything is imported. A batch makes many objects and hardly a cycle of them:
    searching for cycles while it is handled would cost a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.disable()


#: Calls between two searches for cycles.
_CALLS_BETWEEN = 8
_calls = itertools.count(1)


def _collect_sometimes() -> None:
    if next(_calls) % _CALLS_BETWEEN == 0:
        gc.collect()


def starting(function: F) -> F:
    """Makes any exception of `start` a list of errors."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ConfigErrors as error:
            errors = error.errors
        except BaseException as error:
            errors = [ConfigError("", told(error))]
        raise Err([wit.ConfigError(error.path, error.message) for error in errors])

    return call  # type: ignore[return-value]


def about(plugin: type[Plugin]) -> wit.About:
    return wit.About(plugin.name, plugin.version, plugin.summary)


def schema(flat: Sequence[wit.Field]) -> Schema:
    """A schema from its flat list."""
    rest = iter(flat)
    fields = []
    for field in rest:
        fields.append(_field(field, rest))
    return Schema(tuple(fields))


def _field(field: wit.Field, rest: Any) -> Field:
    children = tuple(_field(next(rest), rest) for _ in range(field.children))
    case = field.data_type
    match case:
        case wit.DataType_Decimal128(value=size):
            type = DataType("decimal128", precision=size.precision, scale=size.scale)
        case wit.DataType_FixedSizeBinary(value=bytes_each):
            type = DataType("fixed_size_binary", size=bytes_each)
        case wit.DataType_Timestamp(value=zone):
            type = DataType("timestamp", zone=zone)
        case _ if case.__class__ in _NESTED:
            type = DataType(_NESTED[case.__class__], children=children)
        case _:
            type = _PLAIN[case.__class__]
    return Field(field.name, type, field.nullable)


def fields(declared: Sequence[Field]) -> list[wit.Field]:
    """A flat list of fields."""
    return [
        wit.Field(field.name, _data_type(field.type), field.nullable, len(field.type.children))
        for field in flatten(declared)
    ]


def _data_type(type: DataType) -> wit.DataType:
    match type.name:
        case "decimal128":
            return wit.DataType_Decimal128(wit.DecimalSize(type.precision, type.scale))
        case "fixed_size_binary":
            return wit.DataType_FixedSizeBinary(type.size)
        case "timestamp":
            return wit.DataType_Timestamp(type.zone)
        case name:
            return _OUT[name]


def ports(declared: Sequence[Port]) -> list[wit.Port]:
    return [wit.Port(port.name, fields(port.adds), list(port.drops)) for port in declared]


def read_schema(input: Schema, names: Sequence[str]) -> Schema:
    """The columns that a plugin reads."""
    found = []
    for name in names:
        field = input.get(name)
        if field is None:
            problem = f"reads `{name}`, which the input lacks; it has {', '.join(input.names)}"
            raise ConfigErrors.whole(problem)
        found.append(field)
    return Schema(tuple(found))


def batch(schema: Schema, columns: wit.Columns, rows: int) -> Batch:
    return Batch(schema, columns_in(schema.fields, columns), rows)


def columns_in(declared: Sequence[Field], columns: wit.Columns) -> list[Column[Any]]:
    nodes = ((node.length, node.null_count) for node in columns.nodes)
    return decode(declared, nodes, columns.buffers)


def columns_out(columns: Sequence[Column[Any]]) -> wit.Columns:
    nodes: list[tuple[int, int]] = []
    buffers: list[bytes] = []
    for column in columns:
        column.encode(nodes, buffers)
    return wit.Columns([wit.Node(length, nulls) for length, nulls in nodes], buffers)


def outputs(emitted: Sequence[Emitted]) -> list[wit.PortOutput]:
    return [
        wit.PortOutput(
            part.port,
            wit.Selection_All() if part.rows is None else wit.Selection_Rows(part.rows),
            columns_out(part.columns),
        )
        for part in emitted
    ]


def row_errors(refused: Sequence[Refused]) -> list[wit.RowError]:
    return [wit.RowError(one.row, one.code, one.message, one.column) for one in refused]


def started(instance: Any) -> Any:
    """What `start` made."""
    if instance is None:
        raise Failure("the plugin was called before `start`")
    return instance
