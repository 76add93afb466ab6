// Derived columns: countries and currencies by their codes, amounts in one currency, the parts of
// a time, and masked text.
//
// README.md of the plugin in Rust has the configuration. `config.ts` checks it and makes a list of
// derivations; each takes its columns of a batch and makes new ones. Only `amount.ts` may refuse a
// row, so it goes first and the others see the rows that are left.

import {
  type Batch,
  type BigIntColumn,
  type Output,
  type TextColumn,
  transform,
  type Values,
} from "millrace";

import type { Amount } from "./amount.js";
import { Config, type Derivation, plan } from "./config.js";
import { mask } from "./mask.js";
import { split } from "./time.js";

export const transformer = transform({
  name: "enrich",
  version: "0.1.0",
  summary: "Derives columns: standard codes, amounts in one currency, parts of a time, masked text",
  config: Config,
  start(config, input) {
    const { reads, adds, amount, derivations } = plan(config, input);
    return {
      reads,
      ports: { main: { adds } },
      process: (batch, out) => enrich(amount, derivations, batch, out),
    };
  },
});

function enrich(amount: Amount | null, derivations: Derivation[], batch: Batch, out: Output) {
  const columns: Values[] = [];
  let rows = allRows(batch);
  if (amount !== null) {
    const derived = amount.derive(batch, out);
    rows = derived.rows;
    columns.push(derived.amounts);
  }
  for (const derivation of derivations) {
    columns.push(...derive(derivation, batch, rows));
  }
  if (rows.length === batch.length) out.all("main", columns);
  else out.some("main", rows, columns);
}

function allRows({ length }: Batch): Uint32Array {
  const rows = new Uint32Array(length);
  for (let row = 0; row < length; row++) rows[row] = row;
  return rows;
}

function derive(derivation: Derivation, batch: Batch, rows: Uint32Array): Values[] {
  const column = batch.columns[derivation.column];
  switch (derivation.kind) {
    case "code":
      return [derivation.codes.derive(column as TextColumn, rows)];
    case "time": {
      const parts = split(column as BigIntColumn, rows, derivation.offsetMinutes);
      return [parts.hours, parts.weekdays];
    }
    case "mask":
      return [mask(column as TextColumn, rows, derivation.keepLast)];
  }
}
