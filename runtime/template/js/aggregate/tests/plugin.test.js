// The function as plain JavaScript: quick, and a debugger works.

import assert from "node:assert/strict";
import { test } from "node:test";

import { types } from "millrace";
import { aggregate } from "millrace/testing";

import { aggregator } from "../src/plugin.js";

test("the longest text wins", () => {
  const rows = [["bb"], [null], ["aa"], ["c"]];
  assert.equal(aggregate(aggregator, {}, [types.utf8], rows), "aa");
});
