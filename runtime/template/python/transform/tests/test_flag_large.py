"""The plugin as plain Python: quick, and a debugger works."""

import unittest

from millrace_plugin import FLOAT64, ConfigErrors, Field, Schema, column_of, testing

from plugin import FlagLarge


class FlagLargeTest(unittest.TestCase):
    def test_amounts_above_the_limit_are_marked(self) -> None:
        rows = testing.batch({"amount": column_of(FLOAT64, [10.0, 100.0, 100.5, None])})
        result = testing.run(FlagLarge, {"limit": 100}, rows)
        large = [row["large"] for row in result.port("main")]
        self.assertEqual(large, [False, False, True, None])
        self.assertEqual(result.errors, [])

    def test_a_misspelt_key_is_refused(self) -> None:
        schema = Schema((Field("amount", FLOAT64),))
        with self.assertRaises(ConfigErrors):
            testing.start(FlagLarge, {"limt": 100}, schema)
