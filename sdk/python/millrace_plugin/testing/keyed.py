"""Runs a keyed plugin natively: states and timers are kept here as the host would keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..batch import Batch
from ..build import column_of
from ..keyed.batch import Clock, KeyedBatch, Timer
from ..keyed.transform import Keyed as KeyedPlugin
from ..output import Output, Refused
from ..types import Schema
from .memory import Memory
from .transform import Config, Record, as_records, assemble, configured, project


@dataclass
class _Known:
    """A key with what is kept for it."""

    values: tuple[Any, ...]
    state: bytes | None = None
    timers: dict[int, tuple[Clock, int]] = field(default_factory=dict)


class Keyed:
    """A keyed plugin with the states and timers of its keys.

    Rows are handled as they are given, in the order of event time within each batch; timers are due
    when rows of their key or `watermark` have reached them.

        counts = testing.Keyed(Count, {"limit": 1}, rows.schema, ["user"], time="at")
        counts.rows(rows)
        assert counts.port("main")[0]["count"] == 1
    """

    def __init__(
        self,
        plugin: type[KeyedPlugin[Any, Any]],
        config: Config,
        schema: Schema,
        key: Sequence[str],
        time: str | None = None,
    ) -> None:
        """Starts a plugin for rows of this schema and key, and the column of event time if there
        is one. Raises ConfigErrors."""
        self._plugin = plugin()
        self._codec = plugin.codec()
        #: What the plugin said of itself.
        self.description = self._plugin.start(
            configured(plugin, KeyedPlugin, config), schema, list(key)
        )
        #: The refused rows of all batches.
        self.errors: list[Refused] = []
        self._schema, self._key, self._time = schema, list(key), time
        self._keys: list[_Known] = []
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._memory = Memory()
        self._now = 0
        self._ports: dict[str, list[Record]] = {}

    def rows(self, rows: Batch) -> None:
        """Gives the plugin some rows. Raises what `process` raises."""
        times = [] if self._time is None else [time or 0 for time in rows[self._time]]
        keys = [self._number(values) for values in zip(*(rows[name] for name in self._key))]
        order = sorted(range(len(rows)), key=lambda row: (keys[row], times[row] if times else 0))
        starts: list[int] = []
        known: list[int] = []
        for at, row in enumerate(order):
            if not known or known[-1] != keys[row]:
                starts.append(at)
                known.append(keys[row])
        taken = [column_of(column.type, column.take(order)) for column in rows.columns]
        sorted_times = [times[row] for row in order] if times else []
        due = []
        for number, key in enumerate(known):
            end = starts[number + 1] if number + 1 < len(starts) else len(order)
            if sorted_times:
                due += self._take_due(key, number, Clock.EVENT, sorted_times[end - 1])
        ordered = Batch(rows.schema, taken, len(rows))
        self._call(ordered, sorted_times, starts, known, due)

    def watermark(self, time: int) -> None:
        """Event time has come to `time`: timers up to it are due."""
        self._fire(Clock.EVENT, time)

    def advance(self, microseconds: int) -> None:
        """The host's clock has moved on by so much."""
        self._now += microseconds
        self._fire(Clock.PROCESSING, self._now)

    def port(self, name: str) -> list[Record]:
        """All rows of a port so far, with the columns that are carried over."""
        if name not in [port.name for port in self.description.ports]:
            raise KeyError(f"the plugin has no port `{name}`")
        return self._ports.get(name, [])

    @property
    def states(self) -> dict[tuple[Any, ...], Any]:
        """The state of each key that has one."""
        known = ((key.values, key.state) for key in self._keys)
        return {key: self._codec.decode(state) for key, state in known if state is not None}

    @property
    def timers(self) -> dict[tuple[Any, ...], dict[int, tuple[Clock, int]]]:
        """The timers that are set, by key and id: their clocks and times."""
        return {key.values: dict(key.timers) for key in self._keys if key.timers}

    def _number(self, values: tuple[Any, ...]) -> int:
        number = self._numbers.setdefault(values, len(self._keys))
        if number == len(self._keys):
            self._keys.append(_Known(values))
        return number

    def _take_due(self, key: int, number: int, clock: Clock, until: int) -> list[tuple[int, Timer]]:
        timers = self._keys[key].timers
        due = [Timer(id, *timer) for id, timer in timers.items() if timer[0] is clock]
        due = sorted((t for t in due if t.at <= until), key=lambda timer: (timer.at, timer.id))
        for timer in due:
            del timers[timer.id]
        return [(number, timer) for timer in due]

    def _fire(self, clock: Clock, until: int) -> None:
        """Calls the plugin with all timers that are due, and again while that sets further ones."""
        while True:
            known: list[int] = []
            due: list[tuple[int, Timer]] = []
            for key in range(len(self._keys)):
                own = self._take_due(key, len(known), clock, until)
                if own:
                    known.append(key)
                    due += own
            if not due:
                return
            nothing = [column_of(field.type, []) for field in self._schema]
            rows = Batch(self._schema, nothing, 0)
            self._call(rows, [], [0] * len(known), known, due)

    def _call(
        self,
        rows: Batch,
        times: list[int],
        starts: list[int],
        known: list[int],
        due: list[tuple[int, Timer]],
    ) -> None:
        self._memory.keys = known
        batch: KeyedBatch[Any] = KeyedBatch(
            project(rows, self.description.reads),
            self._key_columns(known),
            times,
            starts,
            [self._keys[key].state for key in known],
            due,
            self._codec,
            self._memory,
        )
        out = Output(self.description.ports)
        self._plugin.process(batch, out)
        batch.finish()
        for number, state in zip(batch.changed, batch.new_states):
            self._keys[known[number]].state = state
        for number, id, change in batch.timers:
            timers = self._keys[known[number]].timers
            match change.clock:
                case Clock.EVENT:
                    timers[id] = (Clock.EVENT, change.at)
                case Clock.PROCESSING:
                    timers[id] = (Clock.PROCESSING, self._now + change.at)
                case None:
                    timers.pop(id, None)
        self.errors += out.refused
        records = as_records(rows)
        for key in known:
            nothing: Record = dict.fromkeys(rows.schema.names)
            records.append(nothing | dict(zip(self._key, self._keys[key].values)))
        for part in out.emitted:
            port = self.description.ports[part.port]
            self._ports.setdefault(port.name, []).extend(assemble(records, len(rows), port, part))

    def _key_columns(self, known: list[int]) -> Batch:
        fields, columns = [], []
        for name in self.description.keys:
            found = self._schema.get(name)
            assert found is not None
            at = self._key.index(name)
            fields.append(found)
            columns.append(column_of(found.type, [self._keys[k].values[at] for k in known]))
        return Batch(Schema(tuple(fields)), columns, len(known))
