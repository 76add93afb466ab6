// Functions for SQL: rows to states, states to results, and single rows.

import assert from "node:assert/strict";
import { test } from "node:test";

import { aggregate, RowError, scalar, types } from "millrace";
import * as testing from "millrace/testing";

const ABOUT = { name: "test", version: "0.1.0", summary: "For tests" };

function summing(merge) {
  return aggregate({
    ...ABOUT,
    start: () => ({
      result: types.float64,
      initial: () => 0,
      update(states, groups, rows) {
        const numbers = rows.float64("a0");
        for (let row = 0; row < rows.length; row++) {
          states[groups[row]] += numbers.get(row) ?? 0;
        }
      },
      merge,
      evaluate: (states) => states,
    }),
  });
}

test("an aggregate is the same however its states are merged", () => {
  const rows = [[1], [2.5], [null]];
  assert.equal(
    testing.aggregate(
      summing((a, b) => a + b),
      {},
      [types.float64],
      rows,
    ),
    3.5,
  );
  assert.throws(
    () =>
      testing.aggregate(
        summing((a, b) => a - b),
        {},
        [types.float64],
        rows,
      ),
    /all rows at once give 3.5, merged one by one/,
  );
});

test("an error of a function for one row refuses this row", () => {
  const root = scalar({
    ...ABOUT,
    start: () => ({
      result: types.float64,
      value(x) {
        if (x < 0) throw new RowError("negative", `${x} has no root`);
        return x === null ? null : Math.sqrt(x);
      },
    }),
  });
  const { values, errors } = testing.scalar(root, {}, [types.float64], [[4], [-1], [null]]);
  assert.deepEqual(values, [2, null, null]);
  assert.deepEqual(errors, [{ row: 1, code: "negative", message: "-1 has no root", column: null }]);
});
