"""Gives back what it reads, for tests of SDKs: every type goes in and out, value by value, and
every way to emit and to refuse a row is used."""

from dataclasses import dataclass
from typing import Any

from millrace_plugin import (
    BOOLEAN,
    UTF8,
    Batch,
    ConfigErrors,
    Description,
    Field,
    Output,
    Port,
    RowError,
    Schema,
    Transform,
    Unsigned,
)

#: Columns that say what is to become of a row, where the input has them.
REFUSE, FAIL, PORT = "refuse", "fail", "port"


@dataclass(frozen=True)
class Config:
    """`[step.X.config]`."""

    #: How often each row comes out.
    repeat: Unsigned = 1


class Mirror(Transform[Config]):
    name = "mirror"
    version = "0.1.0"
    summary = "Gives back what it reads, for the tests of SDKs"

    def start(self, config: Config, schema: Schema) -> Description:
        errors = ConfigErrors()
        if config.repeat == 0:
            errors.add("repeat", "must be at least 1")
        for name, expected in ((REFUSE, BOOLEAN), (FAIL, BOOLEAN), (PORT, UTF8)):
            field = schema.get(name)
            if field is not None and field.type != expected:
                errors.add("", f"column `{name}` must be {expected}")
        errors.raise_if_any()
        self.repeat = config.repeat
        main = Port("main", adds=[Field(f"copy_{field.name}", field.type) for field in schema])
        other = Port("other", drops=[PORT] if PORT in schema.names else [])
        return Description(reads=schema.names, ports=[main, other])

    def process(self, batch: Batch, out: Output) -> None:
        values = [column.to_list() for column in batch.columns]
        names = batch.schema.names
        records = [dict(zip(names, row)) for row in zip(*values)]
        ports = out.map(port_of, records)
        for port in ("main", "other"):
            taken = [row for row, found in enumerate(ports) if found == port]
            rows = [row for row in taken for _ in range(self.repeat)]
            copies = [[column[row] for row in rows] for column in values]
            out.some(port, rows, copies if port == "main" else [])


def port_of(record: dict[str, Any]) -> str:
    """The port that a row asks for."""
    if record.get(REFUSE):
        raise RowError("refused", "the row asks to be refused", REFUSE)
    if record.get(FAIL):
        raise ValueError("the row asks to fail")
    return "other" if record.get(PORT) == "other" else "main"
