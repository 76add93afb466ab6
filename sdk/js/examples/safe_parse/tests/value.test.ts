// Decimals, times and bytes, at their bounds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decimal } from "../src/decimal.js";
import { notUtf8 } from "../src/not_utf8.js";
import { dateDays, TIMESTAMP_US_MAX, TIMESTAMP_US_MIN, timestampUs } from "../src/time.js";

test("a number is taken digit by digit", () => {
  for (const [text, expected] of [
    ["0", 0n],
    ["-0.00", 0n],
    ["12.3", 1230n],
    ["-12.30", -1230n],
    ["1.5e3", 150_000n],
    ["150E-2", 150n],
    ["1.00000000000000000000000000000000000000000000", 100n],
    ["0e99999", 0n],
    ["99999999.99", 9_999_999_999n],
  ] as const) {
    assert.equal(decimal(text, 10, 2), expected, text);
  }
  assert.equal(decimal("9".repeat(38), 38, 0), 10n ** 38n - 1n);
});

test("what would lose a digit is refused", () => {
  for (const text of ["100000000", "1e8", "1e2000000000", "9".repeat(60)]) {
    assert.equal(decimal(text, 10, 2), "too large", text);
  }
  for (const text of ["0.001", "1e-3", "1e-2000000000"]) {
    assert.equal(decimal(text, 10, 2), "too fine", text);
  }
  for (const text of ["", "-", "1.", ".5", "01", "+1", "1e", "1e99999999999", "0x1", "1 "]) {
    assert.equal(decimal(text, 10, 2), "no number", text);
  }
});

test("every accepted form names the same instant", () => {
  const instant = 1_700_000_000_000_000n;
  for (const text of [
    "2023-11-14T22:13:20Z",
    "2023-11-14t22:13:20z",
    "2023-11-14 22:13:20",
    "2023-11-14T22:13:20.000",
    "2023-11-14T23:13:20+01:00",
    "2023-11-14T23:13:20+01",
    "2023-11-14T16:43:20-0530",
  ]) {
    assert.equal(timestampUs(text), instant, text);
  }
  assert.equal(timestampUs("2023-11-14T22:13:20,123456789Z"), instant + 123_456n);
  assert.equal(timestampUs("1969-12-31T23:59:59.999999Z"), -1n);
  assert.equal(timestampUs("0001-01-01T00:00:00Z"), TIMESTAMP_US_MIN);
  assert.equal(timestampUs("9999-12-31T23:59:59.999999Z"), TIMESTAMP_US_MAX);
});

test("what is no instant is refused", () => {
  for (const text of [
    "",
    "2023-11-14",
    "2023-02-29T00:00:00Z",
    "2023-13-01T00:00:00Z",
    "2023-11-14T24:00:00Z",
    "2023-11-14T22:13:20.Z",
    "2023-11-14T22:13:20+1:00",
    "2023-11-14T22:13:20 UTC",
    "2023-11-14T22",
  ]) {
    assert.equal(timestampUs(text), null, text);
  }
  assert.equal(dateDays("1969-12-31"), -1);
  assert.equal(dateDays("2000-02-29"), 11_016);
  assert.equal(dateDays("2023-11-31"), null);
});

test("bytes that are not UTF-8 are found", () => {
  for (const [binary, expected] of [
    ["plain", null],
    ["\xc3\xa9 \xf0\x9f\x98\x80", null],
    ["ab\xff", "invalid utf-8 sequence of 1 bytes from index 2"],
    ["\xc3\xa9\xe2\x82x", "invalid utf-8 sequence of 2 bytes from index 2"],
    ["\xe2\x82", "incomplete utf-8 byte sequence from index 0"],
    ["\xed\xa0\x80", "invalid utf-8 sequence of 1 bytes from index 0"],
    ["\xc0\x80", "invalid utf-8 sequence of 1 bytes from index 0"],
  ] as const) {
    assert.equal(notUtf8(binary), expected);
  }
});
