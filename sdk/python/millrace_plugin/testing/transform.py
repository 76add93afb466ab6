"""Runs a transform plugin natively."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..batch import Batch
from ..columns import Column
from ..config import config_of
from ..describe import Description, Port
from ..errors import Failure
from ..output import Emitted, Output, Refused
from ..plugin import Plugin, parameters
from ..transform import Transform
from ..types import Field, Schema

#: A configuration: JSON, or what it says.
Config = str | Mapping[str, Any]
#: A row of a port: the columns by their names.
Record = dict[str, Any]


def batch(columns: Mapping[str, Column[Any]]) -> Batch:
    """Rows from columns of one length."""
    fields = tuple(Field(name, column.type) for name, column in columns.items())
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of {sorted(lengths)} rows")
    return Batch(Schema(fields), list(columns.values()), lengths.pop())


def start(
    plugin: type[Transform[Any]], config: Config, schema: Schema
) -> tuple[Transform[Any], Description]:
    """An instance of a plugin, and what it says it will do. Raises ConfigErrors."""
    instance = plugin()
    description = instance.start(configured(plugin, Transform, config), schema)
    return instance, description


@dataclass
class Result:
    """What came of a batch."""

    #: What the plugin said of itself.
    description: Description
    #: The rows of each port that got any.
    ports: dict[str, list[Record]]
    #: The refused rows.
    errors: list[Refused] = field(default_factory=list)

    def port(self, name: str) -> list[Record]:
        """The rows of a port, with the columns that are carried over."""
        if name not in [port.name for port in self.description.ports]:
            raise KeyError(f"the plugin has no port `{name}`")
        return self.ports.get(name, [])


def run(plugin: type[Transform[Any]], config: Config, rows: Batch) -> Result:
    """Starts a plugin and gives it some rows. Raises ConfigErrors, or what `process` raises."""
    instance, description = start(plugin, config, rows.schema)
    out = Output(description.ports)
    instance.process(project(rows, description.reads), out)
    ports: dict[str, list[Record]] = {}
    records = as_records(rows)
    for part in out.emitted:
        port = description.ports[part.port]
        if port.name in ports:
            raise Failure(f"port `{port.name}` twice")
        ports[port.name] = assemble(records, len(rows), port, part)
    return Result(description, ports, out.refused)


def configured(plugin: type[Plugin], base: type, config: Config) -> Any:
    """A configuration as the type that the plugin declares."""
    text = config if isinstance(config, str) else json.dumps(config)
    return config_of(parameters(plugin, base)[0], text)


def project(rows: Batch, names: Sequence[str]) -> Batch:
    """These columns of a batch."""
    fields = []
    for name in names:
        found = rows.schema.get(name)
        if found is None:
            raise Failure(f"reads `{name}`, which the input lacks")
        fields.append(found)
    return Batch(Schema(tuple(fields)), [rows[name] for name in names], len(rows))


def as_records(rows: Batch) -> list[Record]:
    """The rows of a batch, one by one."""
    names, columns = rows.schema.names, [column.to_list() for column in rows.columns]
    return [dict(zip(names, values)) for values in zip(*columns)]


def assemble(sources: Sequence[Record], rows: int, port: Port, part: Emitted) -> list[Record]:
    """The rows of a port: what is carried over of `sources`, of which the first `rows` are those of
    the input, and what the plugin added."""
    taken = range(rows) if part.rows is None else part.rows
    names = [field.name for field in port.adds]
    for name, column in zip(names, part.columns):
        if len(column) != len(taken):
            raise Failure(f"port `{port.name}`: {len(column)} of `{name}` for {len(taken)} rows")
    added = zip(*part.columns) if names else [()] * len(taken)
    return [
        {k: v for k, v in sources[row].items() if k not in port.drops} | dict(zip(names, values))
        for row, values in zip(taken, added)
    ]
