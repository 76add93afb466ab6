"""The function as plain Python: quick, and a debugger works."""

import unittest

from millrace_plugin import UTF8, column_of, testing

from plugin import Mask


class MaskTest(unittest.TestCase):
    def test_all_but_the_last_characters_are_masked(self) -> None:
        texts = column_of(UTF8, ["4111 1111", None, "1"])
        masked, errors = testing.scalar(Mask, {"keep": 4}, [texts])
        self.assertEqual(masked[:2], ["*****1111", None])
        self.assertEqual([(error.row, error.code) for error in errors], [(2, "too_short")])
