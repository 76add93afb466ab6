// The plugin as plain JavaScript: quick, and a debugger works.

import assert from "node:assert/strict";
import { test } from "node:test";

import { types } from "millrace";
import { KeyedTest, schema } from "millrace/testing";

import { keyedTransformer } from "../src/plugin.js";

const MINUTE = 60_000_000;

test("rows are counted until the key is silent", () => {
  const input = schema({ user: types.utf8, at: types.timestamp("UTC") });
  const options = { key: ["user"], eventTime: "at" };
  const count = new KeyedTest(keyedTransformer, { limit: 1 }, input, options);
  count.rows([
    { user: "a", at: 0 },
    { user: "b", at: MINUTE },
    { user: "a", at: 2 * MINUTE },
    { user: "a", at: 90 * MINUTE },
  ]);
  // The rows of a key stand together.
  assert.deepEqual(
    count.ports.main.map((row) => row.count),
    [1n, 2n, 1n, 1n],
  );
  count.watermark(200 * MINUTE);
  assert.equal(count.states, 0);
});
