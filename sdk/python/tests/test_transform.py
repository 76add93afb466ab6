"""Transform plugins, natively."""

import unittest
from dataclasses import dataclass
from datetime import UTC, datetime

from millrace_plugin import (
    FLOAT64,
    INT64,
    UTF8,
    Batch,
    ConfigErrors,
    Description,
    Failure,
    Field,
    Output,
    Port,
    RowError,
    Schema,
    Transform,
    column_of,
    testing,
    timestamp,
)


@dataclass
class Payment:
    amount: float | None
    at: datetime


@dataclass
class Judged:
    fee: float
    year: int


class Fees(Transform[None]):
    name, version, summary = "fees", "0.1.0", "For tests"

    def start(self, config: None, schema: Schema) -> Description:
        adds = [Field("fee", FLOAT64), Field("year", INT64)]
        return Description(reads=["amount", "at"], ports=[Port("main", adds, drops=["at"])])

    def process(self, batch: Batch, out: Output) -> None:
        out.each("main", batch.rows(Payment), self.judge)

    def judge(self, payment: Payment) -> Judged | None:
        if payment.amount is None:
            raise RowError("no_amount", "there is no amount", "amount")
        if payment.amount < 0:
            return None
        return Judged(100 / payment.amount, payment.at.year)


class Careless(Transform[None]):
    name, version, summary = "careless", "0.1.0", "For tests"

    def start(self, config: None, schema: Schema) -> Description:
        return Description(reads=["n"], ports=[Port("main", adds=[Field("m", UTF8)])])

    def process(self, batch: Batch, out: Output) -> None:
        match batch["n"][0]:
            case 1:
                out.all("mian")
            case 2:
                out.all("main", [])
            case 3:
                out.some("main", [0], [["a", "b"]])
            case 4:
                out.all("main", [[5]])
            case _:
                batch.float64("n")


def numbers(*values: int) -> Batch:
    return testing.batch({"n": column_of(INT64, values)})


class TransformTest(unittest.TestCase):
    def test_rows_as_dataclasses_and_exceptions_as_row_errors(self) -> None:
        at = datetime(2024, 2, 29, tzinfo=UTC)
        rows = testing.batch(
            {
                "amount": column_of(FLOAT64, [50.0, None, -1.0, 0.0, 25.0]),
                "at": column_of(timestamp(), [at] * 5),
            }
        )
        result = testing.run(Fees, {}, rows)
        expected = [
            {"amount": 50.0, "fee": 2.0, "year": 2024},
            {"amount": 25.0, "fee": 4.0, "year": 2024},
        ]
        self.assertEqual(result.port("main"), expected)
        refused = [(one.row, one.code, one.column) for one in result.errors]
        self.assertEqual(refused, [(1, "no_amount", "amount"), (3, "failed", None)])
        # An exception that nobody wrote a text for says what it is, and where.
        self.assertRegex(
            result.errors[1].message,
            r"^ZeroDivisionError: .*division.* \(test_transform.py, line \d+\)$",
        )

    def test_a_mistake_in_what_is_returned_is_named(self) -> None:
        for number, problem in (
            (1, "there is no port `mian`; there is main"),
            (2, "port `main`: 0 columns where 1 belong"),
            (3, "port `main`: 2 values of `m` for 1 rows"),
            (4, "port `main`: `m` \\(Utf8\\): "),
            (5, "column `n` has type Int64, and not float64"),
        ):
            with self.subTest(number), self.assertRaisesRegex(Failure, problem):
                testing.run(Careless, {}, numbers(number))

    def test_a_configuration_is_checked(self) -> None:
        with self.assertRaises(ConfigErrors):
            testing.start(Fees, {"x": 1}, Schema(()))
