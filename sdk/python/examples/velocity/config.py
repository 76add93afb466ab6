"""The step's configuration, and the columns that it names."""

from dataclasses import dataclass

from millrace_plugin import FLOAT64, INT64, ConfigErrors, Schema, Span, Unsigned

#: The port of rows that are not flagged.
MAIN = "main"


@dataclass(frozen=True)
class Config:
    """`[step.X.config]`."""

    #: How far back rows count, such as `60s`, `5m`, `24h` or `7d`.
    within: Span
    #: The column that is summed; without it every row counts as 0.
    amount: str | None = None
    #: More rows than this within the time are flagged.
    max_count: Unsigned | None = None
    #: A sum above this is flagged.
    max_sum: float | None = None
    #: The port to which flagged rows go instead of `main`.
    flagged: str | None = None


def check(config: Config, schema: Schema) -> None:
    """Raises ConfigErrors with all that does not fit together."""
    errors = ConfigErrors()
    if config.max_sum is not None and config.amount is None:
        errors.add("max_sum", "needs `amount`, the column that is summed")
    if config.flagged is not None and config.max_count is None and config.max_sum is None:
        errors.add("flagged", "needs a limit: `max_count` or `max_sum`")
    if config.flagged == MAIN:
        errors.add("flagged", "must be another port than `main`")
    if config.amount is not None:
        field = schema.get(config.amount)
        if field is None:
            errors.add("amount", f"the input has no column `{config.amount}`")
        elif field.type not in (FLOAT64, INT64):
            needed = "it must be float64 or int64 (SQL can cast)"
            errors.add("amount", f"column `{config.amount}` is {field.type}; {needed}")
    errors.raise_if_any()
