// What each kind of column accepts of JSON.

import { utf8 } from "millrace";

import * as decimals from "./decimal.js";
import * as json_ from "./json.js";
import { type Code, Problem, shortened } from "./problem.js";
import { dateDays, TIMESTAMP_US_MAX, TIMESTAMP_US_MIN, timestampUs } from "./time.js";

/** Takes the value at which the JSON reader is; null for null. Throws what is wrong with it. */
export type Read = () => string | number | bigint | boolean | null;

const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;
const INT64_END = 2 ** 63;
/** So many digits are exact in a float64. */
const EXACT_DIGITS = 15;

export const text: Read = () => json_.text("a string");

export const bool: Read = () => json_.boolean("a boolean");

export const int32: Read = () => {
  const value = integer();
  if (value === null) return null;
  if (typeof value === "number" && value >= INT32_MIN && value <= INT32_MAX) return value;
  throw outOfRange(`${value} does not fit int32`);
};

export const int64: Read = integer;

function integer(): number | bigint | null {
  const written = json_.number("an integer");
  if (written === null) return null;
  if (!json_.isInteger(written)) return whole(json_.float(written));
  if (written.length <= EXACT_DIGITS) return Number(written);
  const value = BigInt(written);
  return value === BigInt.asIntN(64, value) ? value : whole(Number(value));
}

/** The integer of what is none for the parser: `-0`, or one beyond 64 bits. */
function whole(value: number): number {
  if (Object.is(value, -0)) return 0;
  if (Math.abs(value) >= INT64_END) {
    throw outOfRange(`${value.toExponential().replace("+", "")} does not fit int64`);
  }
  const message = `invalid type: floating point \`${json_.pointed(value)}\`, expected an integer`;
  throw new json_.TypeProblem(message);
}

export const float64: Read = () => json_.float64("a number");

export const date: Read = () => {
  const written = json_.text("a date as text");
  if (written === null) return null;
  return dateDays(written) ?? noTimestamp(written, "a date as YYYY-MM-DD");
};

export const timestamp: Read = () => {
  const written = json_.text("a timestamp as text");
  if (written === null) return null;
  return timestampUs(written) ?? noTimestamp(written, "a timestamp as YYYY-MM-DDTHH:MM:SSZ");
};

/** A number since 1970-01-01T00:00:00Z, each worth so many microseconds. */
export function epoch(unitUs: number): Read {
  return () => {
    const written = json_.number("a timestamp as a number");
    if (written === null) return null;
    if (!json_.isInteger(written)) return fractionOf(json_.float(written), unitUs);
    const us = Number(written) * unitUs;
    if (written.length <= EXACT_DIGITS && Number.isSafeInteger(us)) return us;
    const value = BigInt(written);
    if (value !== BigInt.asIntN(64, value)) return fractionOf(Number(value), unitUs);
    const exact = value * BigInt(unitUs);
    if (exact >= TIMESTAMP_US_MIN && exact <= TIMESTAMP_US_MAX) return exact;
    throw outOfYears(written);
  };
}

function fractionOf(value: number, unitUs: number): bigint {
  const us = value * unitUs;
  // Halves are rounded away from 0.
  const rounded = us < 0 ? -Math.round(-us) : Math.round(us);
  if (rounded < Number(TIMESTAMP_US_MIN) || rounded > Number(TIMESTAMP_US_MAX)) {
    throw outOfYears(json_.display(value));
  }
  return BigInt(rounded);
}

export function decimal(precision: number, scale: number): Read {
  return () => {
    const source = json_.source();
    if (source === "null") return null;
    // Many producers write exact amounts as strings.
    const written = source.startsWith('"') ? source.slice(1, -1) : source;
    const value = decimals.decimal(written, precision, scale);
    if (typeof value === "bigint") return value;
    const shown = shortened(utf8.decodeBinary(written));
    if (value === "no number") {
      const all = shortened(utf8.decodeBinary(source));
      throw new Problem("wrong_type", `invalid type: ${all}, expected a decimal`);
    }
    const size = `decimal(${precision},${scale})`;
    if (value === "too large") throw outOfRange(`${shown} does not fit ${size}`);
    throw outOfRange(`${shown} has more than the ${scale} decimals of ${size}`);
  };
}

export const json: Read = () => {
  const source = json_.source();
  return source === "null" ? null : source;
};

function outOfRange(message: string): Problem {
  return new Problem("out_of_range", message);
}

function outOfYears(value: string): Problem {
  return outOfRange(`${value} lies outside of the years 1 to 9999; check the unit`);
}

function noTimestamp(written: string, expected: string): never {
  const code: Code = "bad_timestamp";
  throw new Problem(code, `"${shortened(utf8.decodeBinary(written))}" is not ${expected}`);
}
