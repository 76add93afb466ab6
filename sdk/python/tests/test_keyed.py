"""Keyed plugins, natively: states, timers in their order, large state, migration."""

import unittest
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace_plugin import (
    INT64,
    UTF8,
    Clock,
    Description,
    Failure,
    Field,
    Keyed,
    KeyedBatch,
    Output,
    Port,
    Row,
    Schema,
    Timer,
    column_of,
    testing,
    timestamp,
)


class Script(Keyed[None, list[str]]):
    """Does what its rows say, and writes down everything that comes."""

    name, version, summary = "script", "0.1.0", "For tests"

    def start(self, config: None, schema: Schema, key: Sequence[str]) -> Description:
        return Description(reads=["do"], keys=["key"], ports=[Port("main")])

    def process(self, batch: KeyedBatch[list[str]], out: Output) -> None:
        for event in batch:
            if batch.state is None:
                batch.state = []
            match event:
                case Row(row, time):
                    do = batch.rows.text("do")[row] or ""
                    batch.state.append(f"{do}@{time}")
                    match do.split():
                        case ["set", timer, due]:
                            batch.set_timer(int(timer), int(due))
                        case ["delay", timer, after]:
                            batch.set_processing_timer(int(timer), int(after))
                        case ["cancel", timer]:
                            batch.cancel_timer(int(timer))
                case Timer(id, clock, at):
                    batch.state.append(f"{clock.value} {id}@{at}")
                    if id == 9:
                        batch.set_timer(1, 0)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        schema = Schema((Field("key", UTF8), Field("at", timestamp()), Field("do", UTF8)))
        self.script = testing.Keyed(Script, {}, schema, ["key"], time="at")

    def give(self, *rows: tuple[int, str], key: str = "a") -> None:
        batch = {
            "key": column_of(UTF8, [key] * len(rows)),
            "at": column_of(timestamp(), [at for at, _ in rows]),
            "do": column_of(UTF8, [do for _, do in rows]),
        }
        self.script.rows(testing.batch(batch))

    def log(self, key: str = "a") -> Any:
        return self.script.states[(key,)]


class Timers(Case):
    def test_a_timer_set_in_a_batch_comes_before_the_row_of_its_time(self) -> None:
        self.give((10, "set 1 20"), (19, "x"), (20, "y"))
        self.assertEqual(self.log(), ["set 1 20@10", "x@19", "event 1@20", "y@20"])
        self.assertEqual(self.script.timers, {})

    def test_it_makes_no_difference_which_rows_share_a_batch(self) -> None:
        rows = [(10, "set 1 20"), (10, "set 2 15"), (15, "x"), (20, "set 9 5"), (30, "y")]
        self.give(*rows)
        for row in rows:
            self.give(row, key="b")
        self.assertEqual(self.log("a"), self.log("b"))
        self.assertIn("event 9@21", self.log())
        # Set by the timer 9 for a time that is past: one microsecond after it.
        self.assertIn("event 1@22", self.log())

    def test_a_timer_that_is_set_again_moves(self) -> None:
        self.give((10, "set 1 20"), (12, "set 1 40"), (25, "x"))
        self.assertEqual(self.script.timers, {("a",): {1: (Clock.EVENT, 40)}})
        self.script.watermark(39)
        self.assertEqual(len(self.log()), 3)
        self.script.watermark(40)
        self.assertEqual(self.log()[-1], "event 1@40")

    def test_a_timer_of_the_host_that_is_moved_does_not_come(self) -> None:
        self.give((10, "set 1 20"))
        self.give((15, "set 1 50"), (30, "x"))
        self.assertEqual(self.log()[-1], "x@30")
        self.give((31, "cancel 1"))
        self.script.watermark(100)
        self.assertEqual(self.log()[-1], "cancel 1@31")

    def test_timers_of_one_time_come_by_their_ids(self) -> None:
        self.give((10, "set 2 20"), (11, "set 1 20"))
        self.give((12, "set 3 20"), (20, "x"))
        self.assertEqual(self.log()[3:], ["event 1@20", "event 2@20", "event 3@20", "x@20"])

    def test_processing_time_is_the_hosts(self) -> None:
        self.give((10, "delay 3 1000"), (99_999, "x"))
        self.script.advance(999)
        self.assertEqual(self.log()[-1], "x@99999")
        self.script.advance(1)
        self.assertEqual(self.log()[-1], "processing 3@1000")


@dataclass
class Totals:
    count: int = 0
    seen: list[int] = field(default_factory=list)


class Sum(Keyed[None, Totals]):
    name, version, summary = "sum", "0.1.0", "For tests"
    state_version, reads_versions = 2, (1,)

    def start(self, config: None, schema: Schema, key: Sequence[str]) -> Description:
        return Description(reads=["n"], ports=[Port("main", adds=[Field("count", INT64)])])

    def process(self, batch: KeyedBatch[Totals], out: Output) -> None:
        numbers, counts = batch.rows.int64("n"), []
        for rows in batch.runs():
            for row in rows:
                # Changed in place, and kept all the same.
                if batch.state is None:
                    batch.state = Totals()
                batch.state.count += 1
                batch.state.seen.append(numbers.values[row])
                batch.map("m", int).put(str(numbers.values[row]), row)
                batch.list("l", bytes).append(b"x")
                counts.append(batch.state.count)
        out.all("main", [counts])

    @classmethod
    def migrate(cls, version: int, state: bytes) -> Totals:
        return Totals(int(state))


def users(*names: str) -> Any:
    columns = {
        "user": column_of(UTF8, names),
        "n": column_of(INT64, range(len(names))),
    }
    return testing.batch(columns)


class States(unittest.TestCase):
    def test_states_changed_in_place_are_kept(self) -> None:
        rows = users("a", "b", "a")
        sums = testing.Keyed(Sum, {}, rows.schema, ["user"])
        sums.rows(rows)
        sums.rows(rows)
        self.assertEqual(sums.states[("a",)], Totals(4, [0, 2, 0, 2]))
        counts = [(row["user"], row["count"]) for row in sums.port("main")]
        self.assertEqual(counts, [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("a", 4), ("b", 2)])

    def test_an_older_state_is_migrated_and_an_unknown_one_refused(self) -> None:
        self.assertEqual(Sum.migrate(1, b"7"), Totals(7))
        with self.assertRaisesRegex(Failure, "can't read a state of version 3 \\(2 bytes\\)"):
            Script.migrate(3, b"ab")

    def test_a_batch_that_was_left_early_fails(self) -> None:
        class Lazy(Sum):
            def process(self, batch: KeyedBatch[Totals], out: Output) -> None:
                for _ in batch:
                    break

        rows = users("a", "b")
        with self.assertRaisesRegex(Failure, "before it had handled all rows"):
            testing.Keyed(Lazy, {}, rows.schema, ["user"]).rows(rows)


class Large(unittest.TestCase):
    def test_maps_and_lists_are_those_of_the_key(self) -> None:
        memory = testing.Memory()
        memory.keys = [5, 7]
        memory.map_put(0, "m", b"b", b"1")
        memory.map_put(0, "m", b"a", b"2")
        memory.map_put(1, "m", b"c", b"3")
        self.assertEqual(memory.map_scan(0, "m", None, 10), [(b"a", b"2"), (b"b", b"1")])
        self.assertEqual(memory.map_scan(0, "m", b"a", 10), [(b"b", b"1")])
        for value in (b"x", b"y", b"z"):
            memory.list_append(1, "l", value)
        memory.list_remove(1, "l", 2)
        self.assertEqual(memory.list_range(1, "l"), (2, 3))
        self.assertEqual(memory.list_read(1, "l", 0, 5), [b"z"])
