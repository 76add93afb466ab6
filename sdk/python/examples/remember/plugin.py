"""Does with state, timers and large state what its rows say, for tests of SDKs."""

from collections.abc import Sequence
from dataclasses import dataclass

from millrace_plugin import (
    INT64,
    UINT32,
    UINT64,
    UTF8,
    Clock,
    ConfigErrors,
    Description,
    Failure,
    Field,
    Keyed,
    KeyedBatch,
    Output,
    Port,
    Row,
    RowError,
    Schema,
    Timer,
)

SECOND = 1_000_000
ENTRIES_MAX = 100

REMEMBERED = [
    Field("count", UINT64, nullable=False),
    Field("sum", INT64, nullable=False),
    Field("entries", UINT64, nullable=False),
    Field("first", UTF8),
    Field("list_start", UINT64, nullable=False),
    Field("list_end", UINT64, nullable=False),
    Field("last", UTF8),
]
REPORT = [
    Field("name", UTF8),
    Field("timer", UINT32),
    Field("clock", UTF8),
    Field("due", INT64),
    Field("count", UINT64),
    Field("sum", INT64),
]


@dataclass
class Totals:
    """What is remembered of a key."""

    count: int = 0
    sum: int = 0


class Remember(Keyed[None, Totals]):
    name = "remember"
    version = "0.1.0"
    summary = "Does with state and timers what its rows say, for the tests of SDKs"
    state_version = 2
    reads_versions = (1,)

    def start(self, config: None, schema: Schema, key: Sequence[str]) -> Description:
        errors = ConfigErrors()
        for name, expected in (("op", UTF8), ("value", INT64)):
            field = schema.get(name)
            if field is None or field.type != expected:
                errors.add("", f"column `{name}` must be {expected}")
        first = schema.get(key[0])
        if first is None or first.type != UTF8:
            errors.add("", f"the first column of the key must be {UTF8}")
        errors.raise_if_any()
        self.key = key[0]
        ports = [Port("main", adds=REMEMBERED), Port("reports", adds=REPORT)]
        return Description(reads=["op", "value"], keys=[self.key], ports=ports)

    def process(self, batch: KeyedBatch[Totals], out: Output) -> None:
        ops, values = batch.rows.text("op"), batch.rows.int64("value")
        names = batch.keys.text(self.key)
        rows, remembered = [], []
        reported, reports = [], []
        for event in batch:
            match event:
                case Row(row, time):
                    try:
                        do(batch, ops[row] or "", values[row] or 0, time or 0)
                    except RowError as error:
                        out.refuse(row, error)
                    else:
                        rows.append(row)
                        remembered.append(look(batch))
                case Timer(id, clock, at):
                    totals = batch.state or Totals()
                    due = at if clock is Clock.EVENT else None
                    name = names[batch.key]
                    reported.append(batch.key_row)
                    reports.append((name, id, clock.value, due, totals.count, totals.sum))
                    if id == 2:
                        batch.set_timer(1, at + SECOND)
                        batch.state = Totals(totals.count + 1, totals.sum)
        out.records("main", rows, remembered)
        out.records("reports", reported, reports)

    @classmethod
    def migrate(cls, version: int, state: bytes) -> Totals:
        try:
            count, sum = state.decode().split(",", 1)
            return Totals(int(count), int(sum))
        except ValueError:
            raise Failure(f"`{state.decode(errors='replace')}` is no state of version 1") from None


def do(batch: KeyedBatch[Totals], op: str, value: int, time: int) -> None:
    """Does what a row asks for. Raises RowError if it can't be done."""
    after = wrapped(time + value * SECOND)
    match op:
        case "add":
            totals = batch.state or Totals()
            batch.state = Totals(totals.count + 1, wrapped(totals.sum + value))
        case "timer":
            batch.set_timer(1, after)
        case "timer2":
            batch.set_timer(2, after)
        case "delay":
            batch.set_processing_timer(3, abs(value) * SECOND % 2**64)
        case "cancel":
            batch.cancel_timer(1)
        case "forget":
            batch.state = None
        case "put":
            count = batch.state.count if batch.state else 0
            batch.map("m").put(str(value), str(count))
        case "drop":
            batch.map("m").remove(str(value))
        case "append":
            batch.list("l").append(str(value))
        case "trim":
            batch.list("l").remove(max(value, 0))
        case "refuse":
            raise RowError("refused", "the row asks to be refused", "op")
        case other:
            raise RowError("unknown_op", f"`{other}` is no operation", "op")


def look(batch: KeyedBatch[Totals]) -> tuple[int, int, int, str | None, int, int, str | None]:
    """What is remembered of the key at hand."""
    totals = batch.state or Totals()
    entries = batch.map("m").scan(None, ENTRIES_MAX)
    first = f"{entries[0][0].decode()}={entries[0][1]}" if entries else None
    values = batch.list("l")
    span = values.range()
    last = values.read(span.stop - 1, 1)[0] if span else None
    return totals.count, totals.sum, len(entries), first, span.start, span.stop, last


def wrapped(number: int) -> int:
    """A number that overflows int64 goes on at its other end."""
    return (number + 2**63) % 2**64 - 2**63
