"""Marks rows whose amount is above a limit."""

from dataclasses import dataclass

from millrace_plugin import (
    BOOLEAN,
    Batch,
    Description,
    Field,
    Output,
    Port,
    Schema,
    Transform,
)


@dataclass(frozen=True)
class Config:
    limit: float


class FlagLarge(Transform[Config]):
    name = "plugin_name"
    version = "0.1.0"
    summary = "plugin_summary"

    def start(self, config: Config, schema: Schema) -> Description:
        self.limit = config.limit
        large = Field("large", BOOLEAN)
        return Description(reads=["amount"], ports=[Port("main", adds=[large])])

    def process(self, batch: Batch, out: Output) -> None:
        amounts = batch.float64("amount")
        large = [None if amount is None else amount > self.limit for amount in amounts]
        out.all("main", [large])
