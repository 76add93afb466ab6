"""The columns of a batch, from one JSON object per row.

Rows go through Python's own parser, and their values into columns by the column. What is in any way
unusual in a row sends it to `walk`, which decides and words what `serde_json` would.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from config import Declared
from kinds import WrongType, described
from problem import Malformed, Refusal
from scanner import OUT_OF_RANGE, OutOfRange, Scanner

from millrace_plugin import Column

_KEY = re.compile(r'[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_COMMA = re.compile(r"[ \t\n\r]*([,}])")

#: What a row becomes: a value for each column.
Values = list[Any]


class Table:
    """All columns that are to be made."""

    def __init__(self, columns: Sequence[Declared], reject_unknown: bool) -> None:
        self.columns = columns
        self.names = {column.name: at for at, column in enumerate(columns)}
        self.reject_unknown = reject_unknown
        #: Columns that want the text of a value.
        self.by_source = {column.name for column in columns if column.kind.by_source}
        # Objects are tuples of pairs, so that a name that comes twice is seen.
        decoder: Any = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_no_json)
        self.scan = decoder.scan_once

    def parse(
        self, texts: Sequence[str | Refusal]
    ) -> tuple[list[int], list[Column[Any]], list[tuple[int, Refusal]]]:
        """The rows that were taken, their columns, and the refused rows."""
        records: list[dict[str, Any]] = []
        rows: list[int] = []
        unusual: list[int] = []
        for row, text in enumerate(texts):
            record = self._quickly(text)
            if record is None:
                unusual.append(row)
            else:
                rows.append(row)
                records.append(record)
        by_column: list[Values] = []
        doubtful: set[int] = set()
        for column in self.columns:
            name = column.name
            values = [record.get(name) for record in records]
            by_column.append(self._converted(column, values, doubtful))
        refused: list[tuple[int, Refusal]] = []
        if not doubtful and not unusual:
            return rows, self._made(by_column), refused
        unusual += [rows[at] for at in doubtful]
        known = {
            row: list(values)
            for at, (row, *values) in enumerate(zip(rows, *by_column))
            if at not in doubtful
        }
        for row in unusual:
            try:
                text = texts[row]
                if isinstance(text, Refusal):
                    raise text
                known[row] = self.walk(text)
            except Refusal as refusal:
                refused.append((row, refusal))
        rows = sorted(known)
        by_column = [list(column) for column in zip(*(known[row] for row in rows))]
        return (
            rows,
            self._made(by_column or [[] for _ in self.columns]),
            sorted(refused, key=lambda one: one[0]),
        )

    def walk(self, text: str) -> Values:
        """The values of a row, field by field. Raises Refusal with the first thing that is wrong
        with it."""
        scanner = Scanner(text.encode())
        self._begin(scanner)
        values: dict[int, Any] = {}
        first = True
        while self._has_key(scanner, first):
            first = False
            scanner.at += 1
            name = scanner.string()
            at = self.names.get(name)
            if at is None and self.reject_unknown:
                raise Refusal("unknown_field", f"the schema has no field `{name}`", name)
            match scanner.space():
                case None:
                    raise scanner.wrong_here("EOF while parsing an object")
                case 0x3A:
                    scanner.at += 1
                case _:
                    raise scanner.wrong_here("expected `:`")
            if at is None:
                scanner.skip()
            else:
                values[at] = self._value(scanner, self.columns[at])
        for at, column in enumerate(self.columns):
            if at not in values and not column.nullable:
                raise Refusal("missing", "is missing and must have a value", column.name)
        scanner.at += 1
        if scanner.space() is not None:
            raise scanner.wrong_here("trailing characters")
        return [values.get(at) for at in range(len(self.columns))]

    def _quickly(self, text: str | Refusal) -> dict[str, Any] | None:
        """The fields of a row; None if it must be looked at more closely."""
        if isinstance(text, Refusal) or "\\u" in text:
            return None
        try:
            pairs, end = self._pieces(text) if self.by_source else self.scan(text, 0)
        except (ValueError, StopIteration, RecursionError):
            return None
        if end != len(text) or type(pairs) is not tuple:
            return None
        record = dict(pairs)
        if len(record) != len(pairs):
            return None
        if self.reject_unknown and not record.keys() <= self.names.keys():
            return None
        return record

    def _pieces(self, text: str) -> tuple[tuple[tuple[str, Any], ...] | None, int]:
        """The fields of a row, some of them as text, and where the row ends."""
        fields = []
        at = 1
        while (key := _KEY.match(text, at)) is not None:
            name, start = key[1], key.end()
            value, end = self.scan(text, start)
            source = name in self.by_source and value is not None
            fields.append((name, text[start:end] if source else value))
            comma = _COMMA.match(text, end)
            if comma is None:
                break
            at = comma.end()
            if comma[1] == "}":
                return (tuple(fields) if text[0] == "{" else None), at
        return None, 0

    def _converted(self, column: Declared, values: Values, doubtful: set[int]) -> Values:
        """The values of a column; rows that must be looked at more closely go to `doubtful`."""
        kind = column.kind
        fitting = kind.quick | {type(None)} if column.nullable else kind.quick
        if set(map(type, values)) <= fitting:
            try:
                return kind.convert_all(values)
            except Exception:
                pass
        converted: Values = []
        for at, value in enumerate(values):
            try:
                if type(value) not in fitting:
                    raise WrongType
                converted += kind.convert_all([value])
            except Exception:
                doubtful.add(at)
                converted.append(None)
        return converted

    def _made(self, by_column: list[Values]) -> list[Column[Any]]:
        return [column.kind.column(values) for column, values in zip(self.columns, by_column)]

    def _begin(self, scanner: Scanner) -> None:
        byte = scanner.space()
        if byte is None:
            raise scanner.wrong_here("EOF while parsing a value")
        if byte == 0x7B:
            scanner.at += 1
            return
        found = "sequence" if byte == 0x5B else _described(scanner)
        raise Malformed(f"invalid type: {found}, expected a JSON object{scanner.place()}")

    def _has_key(self, scanner: Scanner, first: bool) -> bool:
        byte = scanner.space()
        if byte is None:
            raise scanner.wrong_here("EOF while parsing an object")
        if byte == 0x7D:
            return False
        if not first:
            if byte != 0x2C:
                raise scanner.wrong_here("expected `,` or `}`")
            scanner.at += 1
            byte = scanner.space()
            if byte is None:
                raise scanner.wrong_here("EOF while parsing a value")
            if byte == 0x7D:
                raise scanner.wrong_here("trailing comma")
        if byte != 0x22:
            raise scanner.wrong_here("key must be a string")
        return True

    def _value(self, scanner: Scanner, column: Declared) -> Any:
        kind = column.kind
        try:
            if kind.by_source:
                scanner.space()
                start = scanner.at
                scanner.skip()
                value: Any = scanner.text[start : scanner.at].decode()
                value = None if value == "null" else value
            else:
                value = _scalar(scanner)
        except OutOfRange:
            raise Refusal("out_of_range", OUT_OF_RANGE, column.name) from None
        if value is None:
            if column.nullable:
                return None
            raise Refusal("missing", "is null and must have a value", column.name)
        try:
            return kind.convert(value)
        except WrongType:
            message = f"invalid type: {described(value)}, expected {kind.expected}"
            raise Refusal("wrong_type", message, column.name) from None
        except Refusal as refusal:
            refusal.column = column.name
            raise


def _scalar(scanner: Scanner) -> Any:
    """A value; of a list or object only its kind."""
    byte = scanner.space()
    match byte:
        case None:
            raise scanner.wrong_here("EOF while parsing a value")
        case 0x6E:
            scanner.at += 1
            scanner.ident(b"ull")
            return None
        case 0x74:
            scanner.at += 1
            scanner.ident(b"rue")
            return True
        case 0x66:
            scanner.at += 1
            scanner.ident(b"alse")
            return False
        case 0x22:
            scanner.at += 1
            return scanner.string()
        case 0x5B:
            return []
        case 0x7B:
            return {}
        case _ if byte in b"-0123456789":
            return scanner.number()
        case _:
            raise scanner.wrong_here("expected value")


def _described(scanner: Scanner) -> str:
    value = _scalar(scanner)
    return "null" if value is None else described(value)


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
