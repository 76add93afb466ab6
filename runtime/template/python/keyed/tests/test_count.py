"""The plugin as plain Python: quick, and a debugger works."""

import unittest

from millrace_plugin import UTF8, column_of, testing, timestamp

from plugin import Count

MINUTE = 60_000_000


class CountTest(unittest.TestCase):
    def test_rows_are_counted_until_the_key_is_silent(self) -> None:
        times = [minute * MINUTE for minute in (0, 1, 2, 90)]
        rows = testing.batch(
            {
                "user": column_of(UTF8, ["a", "b", "a", "a"]),
                "at": column_of(timestamp(), times),
            }
        )
        count = testing.Keyed(Count, {"limit": 1}, rows.schema, ["user"], time="at")
        count.rows(rows)
        # The rows of a key stand together.
        counts = [(row["user"], row["count"]) for row in count.port("main")]
        self.assertEqual(counts, [("a", 1), ("a", 2), ("a", 1), ("b", 1)])
        self.assertEqual(len(count.states), 2)
        count.watermark(200 * MINUTE)
        self.assertEqual(len(count.states), 0)
