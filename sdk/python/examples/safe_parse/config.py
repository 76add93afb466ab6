"""The step's configuration, and the types that a schema may name."""

from dataclasses import dataclass
from typing import Literal

from kinds import Bool, Date, Decimal, Epoch, Float, Int, Json, Kind, Text, Timestamp

from millrace_plugin import ConfigErrors, Field

#: Known types, as an error shows them.
TYPES = (
    "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, "
    "timestamp[s], timestamp[ms], timestamp[us] and json, each with `?` where it may be missing"
)

KINDS: dict[str, Kind] = {
    "string": Text(),
    "bool": Bool(),
    "int32": Int(32),
    "int64": Int(64),
    "float64": Float(),
    "date": Date(),
    "timestamp": Timestamp(),
    "timestamp[s]": Epoch(1_000_000),
    "timestamp[ms]": Epoch(1_000),
    "timestamp[us]": Epoch(1),
    "json": Json(),
}


@dataclass(frozen=True)
class Config:
    """`[step.X.config]`."""

    #: The columns to make, in this order: names and types.
    schema: dict[str, str]
    #: The column that holds the JSON text.
    column: str = "value"
    #: Whether the raw column goes on.
    keep_raw: bool = False
    #: What to do with a field that the schema does not have.
    unknown_fields: Literal["ignore", "reject"] = "ignore"


@dataclass(frozen=True)
class Declared:
    """One column to make."""

    name: str
    kind: Kind
    nullable: bool

    @property
    def field(self) -> Field:
        """The column as the host sees it."""
        return Field(self.name, self.kind.data_type, self.nullable)


def declared(config: Config, errors: ConfigErrors) -> list[Declared]:
    """The declared columns; what can't be understood goes to `errors`."""
    if not config.schema:
        errors.add("schema", 'no column is declared; give at least one, as `name = "type"`')
    columns = []
    for name, text in config.schema.items():
        try:
            columns.append(Declared(name, kind(text.removesuffix("?")), text.endswith("?")))
        except ValueError as error:
            errors.add(f"schema.{name}", str(error))
    return columns


def kind(text: str) -> Kind:
    """The kind of this name. Raises ValueError if there is none."""
    if text in KINDS:
        return KINDS[text]
    if not (text.startswith("decimal(") and text.endswith(")")):
        raise ValueError(f"`{text}` is no type; the types are {TYPES}")
    precision, _, scale = text.removeprefix("decimal(").removesuffix(")").partition(",")
    try:
        digits, decimals = int(precision), int(scale)
    except ValueError:
        digits = decimals = 0
    if not (1 <= digits <= 38 and 0 <= decimals <= digits):
        message = "write decimal(p,s) with 1 to 38 digits, s of them after the point"
        raise ValueError(f"`{text}` is no type; {message}")
    return Decimal(digits, decimals)
