// Columns of every type come out of the boundary as they went in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { columnOf, field, types } from "millrace";

import { readColumns, writeColumns } from "../src/cross.js";
import { flatten, unflatten } from "../src/types.js";

/** The values of a column that has crossed. */
function crossed(type, values) {
  const fields = unflatten(flatten([field("c", type)]));
  const [column] = readColumns(fields, writeColumns([columnOf(type, values)]));
  assert.ok(types.sameType(column.type, type), `${column.type}`);
  return column;
}

const entry = types.struct([field("n", types.int32), field("tags", types.list(types.utf8))]);
const CASES = [
  [types.boolean, [true, null, false]],
  [types.int8, [-128, null, 127]],
  [types.int16, [-32768, null, 32767]],
  [types.int32, [-2147483648, null, 2147483647]],
  [types.int64, [-(2n ** 63n), null, 2n ** 63n - 1n, -1n, 2n ** 53n + 1n]],
  [types.uint8, [0, null, 255]],
  [types.uint16, [0, null, 65535]],
  [types.uint32, [0, null, 4294967295]],
  [types.uint64, [0n, null, 2n ** 64n - 1n]],
  [types.float32, [1.5, null, -Infinity, NaN]],
  [types.float64, [0.1, null, -0, 5e-324, Infinity]],
  [types.decimal128(38, 6), [10n ** 38n - 1n, null, -(10n ** 38n) + 1n, -1n, 0n]],
  [types.utf8, ["", null, "äöü€", "\u{1f600}", "a\0b"]],
  [types.binary, [new Uint8Array(0), null, new Uint8Array([0, 255])]],
  [types.fixedSizeBinary(2), [new Uint8Array([1, 2]), null]],
  [types.date32, [-1, null, 11016]],
  [types.time64, [0n, null]],
  [types.timestamp("UTC"), [-1n, null]],
  [types.timestamp(), [1n]],
  [types.duration, [7n]],
  [types.list(types.int64), [[1n, null], null, []]],
  [entry, [{ n: 1, tags: ["a", null] }, null, { n: null, tags: null }]],
  [
    types.map(types.utf8, types.int64),
    [
      [
        ["a", 1n],
        ["b", null],
      ],
      null,
      [],
    ],
  ],
  [types.list(types.list(entry)), [[[{ n: 1, tags: [] }], null], []]],
];

for (const [type, values] of CASES) {
  test(`${type} crosses`, () => {
    const column = crossed(type, values);
    assert.equal(column.nullCount, values.filter((v) => v === null).length);
    // A null's children have values, of which nothing is said.
    assert.deepEqual(column.toArray(), values);
    assert.equal(crossed(type, []).length, 0);
  });
}

test("many rows keep their nulls in their places", () => {
  const values = Array.from({ length: 1000 }, (_, at) => (at % 7 === 3 ? null : `text ${at}`));
  assert.deepEqual(crossed(types.utf8, values).toArray(), values);
});

test("a typed array is taken as it is", () => {
  const numbers = new Float64Array([1, 2]);
  assert.equal(columnOf(types.float64, numbers).values, numbers);
  const counts = columnOf(types.uint64, new Uint32Array([1, 4294967295]));
  assert.deepEqual(counts.toArray(), [1n, 4294967295n]);
});

test("whole numbers may stand for integers of 64 bits", () => {
  const values = [0, -1, 2 ** 52 + 1, -(2 ** 52) - 1, 4294967296];
  assert.deepEqual(columnOf(types.int64, values).toArray(), values.map(BigInt));
  assert.deepEqual([...columnOf(types.int64, values).numbers()], values);
});

test("what is not of the type is refused", () => {
  for (const [type, value] of [
    [types.int8, 128],
    [types.int32, 1.5],
    [types.int64, 0.5],
    [types.int64, 2n ** 63n],
    [types.int64, "1"],
    [types.uint64, -1],
    [types.decimal128(4, 2), 10000n],
    [types.decimal128(4, 2), 1.5],
    [types.utf8, 7],
    [types.binary, "x"],
    [types.fixedSizeBinary(2), new Uint8Array(3)],
  ]) {
    assert.throws(() => columnOf(type, [value]), TypeError, `${type}`);
  }
});

test("half a surrogate pair becomes a replacement character", () => {
  assert.deepEqual(crossed(types.utf8, ["a\ud800b", "é"]).toArray(), ["a\ufffdb", "é"]);
});

test("numbers of any column are found as float64", () => {
  assert.deepEqual([...columnOf(types.decimal128(10, 2), [150n, -1n]).numbers()], [1.5, -0.01]);
  assert.equal(columnOf(types.uint64, [2n ** 64n - 1n]).number(0), 2 ** 64);
  assert.equal(columnOf(types.int64, [-(2n ** 63n)]).number(0), -(2 ** 63));
});
