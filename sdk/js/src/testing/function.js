// Runs functions for SQL natively.

import { isDeepStrictEqual } from "node:util";

import { columnOf } from "../build.js";
import { readColumns, writeColumns } from "../cross.js";
import { binary, field, flatten, unflatten } from "../types.js";
import { unwrapped } from "./table.js";

/** Starts a scalar function and evaluates it for rows of arguments of these types. */
export function scalar(fn, config, types, rows) {
  const result = start(fn, config, types);
  const { values, errors } = unwrapped(() => fn.evaluate(batchOf(types, rows)));
  return { values: readColumns(unflatten(result), values)[0].toArray(), errors };
}

/**
 * Starts an aggregate function and gives its result over all rows of arguments of these types. It
 * is evaluated in two ways, which must agree: over all rows at once, and with each row in a state
 * of its own, merged from the last to the first.
 */
export function aggregate(fn, config, types, rows) {
  const { result } = start(fn, config, types);
  const evaluate = (states) => readColumns(unflatten(result), fn.evaluate(states))[0].get(0);
  return unwrapped(() => {
    const batch = batchOf(types, rows);
    const whole = evaluate(
      fn.update(
        rows.map(() => 0),
        batch,
        states([null]),
      ),
    );
    const apart = fn.update(
      rows.map((_, at) => at),
      batch,
      states(rows.map(() => null)),
    );
    const [column] = readColumns([field("state", binary)], apart);
    let merged = states([null]);
    for (const state of column.toArray().reverse()) merged = fn.merge(merged, states([state]));
    const stepwise = evaluate(merged);
    if (!isDeepStrictEqual(whole, stepwise)) {
      throw new Error(`all rows at once give ${show(whole)}, merged one by one ${show(stepwise)}`);
    }
    return whole;
  });
}

function start(fn, config, types) {
  const fields = types.map((type, at) => field(`a${at}`, type));
  return unwrapped(() => fn.start(JSON.stringify(config), flatten(fields)));
}

function batchOf(types, rows) {
  const columns = types.map((type, at) =>
    columnOf(
      type,
      rows.map((row) => row[at]),
    ),
  );
  return { rows: rows.length, columns: writeColumns(columns) };
}

function states(states) {
  return writeColumns([columnOf(binary, states)]);
}

function show(value) {
  return JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v));
}
