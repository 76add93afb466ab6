// Log, metrics, clock and random numbers, as they are in a test.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, log, metrics, random, utf8 } from "millrace";

test("lines and numbers go to standard error", (t) => {
  const lines = [];
  t.mock.method(console, "error", (line) => lines.push(line));
  log.warn("no rate");
  metrics.count("rows", 3);
  metrics.gauge("limit", 0.5);
  assert.deepEqual(lines, ["warn no rate", "count rows 3", "gauge limit 0.5"]);
  assert.throws(() => metrics.count("rows", -1), RangeError);
});

test("time and random numbers are there", () => {
  assert.ok(Math.abs(clock.now() - Date.now() * 1000) < 60e6);
  assert.equal(random.bytes(5).length, 5);
  assert.throws(() => random.bytes(65537), RangeError);
  assert.equal(typeof random.number(), "bigint");
  for (let i = 0; i < 100; i++) {
    const fraction = random.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});

test("text becomes UTF-8 and back", () => {
  for (const text of ["", "plain", "äöü", "€", "\u{1f600}!", "\0\x7f\x80ÿĀ"]) {
    const bytes = utf8.encode(text);
    assert.deepEqual([...bytes], [...new TextEncoder().encode(text)]);
    assert.equal(utf8.decode(bytes), text);
  }
  assert.throws(() => utf8.decode(new Uint8Array([0xc3])), /not valid UTF-8/);
});
