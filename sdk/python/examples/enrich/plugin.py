"""Derived columns: countries and currencies by their codes, amounts in one currency, the parts of a
time, and masked text.

`config` checks the configuration and makes a list of derivations, which are in `derive`. Only the
amount may refuse a row, so it goes first and the others see the rows that are left.
"""

from typing import Any

from config import Config, Plan

from millrace_plugin import Batch, Description, Output, Port, Schema, Transform


class Enrich(Transform[Config]):
    name = "enrich"
    version = "0.1.0"
    summary = "Derives columns: codes, amounts in one currency, parts of a time, masked text"

    def start(self, config: Config, schema: Schema) -> Description:
        self.plan = Plan.of(config, schema)
        return Description(reads=self.plan.reads, ports=[Port("main", adds=self.plan.adds)])

    def process(self, batch: Batch, out: Output) -> None:
        rows = list(range(len(batch)))
        columns: list[list[Any]] = []
        if self.plan.amount is not None:
            rows, amounts = self.plan.amount.derive(batch, out)
            columns.append(list(amounts))
        for derivation in self.plan.derivations:
            columns += derivation.derive(batch, rows)
        if len(rows) == len(batch):
            out.all("main", columns)
        else:
            out.some("main", rows, columns)
