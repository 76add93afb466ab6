"""A plugin of the world `aggregate` as a component."""

from __future__ import annotations

from typing import Any

import plugin as module
from wit_world.exports import aggregator as world
from wit_world.imports import types as wit

from ..build import column_of
from ..config import config_of
from ..function import Aggregate
from ..plugin import find_plugin, parameters
from ..types import BINARY, Field
from . import cross

_plugin = find_plugin(module, Aggregate)
_config = parameters(_plugin, Aggregate)[0]
_codec = _plugin.codec()
_STATES = [Field("state", BINARY)]


class Aggregator:
    """The exported interface."""

    @cross.reported
    def about(self) -> wit.About:
        return cross.about(_plugin)

    @cross.starting
    def start(self, config: str, arguments: list[wit.Field]) -> world.AggregateDescription:
        schema = cross.schema(arguments)
        plugin = _plugin()
        result = plugin.start(config_of(_config, config), schema)
        global _started
        _started = (plugin, schema, result)
        return world.AggregateDescription(
            cross.fields([Field("result", result)]), plugin.state_version
        )

    @cross.failing
    def update(self, groups: list[int], rows: wit.Batch, states: wit.Columns) -> wit.Columns:
        plugin, schema, _ = cross.started(_started)
        known = _states(plugin, states)
        plugin.update(known, groups, cross.batch(schema, rows.columns, rows.rows))
        return _written(known)

    @cross.failing
    def merge(self, states: wit.Columns, others: wit.Columns) -> wit.Columns:
        plugin, _, _ = cross.started(_started)
        left = cross.columns_in(_STATES, states)[0].to_list()
        right = cross.columns_in(_STATES, others)[0].to_list()
        merged = []
        for state, other in zip(left, right):
            if state is None or other is None:
                merged.append(other if state is None else state)
            else:
                whole = plugin.merge(_codec.decode(state), _codec.decode(other))
                merged.append(_codec.encode(whole))
        return cross.columns_out([column_of(BINARY, merged)])

    @cross.failing
    def evaluate(self, states: wit.Columns) -> wit.Columns:
        plugin, _, result = cross.started(_started)
        return cross.columns_out([column_of(result, plugin.evaluate(_states(plugin, states)))])


def _states(plugin: Any, states: wit.Columns) -> list[Any]:
    stored = cross.columns_in(_STATES, states)[0].to_list()
    return [plugin.empty() if state is None else _codec.decode(state) for state in stored]


def _written(states: list[Any]) -> wit.Columns:
    return cross.columns_out([column_of(BINARY, list(map(_codec.encode, states)))])


_started = None
cross.ready()
