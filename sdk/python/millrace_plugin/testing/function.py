"""Runs functions for SQL natively."""

from __future__ import annotations

from typing import Any

from ..batch import Batch
from ..build import column_of
from ..columns import Column
from ..errors import Failure
from ..function import Aggregate, Scalar
from ..output import Errors, Refused
from .transform import Config, batch, configured


def scalar(
    function: type[Scalar[Any]], config: Config, arguments: list[Column[Any]]
) -> tuple[list[Any], list[Refused]]:
    """Starts a scalar function and evaluates it for rows of these arguments: a value for each row,
    and the refused rows. Raises ConfigErrors, or what the function raises."""
    rows = _named(arguments)
    instance = function()
    result = instance.start(configured(function, Scalar, config), rows.schema)
    errors = Errors()
    values = column_of(result, instance.evaluate(rows, errors))
    _check(values, len(rows))
    return values.to_list(), errors.refused


def aggregate(
    function: type[Aggregate[Any, Any]], config: Config, arguments: list[Column[Any]]
) -> Any:
    """Starts an aggregate function and gives the result over all rows of these arguments.

    It is evaluated in several ways, which must agree: over all rows at once, and with each row in a
    state of its own, merged from the last to the first. Raises Failure if they do not, or what the
    function raises.
    """
    rows = _named(arguments)
    instance = function()
    result = instance.start(configured(function, Aggregate, config), rows.schema)
    codec = function.codec()

    def crossed(states: list[Any]) -> list[Any]:
        return [codec.decode(codec.encode(state)) for state in states]

    states = [instance.empty()]
    instance.update(states, [0] * len(rows), rows)
    whole = column_of(result, instance.evaluate(crossed(states)))
    _check(whole, 1)
    apart = [instance.empty() for _ in range(len(rows))]
    instance.update(apart, list(range(len(rows))), rows)
    merged = instance.empty()
    for state in reversed(crossed(apart)):
        merged = instance.merge(merged, state)
    one_by_one = column_of(result, instance.evaluate([merged]))
    if whole.to_list() != one_by_one.to_list():
        text = f"all rows at once give {whole[0]}, merged one by one {one_by_one[0]}"
        raise Failure(text)
    return whole[0]


def _named(arguments: list[Column[Any]]) -> Batch:
    return batch({f"a{at}": column for at, column in enumerate(arguments)})


def _check(values: Column[Any], rows: int) -> None:
    if len(values) != rows:
        raise Failure(f"returned {len(values)} values for {rows} rows")
