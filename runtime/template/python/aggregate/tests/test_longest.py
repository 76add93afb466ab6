"""The function as plain Python: quick, and a debugger works."""

import unittest

from millrace_plugin import UTF8, column_of, testing

from plugin import Longest


class LongestTest(unittest.TestCase):
    def test_the_longest_text_wins(self) -> None:
        texts = column_of(UTF8, ["bb", None, "aa", "c"])
        self.assertEqual(testing.aggregate(Longest, {}, [texts]), "aa")
