// A reader for the JSON of one row. Mistakes are worded and placed as serde_json does, so that a
// row is refused with the same words whatever language the plugin is written in.
//
// The row is a binary string of its UTF-8: a character is a byte, as places in messages are, and a
// text that came without escapes is a slice of it. What is known of the row at hand stands in the
// module, where it is read more quickly than in an object.

import { utf8 } from "millrace";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

export const OUT_OF_RANGE = "number out of range";

const INTEGER = /-?(?:0|[1-9]\d*)(?![\d.eE])/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.eE])/y;
/** Neither escapes nor control characters, and no character of more than a byte. */
const PLAIN = /^[\x20-\x5b\x5d-\x7f]*$/;

let row = "";
let at = 0;
/** Whether every text of the row ends at its next quote, and is what stands between. */
let plain = false;
/** Whether the last number was written without a fraction and an exponent. */
let whole = false;

/** What the parser itself says against a row. */
export class SyntaxProblem extends Error {}

/** A float beyond the largest, which the parser takes for a mistake of syntax. */
export class RangeProblem extends SyntaxProblem {}

/** A value of another type than was expected. */
export class TypeProblem extends Error {
  /** Where the reader stood, which matters only where no column is at fault. */
  readonly placed = placed(this.message, at).message;
}

/** Takes up the next row. */
export function open(text: string, isKnownPlain: boolean) {
  row = text;
  at = 0;
  plain = isKnownPlain || PLAIN.test(row);
}

/** Whether no text in this JSON needs more than a slice. */
export function isPlain(json: string): boolean {
  return PLAIN.test(json);
}

/** Goes to the row's object. */
export function openObject() {
  const expected = "a JSON object";
  const c = next();
  if (c === OPEN) at++;
  else if (wrong(c, expected) === null) {
    throw new TypeProblem(`invalid type: null, expected ${expected}`);
  }
}

/** Goes over a name that is written in this way, with its colon, if the next field is of it. */
export function takesName(written: string, isFirst: boolean): boolean {
  const start = isFirst ? at : at + 1;
  if (!row.startsWith(written, start)) return false;
  if (!isFirst && row.charCodeAt(at) !== COMMA) return false;
  at = start + written.length;
  return true;
}

/** The name of the next field, as a binary string, with the reader behind its colon; or null. */
export function name(isFirst: boolean): string | null {
  let c = next();
  if (c === CLOSE) {
    at++;
    return null;
  }
  if (Number.isNaN(c)) throw peeked("EOF while parsing an object");
  if (!isFirst) {
    if (c !== COMMA) throw peeked("expected `,` or `}`");
    at++;
    c = next();
    if (c === CLOSE) throw peeked("trailing comma");
    if (Number.isNaN(c)) throw peeked("EOF while parsing a value");
  }
  if (c !== QUOTE) throw peeked("key must be a string");
  return string();
}

/** Goes over the colon behind a name. */
export function colon() {
  const c = next();
  if (c !== COLON) throw peeked(Number.isNaN(c) ? "EOF while parsing an object" : "expected `:`");
  at++;
}

/** That nothing follows. */
export function end() {
  if (!Number.isNaN(next())) throw peeked("trailing characters");
}

/** A text, as a binary string; null for null. */
export function text(expected: string): string | null {
  if (plain && row.charCodeAt(at) === QUOTE) {
    const end = row.indexOf('"', at + 1);
    if (end !== -1) {
      const value = row.slice(at + 1, end);
      at = end + 1;
      return value;
    }
  }
  const c = next();
  return c === QUOTE ? string() : wrong(c, expected);
}

export function boolean(expected: string): boolean | null {
  const c = next();
  if (c === 0x74) return word("true", true);
  if (c === 0x66) return word("false", false);
  return wrong(c, expected);
}

/** A number as it was written; null for null. Call `isInteger` to know what it is. */
export function number(expected: string): string | null {
  const c = next();
  return isNumber(c) ? digits() : wrong(c, expected);
}

/** The same for who does not need to know whether it is an integer. */
export function float64(expected: string): number | null {
  const c = next();
  if (!isNumber(c)) return wrong(c, expected);
  const start = at;
  NUMBER.lastIndex = at;
  if (!NUMBER.test(row)) throw noNumber(false);
  at = NUMBER.lastIndex;
  return float(row.slice(start, at));
}

/** Whether the number that was just read is an integer of 64 bits to the parser. */
export function isInteger(written: string): boolean {
  if (!whole) return false;
  if (written.length < 19) return written !== "-0";
  const value = BigInt(written);
  return value >= -(2n ** 63n) && value < 2n ** 64n;
}

/** Any value as it was written. */
export function source(): string {
  next();
  const start = at;
  skip();
  return row.slice(start, at);
}

/** Goes over any value, however deep. */
export function skip() {
  const open: number[] = [];
  for (;;) {
    let c = next();
    if (c === QUOTE) {
      skipString();
    } else if (isNumber(c)) {
      digits(true);
    } else if (c === 0x74) {
      word("true", true);
    } else if (c === 0x66) {
      word("false", false);
    } else if (c === 0x6e) {
      word("null", null);
    } else if (c === OPEN_LIST || c === OPEN) {
      at++;
      const inner = next();
      if (inner === (c === OPEN ? CLOSE : CLOSE_LIST)) {
        at++;
      } else if (Number.isNaN(inner)) {
        throw peeked(`EOF while parsing ${c === OPEN ? "an object" : "a list"}`);
      } else {
        open.push(c);
        if (c === OPEN) skipName(inner);
        continue;
      }
    } else {
      throw peeked(Number.isNaN(c) ? "EOF while parsing a value" : "expected value");
    }
    // Behind a value: on to the next one, or out of what is complete.
    for (;;) {
      if (open.length === 0) return;
      const isObject = open[open.length - 1] === OPEN;
      c = next();
      if (c === COMMA) {
        at++;
        if (isObject) skipName(next());
        break;
      }
      if (c !== (isObject ? CLOSE : CLOSE_LIST)) {
        const what = isObject ? ["an object", "}"] : ["a list", "]"];
        if (Number.isNaN(c)) throw peeked(`EOF while parsing ${what[0]}`);
        throw peeked(`expected \`,\` or \`${what[1]}\``);
      }
      at++;
      open.pop();
    }
  }
}

function skipName(c: number) {
  if (c !== QUOTE) {
    throw peeked(Number.isNaN(c) ? "EOF while parsing an object" : "key must be a string");
  }
  skipString();
  colon();
}

/** The character at which the next token begins; not a number at the end. */
function next(): number {
  for (;;) {
    const c = row.charCodeAt(at);
    if (c > 0x20 || (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) return c;
    at++;
  }
}

function isNumber(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || c === 0x2d;
}

function word<T>(letters: string, value: T): T {
  for (let i = 0; i < letters.length; i++) {
    if (at >= row.length) throw reached("EOF while parsing a value");
    if (row[at++] !== letters[i]) throw reached("expected ident");
  }
  return value;
}

function digits(isSkipped = false): string {
  const start = at;
  INTEGER.lastIndex = at;
  whole = INTEGER.test(row);
  if (whole) {
    at = INTEGER.lastIndex;
  } else {
    NUMBER.lastIndex = at;
    if (!NUMBER.test(row)) throw noNumber(isSkipped);
    at = NUMBER.lastIndex;
  }
  return row.slice(start, at);
}

/** Finds where a number goes wrong. */
function noNumber(isSkipped: boolean): SyntaxProblem {
  const isDigit = () => row[at] >= "0" && row[at] <= "9";
  const past = () => {
    while (isDigit()) at++;
  };
  const eof = isSkipped ? "invalid number" : "EOF while parsing a value";
  if (row[at] === "-") at++;
  if (!isDigit()) {
    if (at >= row.length) return reached(eof);
    at++;
    return reached("invalid number");
  }
  if (row[at] === "0") {
    at++;
    if (isDigit()) return peeked("invalid number");
  } else {
    past();
  }
  if (row[at] === ".") {
    at++;
    if (!isDigit()) return peeked(at >= row.length ? eof : "invalid number");
    past();
  }
  if (row[at] === "e" || row[at] === "E") {
    at++;
    if (row[at] === "+" || row[at] === "-") at++;
    if (at >= row.length) return reached(eof);
    at++;
    return reached("invalid number");
  }
  return peeked("invalid number");
}

/** The text whose opening quote is here. */
function string(): string {
  if (plain) {
    const end = row.indexOf('"', at + 1);
    if (end !== -1) {
      const value = row.slice(at + 1, end);
      at = end + 1;
      return value;
    }
  }
  at++;
  let value = "";
  for (;;) {
    const start = at;
    const c = stop();
    value += row.slice(start, at);
    at++;
    if (c === QUOTE) return value;
    value += escape();
  }
}

/** Goes over the text whose opening quote is here; only the form of its escapes is looked at. */
function skipString() {
  at++;
  for (;;) {
    const c = stop(true);
    at++;
    if (c === QUOTE) return;
    if (row[at] === "u") {
      at++;
      hex();
    } else {
      simpleEscape();
    }
  }
}

/** Goes to the next quote or backslash, and says which it is. */
function stop(isSkipped = false): number {
  for (; at < row.length; at++) {
    const c = row.charCodeAt(at);
    if (c === QUOTE || c === BACKSLASH) return c;
    if (c < 0x20) {
      if (!isSkipped) at++;
      throw reached("control character (\\u0000-\\u001F) found while parsing a string");
    }
  }
  throw reached("EOF while parsing a string");
}

const ESCAPES: { [letter: string]: string } = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

function simpleEscape(): string {
  if (at >= row.length) throw reached("EOF while parsing a string");
  const found = ESCAPES[row[at++]];
  if (found === undefined) throw reached("invalid escape");
  return found;
}

/** What an escape stands for, as a binary string, with the backslash behind the reader. */
function escape(): string {
  if (row[at] !== "u") return simpleEscape();
  at++;
  const lone = "lone leading surrogate in hex escape";
  let unit = hex();
  if (unit >= 0xdc00 && unit <= 0xdfff) throw reached(lone);
  if (unit >= 0xd800 && unit <= 0xdbff) {
    for (const expected of "\\u") {
      if (at >= row.length) throw reached("EOF while parsing a string");
      if (row[at++] !== expected) throw reached("unexpected end of hex escape");
    }
    const second = hex();
    if (second < 0xdc00 || second > 0xdfff) throw reached(lone);
    unit = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
  }
  return utf8.encodeBinary(String.fromCodePoint(unit));
}

function hex(): number {
  if (at + 4 > row.length) {
    at = row.length;
    throw reached("EOF while parsing a string");
  }
  const four = row.slice(at, at + 4);
  at += 4;
  if (!/^[0-9a-fA-F]{4}$/.test(four)) throw reached("invalid escape");
  return parseInt(four, 16);
}

/** Null for null; throws for any other value. */
function wrong(c: number, expected: string): null {
  if (c === 0x6e) return word("null", null);
  throw new TypeProblem(`invalid type: ${found(c)}, expected ${expected}`);
}

function found(c: number): string {
  if (c === QUOTE) return `string ${quoted(utf8.decodeBinary(string()))}`;
  if (c === 0x74) return `boolean \`${word("true", true)}\``;
  if (c === 0x66) return `boolean \`${word("false", false)}\``;
  if (c === OPEN_LIST) return "sequence";
  if (c === OPEN) return "map";
  if (!isNumber(c)) throw peeked(Number.isNaN(c) ? "EOF while parsing a value" : "expected value");
  const written = digits();
  return isInteger(written)
    ? `integer \`${written}\``
    : `floating point \`${pointed(float(written))}\``;
}

/** The float nearest to what was just read. */
export function float(written: string): number {
  const value = Number(written);
  if (Number.isFinite(value)) return value;
  throw new RangeProblem(reached(OUT_OF_RANGE).message);
}

/** A float with its point, or with an exponent from 1e16 on and below 1e-5. */
export function pointed(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const shown = value.toExponential();
  const exponent = Number(shown.slice(shown.indexOf("e") + 1));
  if (exponent < -5 || exponent > 15) return shown;
  const full = display(value);
  return full.includes(".") ? full : `${full}.0`;
}

/** A number in full, without an exponent. */
export function display(value: number): string {
  const [, sign, whole, fraction = "", exponent] =
    /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  const point = Number(exponent);
  if (point < 0) return `${sign}0.${"0".repeat(-point - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(point, "0")}`;
}

const UNPRINTABLE = /["\\]|[\p{C}\p{Z}\p{Grapheme_Extend}]/gu;
const SHOWN: { [character: string]: string } = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
};

/** A text as Rust shows it for debugging. */
function quoted(text: string): string {
  const shown = text.replace(UNPRINTABLE, (c) => {
    return SHOWN[c] ?? (c === " " ? c : `\\u{${c.codePointAt(0)?.toString(16)}}`);
  });
  return `"${shown}"`;
}

/** A mistake at the character that the reader looks at. */
function peeked(message: string): SyntaxProblem {
  return placed(message, Math.min(at + 1, row.length));
}

/** A mistake behind the character that the reader has taken. */
function reached(message: string): SyntaxProblem {
  return placed(message, at);
}

function placed(message: string, end: number): SyntaxProblem {
  const before = row.slice(0, end);
  const lines = before.split("\n");
  const column = lines[lines.length - 1].length;
  return new SyntaxProblem(`${message} at line ${lines.length} column ${column}`);
}
