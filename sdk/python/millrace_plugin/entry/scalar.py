"""A plugin of the world `scalar` as a component."""

from __future__ import annotations

import plugin as module
from wit_world.exports import scalar_function as world
from wit_world.imports import types as wit

from ..build import column_of
from ..config import config_of
from ..function import Scalar
from ..output import Errors
from ..plugin import find_plugin, parameters
from ..types import Field
from . import cross

_plugin = find_plugin(module, Scalar)
_config = parameters(_plugin, Scalar)[0]


class ScalarFunction:
    """The exported interface."""

    @cross.reported
    def about(self) -> wit.About:
        return cross.about(_plugin)

    @cross.starting
    def start(self, config: str, arguments: list[wit.Field]) -> list[wit.Field]:
        schema = cross.schema(arguments)
        plugin = _plugin()
        result = plugin.start(config_of(_config, config), schema)
        global _started
        _started = (plugin, schema, result)
        return cross.fields([Field("result", result)])

    @cross.failing
    def evaluate(self, arguments: wit.Batch) -> world.Evaluated:
        plugin, schema, result = cross.started(_started)
        errors = Errors()
        rows = cross.batch(schema, arguments.columns, arguments.rows)
        values = column_of(result, plugin.evaluate(rows, errors))
        return world.Evaluated(cross.columns_out([values]), cross.row_errors(errors.refused))


_started = None
cross.ready()
