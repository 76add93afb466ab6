// The plugin as plain JavaScript: quick, and a debugger works.

import assert from "node:assert/strict";
import { test } from "node:test";

import { types } from "millrace";
import { run, schema, start, table } from "millrace/testing";

import { transformer } from "../src/plugin.js";

test("amounts above the limit are marked", () => {
  const amounts = [10, 100, 100.5, null];
  const input = table(
    { amount: types.float64 },
    amounts.map((amount) => ({ amount })),
  );
  const { ports, errors } = run(transformer, { limit: 100 }, input);
  assert.deepEqual(
    ports.main.map((row) => row.large),
    [false, false, true, null],
  );
  assert.deepEqual(errors, []);
});

test("a misspelt key is refused", () => {
  const input = schema({ amount: types.float64 });
  assert.throws(() => start(transformer, { limt: 100 }, input), /unknown field `limt`/);
});
