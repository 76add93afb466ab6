"""Rules that tell fraud, and what a person should look at, from the rest.

`config` checks the configuration and makes rules of it; `rule` knows which rows a rule matches;
what follows from that is decided here.
"""

from config import Config, resolve
from rule import Outcome, Rule

from millrace_plugin import (
    UTF8,
    Batch,
    ConfigErrors,
    Description,
    Field,
    Output,
    Port,
    Schema,
    Transform,
)

#: Ports beside `main`, in the order in which their rules are asked.
PORTS: dict[str, Outcome] = {"fraud": "fraud", "review": "review"}


class FraudRules(Transform[Config]):
    name = "fraud_rules"
    version = "0.1.0"
    summary = "Sends transactions to fraud, review or main by rules"

    def start(self, config: Config, schema: Schema) -> Description:
        errors = ConfigErrors()
        self.rules, reads = resolve(config, schema, errors)
        errors.raise_if_any()
        added = [Field("rule", UTF8, nullable=False), Field("reason", UTF8, nullable=False)]
        ports = [Port("main"), *(Port(port, adds=added) for port in PORTS)]
        return Description(reads=reads, ports=ports)

    def process(self, batch: Batch, out: Output) -> None:
        open_rows = list(range(len(batch)))
        found: dict[str, dict[int, Rule]] = {}
        for port, outcome in PORTS.items():
            verdicts: dict[int, Rule] = {}
            for rule in self.rules:
                if rule.outcome != outcome:
                    continue
                matching = rule.matching(batch, open_rows)
                if matching:
                    verdicts.update(dict.fromkeys(matching, rule))
                    open_rows = [row for row in open_rows if row not in verdicts]
            found[port] = verdicts
        if len(open_rows) == len(batch):
            out.all("main")
            return
        out.some("main", open_rows)
        for port, verdicts in found.items():
            rows = sorted(verdicts)
            rules = [verdicts[row] for row in rows]
            reasons = [rule.reason for rule in rules]
            out.some(port, rows, [[rule.name for rule in rules], reasons])
