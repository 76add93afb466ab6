// The sums of the window against the same in integers of 128 bits.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as window from "../src/window.js";

/** The number with 64 binary places that is nearest to 0 of those at `value`. */
function fixed(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value >= 2 ** 63) return 2n ** 127n - 1n;
  if (value < -(2 ** 63)) return -(2n ** 127n);
  // Everything above 2^-64 of the number is in these two steps, which are exact.
  const whole = Math.trunc(value);
  const rest = (value - whole) * 2 ** 53;
  const low = Math.trunc((rest - Math.trunc(rest)) * 2 ** 11);
  return (BigInt(whole) << 64n) + (BigInt(Math.trunc(rest)) << 11n) + BigInt(low);
}

function random(seed: number) {
  return () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed / 2 ** 31;
  };
}

const SPECIAL = [0, NaN, Infinity, -(2 ** 63), 2 ** 31, -(2 ** 31) - 0.5, 2 ** -64, -(2 ** -70)];

for (const scale of [1e-15, 1e-3, 1, 1e4, 1e6, 1e9, 1e15, 9e18]) {
  test(`sums of amounts up to ${scale} are exact but for one rounding`, () => {
    const next = random(7);
    const rows: [time: number, amount: bigint][] = [];
    let stored: Uint8Array | undefined;
    let time = 1e15;
    let sum = 0n;
    for (let batch = 0; batch < 20; batch++) {
      window.open(stored);
      for (let row = 0; row < 50; row++) {
        time += Math.floor(next() * 3) * 1000;
        let amount = (next() - 0.3) * scale;
        if (next() < 0.5) amount = Math.round(amount * 100) / 100;
        if (next() < 0.05) amount = SPECIAL[Math.floor(next() * SPECIAL.length)];
        const horizon = time - 20_000;
        while (rows.length > 0 && rows[0][0] < horizon) sum -= rows.shift()![1];
        rows.push([time, fixed(amount)]);
        sum = BigInt.asIntN(128, sum + fixed(amount));
        window.take(time, horizon, amount);
        assert.equal(window.count, rows.length);
        // A sum of 0 has no sign.
        assert.equal(window.sum + 0, Number(sum) / 2 ** 64, `${amount}`);
      }
      stored = window.stored().slice();
    }
  });
}

test("rows of one time are one entry", () => {
  window.open();
  window.take(5, 0, 1);
  const one = window.stored().length;
  for (let row = 0; row < 1000; row++) window.take(5, 0, 0.1);
  assert.equal(window.stored().length, one);
  assert.equal(window.count, 1001);
});
