"""What a plugin returns for a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .build import column_of, columns_of
from .columns import Column
from .describe import Port
from .errors import FAILED, Failure, RowError, told

T = TypeVar("T")
R = TypeVar("R")

#: The values of one column: a column, or anything that `column_of` takes.
Values = Column[Any] | Iterable[Any]


@dataclass(frozen=True)
class Refused:
    """One input row that can't be taken."""

    row: int
    code: str
    message: str
    column: str | None = None


@dataclass(frozen=True)
class Emitted:
    """Rows for one port."""

    #: The port's place in the description.
    port: int
    #: The input row of each; None for all rows in their order.
    rows: list[int] | None
    #: The columns that the port adds.
    columns: list[Column[Any]]


class Errors:
    """Rows that are refused; they leave on the port `errors`."""

    def __init__(self) -> None:
        self.refused: list[Refused] = []

    def error(self, row: int, code: str, message: str, column: str | None = None) -> None:
        """Refuses the row `row`. `code` is 1 to 64 of a-z, 0-9 and _; dead letters are counted by
        it."""
        self.refused.append(Refused(row, code, message, column))

    def refuse(self, row: int, error: Exception) -> None:
        """Refuses the row `row` because of an exception: a RowError with its code, any other with
        the code `failed` and its text."""
        if isinstance(error, RowError):
            self.error(row, error.code, error.message, error.column)
        else:
            self.error(row, FAILED, told(error))

    def map(self, function: Callable[[T], R], rows: Iterable[T]) -> list[R | None]:
        """What `function` returns for each row. Where it raises, the row is refused and the result
        None."""
        results: list[R | None] = []
        for row, value in enumerate(rows):
            try:
                results.append(function(value))
            except Exception as error:
                self.refuse(row, error)
                results.append(None)
        return results


class Output(Errors):
    """The result of one batch, as it grows. Rows that are neither passed on nor refused are
    filtered out."""

    def __init__(self, ports: Sequence[Port]) -> None:
        super().__init__()
        self.emitted: list[Emitted] = []
        self._ports = {port.name: (at, port) for at, port in enumerate(ports)}

    def all(self, port: str, columns: Sequence[Values] = ()) -> None:
        """Passes every input row to `port`, in order, with the columns that the port adds."""
        at, adds = self._port(port)
        self.emitted.append(Emitted(at, None, self._columns(adds, columns)))

    def some(self, port: str, rows: Sequence[int], columns: Sequence[Values] = ()) -> None:
        """Passes the input rows `rows` to `port`, with columns that are as long as `rows`. Rows may
        come in any order, more than once, or not at all."""
        at, adds = self._port(port)
        if len(rows) == 0:
            return
        made = self._columns(adds, columns)
        for field, column in zip(adds.adds, made):
            if len(column) != len(rows):
                problem = f"{len(column)} values of `{field.name}` for {len(rows)} rows"
                raise Failure(f"port `{port}`: {problem}")
        rows = rows if isinstance(rows, list) else list(rows)
        self.emitted.append(Emitted(at, rows, made))

    def records(self, port: str, rows: Sequence[int], records: Sequence[Any]) -> None:
        """Passes the input rows `rows` to `port`, each with the columns of the one of `records` at
        its place: a dataclass, dictionary or tuple with the columns that the port adds."""
        self.some(port, rows, columns_of(self._port(port)[1].adds, records))

    def each(self, port: str, rows: Iterable[T], function: Callable[[T], Any]) -> None:
        """Passes each row to `port` with what `function` makes of it: a dataclass, dictionary or
        tuple with the columns that the port adds. Rows for which it returns None are filtered out,
        those for which it raises are refused; see `refuse`.

            out.each("main", batch.rows(Payment), self.judge)
        """
        made = self.map(function, rows)
        taken = [row for row, record in enumerate(made) if record is not None]
        self.records(port, taken, [record for record in made if record is not None])

    def _port(self, name: str) -> tuple[int, Port]:
        found = self._ports.get(name)
        if found is None:
            raise Failure(f"there is no port `{name}`; there is {', '.join(self._ports)}")
        return found

    def _columns(self, port: Port, columns: Sequence[Values]) -> list[Column[Any]]:
        if len(columns) != len(port.adds):
            problem = f"{len(columns)} columns where {len(port.adds)} belong"
            raise Failure(f"port `{port.name}`: {problem}")
        made = []
        for field, values in zip(port.adds, columns):
            try:
                made.append(column_of(field.type, values))
            except (TypeError, ValueError, OverflowError) as error:
                problem = f"`{field.name}` ({field.type}): {error}"
                raise Failure(f"port `{port.name}`: {problem}") from error
        return made
