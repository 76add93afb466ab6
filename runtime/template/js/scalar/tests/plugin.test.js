// The function as plain JavaScript: quick, and a debugger works.

import assert from "node:assert/strict";
import { test } from "node:test";

import { types } from "millrace";
import { scalar } from "millrace/testing";

import { scalarFunction } from "../src/plugin.js";

test("all but the last characters are masked", () => {
  const rows = [["4111 1111"], [null], ["1"]];
  const { values, errors } = scalar(scalarFunction, { keep: 4 }, [types.utf8], rows);
  assert.deepEqual(values.slice(0, 2), ["*****1111", null]);
  assert.deepEqual([errors[0].row, errors[0].code], [2, "too_short"]);
});
