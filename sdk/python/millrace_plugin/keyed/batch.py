"""The rows and timers of some keys, in the order in which they must be handled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar, cast

from ..batch import Batch
from ..codec import Codec, codec_of
from ..errors import Failure
from .large import LargeList, LargeMap, Place

S = TypeVar("S")

_INT64_MAX = 2**63 - 1
_ID_MAX = 2**32 - 1
#: Later than any time.
_NEVER = 2**63
#: States of these types can't be changed in place.
_FIXED = (int, float, str, bytes, bool, tuple, type(None))


class Clock(Enum):
    """Which clock a timer goes by."""

    #: That of the rows: nothing earlier will come.
    EVENT = "event"
    #: The host's.
    PROCESSING = "processing"


class Row(NamedTuple):
    """A row of the current key."""

    #: Its number within the batch.
    row: int
    #: Its event time in microseconds since 1970; None if rows do not come in that order.
    time: int | None


class Timer(NamedTuple):
    """A timer of the current key. It is gone unless it is set again."""

    #: The id under which it was set.
    id: int
    #: The clock by which it was due.
    clock: Clock
    #: The time for which it was set, in microseconds since 1970.
    at: int


#: What is to be handled next.
Event = Row | Timer


class TimerChange(NamedTuple):
    """What becomes of a timer: due at an event time, so many microseconds from now, or never."""

    clock: Clock | None
    at: int


_CANCEL = TimerChange(None, 0)


class KeyedBatch(Generic[S]):
    """The rows and timers of some keys.

    Iterating goes through them, key by key, each key's in the order of their times; between two
    steps everything else here is about the current key.

        for event in batch:
            match event:
                case Row(row, time): ...
                case Timer(id, clock, at): ...
    """

    def __init__(
        self,
        rows: Batch,
        keys: Batch,
        times: list[int],
        starts: list[int],
        states: Sequence[bytes | None],
        due: Sequence[tuple[int, Timer]],
        codec: Codec[S],
        large: Place,
    ) -> None:
        #: The columns of `Description.reads`. The rows of a key stand together.
        self.rows = rows
        #: The columns of `Description.keys`, a row for each key.
        self.keys = keys
        #: The event time of each row in microseconds since 1970; empty if rows do not come in that
        #: order.
        self.times = times
        #: The number of the current key.
        self.key = 0
        #: Numbers of the keys whose state changed, and the new states.
        self.changed: list[int] = []
        self.new_states: list[bytes | None] = []
        #: Timers that are set or cancelled, with their keys and ids.
        self.timers: list[tuple[int, int, TimerChange]] = []
        #: The first row of each key; the rows of the last go to the end.
        self.starts = starts
        self._stored = states
        self._codec = codec
        self._large = large
        self._due_by_key: dict[int, list[Timer]] = {}
        for key, timer in due:
            self._due_by_key.setdefault(key, []).append(timer)
        # Of the current key: the host's timers that are left, the last one first; what the plugin
        # has set; the time of what is being handled; the next row, and where they end.
        self._due: list[Timer] = []
        self._set: dict[int, TimerChange] = {}
        self._first_set = _NEVER
        self._now: int | None = None
        self._row = self._rows_end = 0
        self._state: S | None = None
        self._read = self._assigned = self._in_runs = False
        self._done = 0

    @property
    def key_row(self) -> int:
        """The number by which `Output.some` makes a row that belongs to no input row: the columns
        of the current key are carried over, all others are None."""
        return len(self.rows) + self.key

    @property
    def state(self) -> S | None:
        """The state of the current key, None if it has none. What is changed in it is kept; setting
        it to None forgets it."""
        if not self._read:
            self._read = True
            stored = self._stored[self.key]
            self._state = None if stored is None else self._codec.decode(stored)
        return self._state

    @state.setter
    def state(self, state: S | None) -> None:
        self._read = self._assigned = True
        self._state = state

    def set_timer(self, id: int, at: int) -> None:
        """Sets the timer `id` of the current key to an event time, in microseconds since 1970. A
        time that is not after what is being handled counts as one microsecond after it."""
        if self._in_runs:
            raise Failure("timers in event time need `for event in batch`, one event at a time")
        if self._now is not None:
            at = max(at, min(self._now + 1, _INT64_MAX))
        self._change_timer(id, TimerChange(Clock.EVENT, at))

    def set_processing_timer(self, id: int, delay: int) -> None:
        """Sets the timer `id` of the current key to a time on the host's clock, so many
        microseconds from now."""
        self._change_timer(id, TimerChange(Clock.PROCESSING, delay))

    def cancel_timer(self, id: int) -> None:
        """Cancels the timer `id` of the current key, if it is set."""
        self._change_timer(id, _CANCEL)

    def map(self, name: str, value_type: Any = Any) -> LargeMap[Any]:
        """A map of the current key, with values of this type."""
        return LargeMap(self._large, self.key, name, codec_of(value_type))

    def list(self, name: str, value_type: Any = Any) -> LargeList[Any]:
        """A list of the current key, with values of this type."""
        return LargeList(self._large, self.key, name, codec_of(value_type))

    def __iter__(self) -> Iterator[Event]:
        times = self.times
        for key in range(self._done, len(self.starts)):
            self._begin_key(key)
            while True:
                row = self._row
                if not self._due:
                    # Most events are rows with no timer before them.
                    if row == self._rows_end:
                        break
                    time = times[row] if times else None
                    if time is None or self._first_set > time:
                        self._row = row + 1
                        if time is not None:
                            self._now = time
                        yield Row(row, time)
                        continue
                event = self._next_of_key()
                if event is None:
                    break
                yield event
            self._end_key()

    def runs(self) -> Iterator[range]:
        """The rows of each key at once, for plugins that set no timers in event time: faster, with
        columns in slices. Raises Failure if a timer is due."""
        if self._due_by_key:
            raise Failure("timers are due: they need `for event in batch`, one event at a time")
        self._in_runs = True
        for key in range(self._done, len(self.starts)):
            self._begin_key(key)
            rows = range(self._row, self._rows_end)
            self._row = self._rows_end
            yield rows
            self._end_key()
        self._in_runs = False

    def states(self) -> Sequence[S | None]:
        """The states of all keys, for plugins that set no timers in event time and handle all keys
        at once; `keep` ends that. Raises Failure if a timer is due."""
        if self._due_by_key:
            raise Failure("timers are due: they need `for event in batch`, one event at a time")
        decode = self._codec.decode
        if decode is bytes:
            return cast(Sequence[S | None], self._stored)
        return [None if stored is None else decode(stored) for stored in self._stored]

    def keep(self, states: Sequence[S | None]) -> None:
        """Sets the states of all keys, which are then done."""
        if len(states) != len(self.starts):
            raise Failure(f"{len(states)} states for {len(self.starts)} keys")
        encode = self._codec.encode
        self.changed = list(range(len(states)))
        if encode is bytes:
            self.new_states = cast(Any, states)
        else:
            self.new_states = [None if state is None else encode(state) for state in states]
        self._done = len(states)

    def finish(self) -> None:
        """Ends the batch; raises Failure if something in it was not handled."""
        left = self._due or self._row < self._rows_end
        if self._done == self.key < len(self.starts) and not left:
            # The loop was left at the last event of a key.
            self._end_key()
        if self._done == len(self.starts):
            return
        raise Failure("`process` returned before it had handled all rows and timers")

    def _begin_key(self, key: int) -> None:
        self.key = key
        self._row = self.starts[key]
        following = key + 1
        last = following == len(self.starts)
        self._rows_end = len(self.rows) if last else self.starts[following]
        self._now = self._state = None
        self._read = self._assigned = False
        if self._due_by_key:
            self._due = self._due_by_key.get(key, [])[::-1]

    def _end_key(self) -> None:
        key = self.key
        if self._assigned:
            state = self._state
            self.changed.append(key)
            self.new_states.append(None if state is None else self._codec.encode(state))
        elif self._read and not isinstance(self._state, _FIXED):
            # What was read may have been changed in place.
            assert self._state is not None
            written = self._codec.encode(self._state)
            if written != self._stored[key]:
                self.changed.append(key)
                self.new_states.append(written)
        if self._set:
            self.timers.extend((key, id, change) for id, change in self._set.items())
            self._set = {}
            self._first_set = _NEVER
        self._done = key + 1

    def _next_of_key(self) -> Event | None:
        row = self._row if self._row < self._rows_end else None
        time = self.times[row] if row is not None and self.times else None
        due = self._due[-1] if self._due else None
        # What the host knows comes first if it has no place in the order of times.
        due_first = due is not None and (
            due.clock is Clock.PROCESSING or time is None or due.at <= time
        )
        before, id_max = (due.at, due.id) if due is not None and due_first else (time, _ID_MAX)
        of_clock = due is not None and due_first and due.clock is Clock.PROCESSING
        if not of_clock and before is not None:
            own = [(c.at, id) for id, c in self._set.items() if c.clock is Clock.EVENT]
            if own and min(own) <= (before, id_max):
                at, id = min(own)
                # The host may still know an older time of it.
                self._set[id] = _CANCEL
                self._first_set = self._earliest()
                self._now = at
                return Timer(id, Clock.EVENT, at)
        if due is not None and due_first:
            self._due.pop()
            if due.clock is Clock.EVENT:
                self._now = due.at
            return due
        if row is None:
            return None
        self._row = row + 1
        if time is not None:
            self._now = time
        return Row(row, time)

    def _change_timer(self, id: int, change: TimerChange) -> None:
        if self._due:
            self._due = [timer for timer in self._due if timer.id != id]
        self._set[id] = change
        alone = len(self._set) == 1 and change.clock is Clock.EVENT
        self._first_set = change.at if alone else self._earliest()

    def _earliest(self) -> int:
        """The earliest event time for which the plugin has set a timer."""
        times = [change.at for change in self._set.values() if change.clock is Clock.EVENT]
        return min(times, default=_NEVER)
