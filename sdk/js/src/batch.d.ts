import type {
  BigIntColumn,
  BinaryColumn,
  BooleanColumn,
  Column,
  NumberColumn,
  TextColumn,
  Value,
} from "./column.js";
import type { Schema } from "./types.js";

/** Rows with the columns that the plugin reads, in the order in which it named them. */
export class Batch {
  readonly schema: Schema;
  /** Number of rows: 1 to 65,536, and of a keyed plugin possibly 0. */
  readonly length: number;
  readonly columns: Column[];
  /** The column of this name. Throws if the plugin does not read it. */
  column(name: string): Column;
  /** The same, of this type. Throws if it has another. */
  boolean(name: string): BooleanColumn;
  int32(name: string): NumberColumn<Int32Array>;
  int64(name: string): BigIntColumn;
  uint64(name: string): BigIntColumn<BigUint64Array>;
  float64(name: string): NumberColumn<Float64Array>;
  utf8(name: string): TextColumn;
  binary(name: string): BinaryColumn;
  timestamp(name: string): BigIntColumn;
  /** The values of a row by the names of their columns. */
  row(at: number): Row;
  rows(): IterableIterator<Row>;
}

/** The values of a row by the names of their columns. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Row = { [name: string]: any } & { [name: string]: Value };
