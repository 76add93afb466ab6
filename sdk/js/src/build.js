// Columns made from values.

import {
  BinaryColumn,
  BooleanColumn,
  DecimalColumn,
  FixedBinaryColumn,
  isColumn,
  isColumnOf,
  ListColumn,
  MapColumn,
  StructColumn,
  TextColumn,
} from "./column.js";
import { wordColumn, WORDS } from "./cross.js";
import { bytesOf, encodeBinary, isAscii } from "./utf8.js";

const NO_BYTES = new Uint8Array(0);
const TWO_TO_32 = 4294967296;
const INT32_MAX = 2147483647;

/**
 * A column of this type. `values` is a column already, a typed array of the type's own kind,
 * which is taken as it is, or an array with null or undefined where a value is missing.
 */
export function columnOf(type, values) {
  if (isColumnOf(values, type)) return values;
  if (isColumn(values)) throw new TypeError(`a column of ${values.type} is none of ${type}`);
  const Words = WORDS[type.kind];
  if (Words !== undefined) {
    if (values instanceof Words) return wordColumn(type, values.length, 0, NO_BYTES, values);
    return wordColumn(type, values.length, ...validityOf(values), words(type, Words, values));
  }
  const [nullCount, validity] = validityOf(values);
  const head = [type, values.length, nullCount, validity];
  switch (type.kind) {
    case "boolean":
      return new BooleanColumn(...head, bits(values));
    case "decimal128":
      return new DecimalColumn(...head, decimals(type, values));
    case "utf8":
      return new TextColumn(...head, ...texts(values));
    case "binary":
      return new BinaryColumn(...head, ...blobs(values));
    case "fixedSizeBinary":
      return new FixedBinaryColumn(...head, fixed(type, values));
    case "list":
      return new ListColumn(...head, ...items(type.item, values));
    case "struct":
      return new StructColumn(...head, parts(type.fields, values));
    case "map":
      return new MapColumn(...head, ...items(type.entries, values, entriesOf(type)));
    default:
      throw new TypeError(`there is no type ${type.kind}`);
  }
}

/** A column of texts or bytes from binary strings, which have a character for each byte. */
export function columnOfBinary(type, binaries) {
  const { length } = binaries;
  const [nullCount, validity] = validityOf(binaries);
  const offsets = new Int32Array(length + 1);
  let end = 0;
  for (let row = 0; row < length; row++) {
    const value = binaries[row];
    if (typeof value === "string") end += value.length;
    offsets[row + 1] = end;
  }
  if (end > INT32_MAX) throw new RangeError("more than 2 GiB of bytes in a column");
  // Joining takes what is missing for the empty text.
  const Column = type.kind === "utf8" ? TextColumn : BinaryColumn;
  return new Column(type, length, nullCount, validity, offsets, bytesOf(binaries.join("")));
}

/** How many values are missing, and a bit for each that is there. */
function validityOf(values) {
  if (ArrayBuffer.isView(values)) return [0, NO_BYTES];
  const { length } = values;
  let row = 0;
  while (row < length && values[row] !== null && values[row] !== undefined) row++;
  if (row === length) return [0, NO_BYTES];
  const validity = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  for (row = 0; row < length; row++) {
    if (values[row] === null || values[row] === undefined) nullCount++;
    else validity[row >> 3] |= 1 << (row & 7);
  }
  return [nullCount, validity];
}

function bits(values) {
  const { length } = values;
  const bits = new Uint8Array((length + 7) >> 3);
  for (let row = 0; row < length; row++) {
    if (values[row]) bits[row >> 3] |= 1 << (row & 7);
  }
  return bits;
}

function words(type, Words, values) {
  const { length } = values;
  const out = new Words(length);
  if (Words === Float64Array || Words === Float32Array) {
    for (let row = 0; row < length; row++) out[row] = values[row] ?? 0;
  } else if (out.BYTES_PER_ELEMENT === 8) {
    const halves = new Int32Array(out.buffer);
    if (values instanceof Uint32Array) {
      for (let row = 0; row < length; row++) halves[2 * row] = values[row];
      return out;
    }
    for (let row = 0; row < length; row++) {
      const value = values[row];
      if (typeof value === "number") setHalves(type, out, halves, row, value);
      else if (typeof value === "bigint") out[row] = inRange(type, Words, value);
      else if (value !== null && value !== undefined) throw notOf(type, value);
    }
  } else {
    for (let row = 0; row < length; row++) {
      const value = values[row] ?? 0;
      out[row] = value;
      if (out[row] !== value) throw notOf(type, value);
    }
  }
  return out;
}

/** Writes a whole number as two halves, which is far quicker than by a BigInt. */
function setHalves(type, out, halves, row, value) {
  if (!Number.isSafeInteger(value) || (value < 0 && out instanceof BigUint64Array)) {
    throw notOf(type, value);
  }
  halves[2 * row] = value;
  if (value < 0 || value >= TWO_TO_32) halves[2 * row + 1] = Math.floor(value / TWO_TO_32);
}

function inRange(type, Words, value) {
  const fits = Words === BigInt64Array ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (fits !== value) throw notOf(type, value);
  return value;
}

function decimals(type, values) {
  const words = new BigUint64Array(values.length * 2);
  const end = 10n ** BigInt(type.precision);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === null || value === undefined) continue;
    if (typeof value !== "bigint" || value >= end || value <= -end) throw notOf(type, value);
    words[2 * row] = BigInt.asUintN(64, value);
    words[2 * row + 1] = BigInt.asUintN(64, value >> 64n);
  }
  return words;
}

function texts(values) {
  const { length } = values;
  const offsets = new Int32Array(length + 1);
  // Joining takes what is missing for the empty text.
  let whole = values.join("");
  let end = 0;
  if (isAscii(whole)) {
    for (let row = 0; row < length; row++) {
      const value = values[row];
      if (typeof value === "string") end += value.length;
      else if (value !== null && value !== undefined) throw new TypeError(`${value} is no text`);
      offsets[row + 1] = end;
    }
  } else {
    const parts = new Array(length);
    for (let row = 0; row < length; row++) {
      const value = values[row] ?? "";
      if (typeof value !== "string") throw new TypeError(`${value} is no text`);
      const part = encodeBinary(value);
      parts[row] = part;
      end += part.length;
      offsets[row + 1] = end;
    }
    whole = parts.join("");
  }
  if (end > INT32_MAX) throw new RangeError("texts of more than 2 GiB in a column");
  return [offsets, bytesOf(whole)];
}

function blobs(values) {
  const offsets = new Int32Array(values.length + 1);
  let end = 0;
  for (let row = 0; row < values.length; row++) {
    end += values[row]?.length ?? 0;
    offsets[row + 1] = end;
  }
  if (end > INT32_MAX) throw new RangeError("more than 2 GiB of bytes in a column");
  const data = new Uint8Array(end);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === null || value === undefined) continue;
    if (!(value instanceof Uint8Array)) throw new TypeError(`${value} is no Uint8Array`);
    data.set(value, offsets[row]);
  }
  return [offsets, data];
}

function fixed(type, values) {
  const { width } = type;
  const data = new Uint8Array(values.length * width);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === null || value === undefined) continue;
    if (!(value instanceof Uint8Array) || value.length !== width) {
      throw new TypeError(`${value} is no Uint8Array of ${width} bytes`);
    }
    data.set(value, row * width);
  }
  return data;
}

/** The offsets of lists, and the column of what is in them. */
function items(item, values, toList = (list) => list) {
  const offsets = new Int32Array(values.length + 1);
  const all = [];
  for (let row = 0; row < values.length; row++) {
    if (values[row] !== null && values[row] !== undefined) {
      for (const value of toList(values[row])) all.push(value);
    }
    offsets[row + 1] = all.length;
  }
  return [offsets, columnOf(item.type, all)];
}

function parts(fields, values) {
  return fields.map(({ name, type, nullable }) => {
    // Where a record is missing, a field that may not be null must have something all the same.
    const absent = nullable ? null : nothingOf(type);
    return columnOf(
      type,
      values.map((value) => (value === null || value === undefined ? absent : value[name])),
    );
  });
}

/** A value without a meaning. */
function nothingOf(type) {
  switch (type.kind) {
    case "boolean":
      return false;
    case "decimal128":
      return 0n;
    case "utf8":
      return "";
    case "binary":
      return NO_BYTES;
    case "fixedSizeBinary":
      return new Uint8Array(type.width);
    case "list":
    case "map":
      return [];
    case "struct":
      return Object.fromEntries(
        type.fields.map((f) => [f.name, f.nullable ? null : nothingOf(f.type)]),
      );
    default:
      return 0;
  }
}

/** Makes entries of a Map, of pairs, or of an object. */
function entriesOf(type) {
  const [key, value] = type.entries.type.fields.map((f) => f.name);
  return (map) => {
    const pairs = map[Symbol.iterator] === undefined ? Object.entries(map) : [...map];
    return pairs.map((pair) => ({ [key]: pair[0], [value]: pair[1] }));
  };
}

function notOf(type, value) {
  return new TypeError(`${typeof value === "string" ? `"${value}"` : value} is no ${type}`);
}
