"""Raw bytes to typed columns: one JSON object per row in, one column per declared field out.

A row that does not fit its schema is refused with a code, the column and a reason; the rows beside
it go on. `table` takes rows apart, `kinds` decides what a column accepts of JSON, and `scanner`
words what is wrong.
"""

from itertools import pairwise

from config import Config, declared
from problem import Malformed, Refusal
from table import Table

from millrace_plugin import (
    BINARY,
    UTF8,
    Batch,
    ConfigErrors,
    Description,
    Output,
    Port,
    Schema,
    TextColumn,
    Transform,
)


class SafeParse(Transform[Config]):
    name = "safe_parse"
    version = "0.1.0"
    summary = "Parses JSON into typed columns and says what is wrong with rows that don't fit"

    def start(self, config: Config, schema: Schema) -> Description:
        errors = ConfigErrors()
        columns = declared(config, errors)
        raw = config.column
        replaced = raw in [column.name for column in columns]
        if config.keep_raw and replaced:
            message = f"`{raw}` is also the raw column; rename the field's column or drop"
            errors.add(f"schema.{raw}", f"{message} `keep_raw`")
        field = schema.get(raw)
        if field is None:
            names = ", ".join(schema.names)
            errors.add("column", f"the input has no column `{raw}`; it has {names}")
        elif field.type not in (BINARY, UTF8):
            errors.add("column", f"`{raw}` has type {field.type}; it must be binary or utf8")
        errors.raise_if_any()
        self.raw = raw
        self.table = Table(columns, config.unknown_fields == "reject")
        drops = [] if config.keep_raw or replaced else [raw]
        main = Port("main", adds=[column.field for column in columns], drops=drops)
        return Description(reads=[raw], ports=[main])

    def process(self, batch: Batch, out: Output) -> None:
        rows, columns, refused = self.table.parse(texts(batch, self.raw))
        for row, refusal in refused:
            column = self.raw if refusal.column is None else refusal.column
            out.error(row, refusal.code, refusal.message, column)
        if len(rows) == len(batch):
            out.all("main", columns)
        else:
            out.some("main", rows, columns)


def texts(batch: Batch, name: str) -> list[str | Refusal]:
    """The text of each row, or why there is none."""
    column = batch[name]
    if isinstance(column, TextColumn):
        found = column.to_list()
    else:
        binary = batch.binary(name)
        if binary.data.isascii():
            whole, ends = binary.data.decode("ascii"), binary.offsets.tolist()
            found = [whole[start:end] for start, end in pairwise(ends)]
            if binary.null_count:
                found = [text if ok else None for text, ok in zip(found, binary.valid)]
        else:
            return [_decoded(value) for value in binary]
    return [_missing() if text is None else text for text in found]


def _decoded(value: bytes | None) -> str | Refusal:
    if value is None:
        return _missing()
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            problem = f"incomplete utf-8 byte sequence from index {error.start}"
        else:
            length = error.end - error.start
            problem = f"invalid utf-8 sequence of {length} bytes from index {error.start}"
        return Malformed(f"not UTF-8: {problem}")


def _missing() -> Refusal:
    return Refusal("missing", "the raw value is null")
