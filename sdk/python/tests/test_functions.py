"""Functions for SQL, natively; and how a plugin is found in its module."""

import unittest
from types import ModuleType

from millrace_plugin import (
    FLOAT64,
    INT64,
    Aggregate,
    Batch,
    ConfigErrors,
    DataType,
    Errors,
    Failure,
    Scalar,
    Schema,
    Values,
    column_of,
    testing,
)
from millrace_plugin.plugin import find_plugin


class Root(Scalar[None]):
    name, version, summary = "root", "0.1.0", "The square root"

    def start(self, config: None, arguments: Schema) -> DataType:
        if arguments.types != [FLOAT64]:
            raise ConfigErrors.whole("it takes one float64")
        return FLOAT64

    def evaluate(self, arguments: Batch, errors: Errors) -> Values:
        return errors.map(self.root, arguments.float64("a0"))

    def root(self, x: float | None) -> float | None:
        if x is not None and x < 0:
            raise ValueError(f"{x} has no root")
        return None if x is None else x**0.5


class Last(Aggregate[None, int]):
    """Wrong on purpose: its result depends on the order of the rows."""

    name, version, summary = "last", "0.1.0", "For tests"

    def start(self, config: None, arguments: Schema) -> DataType:
        return INT64

    def empty(self) -> int:
        return 0

    def update(self, states: list[int], groups: list[int], rows: Batch) -> None:
        for group, number in zip(groups, rows.int64("a0").values):
            states[group] = number

    def merge(self, state: int, other: int) -> int:
        return other

    def evaluate(self, states: list[int]) -> Values:
        return states


class Functions(unittest.TestCase):
    def test_a_row_that_raises_is_refused_and_the_others_go_on(self) -> None:
        roots, errors = testing.scalar(Root, {}, [column_of(FLOAT64, [4.0, None, -1.0])])
        self.assertEqual(roots[:2], [2.0, None])
        refused = [(one.row, one.code, one.message) for one in errors]
        self.assertEqual(refused, [(2, "failed", "-1.0 has no root")])

    def test_arguments_are_checked(self) -> None:
        with self.assertRaisesRegex(ConfigErrors, "it takes one float64"):
            testing.scalar(Root, {}, [column_of(INT64, [1])])

    def test_an_aggregate_that_depends_on_the_order_is_found_out(self) -> None:
        with self.assertRaisesRegex(Failure, "merged one by one"):
            testing.aggregate(Last, {}, [column_of(INT64, [1, 2])])


class Found(unittest.TestCase):
    def test_a_module_has_one_plugin(self) -> None:
        module = ModuleType("plugin")
        with self.assertRaisesRegex(ImportError, "must have one class derived from Scalar"):
            find_plugin(module, Scalar)
        mine = type("Mine", (Root,), {"__module__": "plugin"})
        vars(module).update(Mine=mine, Root=Root)
        self.assertIs(find_plugin(module, Scalar), mine)
        del Root.summary
        try:
            with self.assertRaisesRegex(ImportError, "must have a text as its `summary`"):
                find_plugin(module, Scalar)
        finally:
            Root.summary = "The square root"
