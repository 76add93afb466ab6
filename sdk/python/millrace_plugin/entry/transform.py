"""A plugin of the world `transform` as a component."""

from __future__ import annotations

import plugin as module
from wit_world.imports import types as wit

from ..config import config_of
from ..output import Output
from ..plugin import find_plugin, parameters
from ..transform import Transform
from . import cross

_plugin = find_plugin(module, Transform)
_config = parameters(_plugin, Transform)[0]


class Transformer:
    """The exported interface."""

    @cross.reported
    def about(self) -> wit.About:
        return cross.about(_plugin)

    @cross.starting
    def start(self, config: str, input: list[wit.Field]) -> wit.Description:
        schema = cross.schema(input)
        plugin = _plugin()
        description = plugin.start(config_of(_config, config), schema)
        reads = cross.read_schema(schema, description.reads)
        global _started
        _started = (plugin, description.ports, reads)
        return wit.Description(list(description.reads), cross.ports(description.ports))

    @cross.failing
    def process(self, input: wit.Batch) -> wit.Output:
        plugin, ports, reads = cross.started(_started)
        out = Output(ports)
        plugin.process(cross.batch(reads, input.columns, input.rows), out)
        return wit.Output(cross.outputs(out.emitted), cross.row_errors(out.refused))


_started = None
cross.ready()
