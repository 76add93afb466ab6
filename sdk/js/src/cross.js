// Columns as they cross the boundary: nodes and buffers.

import {
  BigIntColumn,
  BinaryColumn,
  BooleanColumn,
  DecimalColumn,
  FixedBinaryColumn,
  ListColumn,
  MapColumn,
  NumberColumn,
  StructColumn,
  TextColumn,
} from "./column.js";

/** The typed arrays that hold values of one word each. */
export const WORDS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
  date32: Int32Array,
  time64: BigInt64Array,
  timestamp: BigInt64Array,
  duration: BigInt64Array,
};

/** Columns of these fields from what crossed. */
export function readColumns(fields, { nodes, buffers }) {
  let node = 0;
  let buffer = 0;
  const read = ({ type }) => {
    const { length, nullCount } = nodes[node++];
    const head = [type, length, nullCount, buffers[buffer++]];
    const take = (Type, count) => view(Type, buffers[buffer++], count);
    switch (type.kind) {
      case "boolean":
        return new BooleanColumn(...head, buffers[buffer++]);
      case "decimal128":
        return new DecimalColumn(...head, take(BigUint64Array, 2 * length));
      case "utf8":
        return new TextColumn(...head, take(Int32Array, length + 1), buffers[buffer++]);
      case "binary":
        return new BinaryColumn(...head, take(Int32Array, length + 1), buffers[buffer++]);
      case "fixedSizeBinary":
        return new FixedBinaryColumn(...head, buffers[buffer++]);
      case "list":
        return new ListColumn(...head, take(Int32Array, length + 1), read(type.item));
      case "struct":
        return new StructColumn(...head, type.fields.map(read));
      case "map":
        return new MapColumn(...head, take(Int32Array, length + 1), read(type.entries));
      default:
        return wordColumn(...head, take(WORDS[type.kind], length));
    }
  };
  return fields.map(read);
}

/** A column of values of one word each. */
export function wordColumn(type, length, nullCount, validity, values) {
  const isBigInt = values.BYTES_PER_ELEMENT === 8 && !(values instanceof Float64Array);
  const Column = isBigInt ? BigIntColumn : NumberColumn;
  return new Column(type, length, nullCount, validity, values);
}

/** What crosses, of some columns. */
export function writeColumns(columns) {
  const flat = { nodes: [], buffers: [] };
  for (const column of columns) column.flattenInto(flat);
  return flat;
}

/** A buffer as typed array, without a copy where its place in memory allows. */
function view(Type, bytes, count) {
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  // Where a column has no rows, even its offsets may be missing.
  return bytes.length === 0
    ? new Type(Type === Int32Array && count === 1 ? 1 : 0)
    : new Type(aligned.buffer, aligned.byteOffset, count);
}
