"""A plugin of the world `keyed` as a component."""

from __future__ import annotations

import plugin as module
from wit_world.exports import keyed_transformer as world
from wit_world.imports import state as large
from wit_world.imports import types as wit

from ..batch import Batch
from ..build import column_of
from ..columns import Column
from ..config import config_of
from ..keyed.batch import Clock, KeyedBatch, Timer, TimerChange
from ..keyed.transform import Keyed
from ..output import Output
from ..plugin import find_plugin, parameters
from ..types import BINARY, Field
from . import cross

_plugin = find_plugin(module, Keyed)
_config = parameters(_plugin, Keyed)[0]
_codec = _plugin.codec()
_STATES = [Field("state", BINARY)]
_CLOCKS = {world.Clock.EVENT_TIME: Clock.EVENT, world.Clock.PROCESSING_TIME: Clock.PROCESSING}


class KeyedTransformer:
    """The exported interface."""

    @cross.reported
    def about(self) -> wit.About:
        return cross.about(_plugin)

    @cross.starting
    def start(self, config: str, input: list[wit.Field], key: list[str]) -> world.KeyedDescription:
        schema = cross.schema(input)
        plugin = _plugin()
        description = plugin.start(config_of(_config, config), schema, key)
        reads = cross.read_schema(schema, description.reads)
        keys = cross.read_schema(schema, description.keys)
        global _started
        _started = (plugin, description.ports, reads, keys)
        return world.KeyedDescription(
            list(description.reads),
            list(description.keys),
            cross.ports(description.ports),
            plugin.state_version,
            list(plugin.reads_versions),
            description.state_ttl,
        )

    @cross.failing
    def process(self, input: world.KeyedBatch) -> world.KeyedOutput:
        plugin, ports, reads, keys = cross.started(_started)
        count = len(input.starts)
        batch = KeyedBatch(
            cross.batch(reads, input.columns, input.rows),
            Batch(keys, cross.columns_in(keys.fields, input.keys), count),
            input.times,
            input.starts,
            cross.columns_in(_STATES, input.states)[0].to_list(),
            [(t.key, Timer(t.id, _CLOCKS[t.clock], t.at)) for t in input.timers],
            _codec,
            large,
        )
        out = Output(ports)
        plugin.process(batch, out)
        batch.finish()
        return world.KeyedOutput(
            cross.outputs(out.emitted),
            cross.row_errors(out.refused),
            batch.changed,
            cross.columns_out([column_of(BINARY, batch.new_states)]),
            [world.Timer(key, id, _change(change)) for key, id, change in batch.timers],
        )

    @cross.failing
    def migrate(self, version: int, states: wit.Columns) -> wit.Columns:
        old: Column[bytes] = cross.columns_in(_STATES, states)[0]
        new = [
            None if state is None else _codec.encode(_plugin.migrate(version, state))
            for state in old
        ]
        return cross.columns_out([column_of(BINARY, new)])


def _change(change: TimerChange) -> world.TimerChange:
    match change.clock:
        case Clock.EVENT:
            return world.TimerChange_EventTime(change.at)
        case Clock.PROCESSING:
            return world.TimerChange_ProcessingTime(change.at)
        case None:
            return world.TimerChange_Cancel()


_started = None
cross.ready()
