// Rules that tell fraud, and what a person should look at, from the rest.
//
// See README.md of the plugin in Rust for the configuration. `config.ts` checks it and makes rules
// of it; `rule.ts` knows which rows a rule matches; what follows from that is decided here.

import { type Batch, field, type Output, transform, types } from "millrace";

import { Config, resolve } from "./config.js";
import { type Outcome, Rule } from "./rule.js";

/** Ports beside `main`, in the order in which their rules are asked. */
const PORTS: [string, Outcome][] = [
  ["fraud", "fraud"],
  ["review", "review"],
];

export const transformer = transform({
  name: "fraud_rules",
  version: "0.1.0",
  summary: "Tells fraud, and what a person should look at, from the rest, by rules",
  config: Config,
  start(config, input) {
    const { rules, reads } = resolve(config, input);
    const adds = ["rule", "reason"].map((name) => field(name, types.utf8, { nullable: false }));
    const ordered = PORTS.flatMap(([, outcome]) => rules.filter((r) => r.outcome === outcome));
    return {
      reads,
      ports: { main: {}, fraud: { adds }, review: { adds } },
      process: (batch, out) => judge(ordered, batch, out),
    };
  },
});

/** Asks the rules in their order; each sees the rows that no rule before it matched. */
function judge(rules: Rule[], batch: Batch, out: Output) {
  const { length } = batch;
  const open = new Uint32Array(length);
  for (let row = 0; row < length; row++) open[row] = row;
  const matching = new Uint32Array(length);
  /** For each row the number of its rule, counted from 1, or 0. */
  const verdicts = new Uint32Array(length);
  let left = length;
  for (let at = 0; at < rules.length; at++) {
    matching.set(open);
    const matched = rules[at].keepMatching(batch, matching, left);
    if (matched === 0) continue;
    for (let i = 0; i < matched; i++) verdicts[matching[i]] = at + 1;
    left = without(open, left, verdicts);
  }
  if (left === length) {
    out.all("main");
    return;
  }
  out.some("main", open.subarray(0, left));
  for (const [port, outcome] of PORTS) emit(port, outcome, rules, verdicts, out);
}

/** Keeps the rows that have no verdict. */
function without(open: Uint32Array, left: number, verdicts: Uint32Array): number {
  let kept = 0;
  for (let i = 0; i < left; i++) {
    const row = open[i];
    if (verdicts[row] === 0) open[kept++] = row;
  }
  return kept;
}

/** Sends the rows with this outcome to their port. */
function emit(port: string, outcome: Outcome, rules: Rule[], verdicts: Uint32Array, out: Output) {
  const rows = [];
  const names = [];
  const reasons = [];
  for (let row = 0; row < verdicts.length; row++) {
    const verdict = verdicts[row];
    if (verdict === 0) continue;
    const rule = rules[verdict - 1];
    if (rule.outcome !== outcome) continue;
    rows.push(row);
    names.push(rule.name);
    reasons.push(rule.reason);
  }
  out.some(port, rows, [names, reasons]);
}
