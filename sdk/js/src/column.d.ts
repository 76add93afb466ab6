import type { DataType, Decimal128, FixedSizeBinary, List, MapType, Struct } from "./types.js";

/** What a column gives for one row. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | [Value, Value][]
  | { [name: string]: Value };

/** A column of a batch. Its values are read in place, from the buffers that came. */
export interface ColumnOf<V, T extends DataType = DataType> extends Iterable<V | null> {
  readonly type: T;
  readonly length: number;
  readonly nullCount: number;
  isValid(row: number): boolean;
  isNull(row: number): boolean;
  /** The value of a row, or null. */
  get(row: number): V | null;
  /** The value of a row that is not null; anything for one that is. */
  value(row: number): V;
  toArray(): (V | null)[];
}

/** Of the kinds `int8` to `int32`, `uint8` to `uint32`, `float32`, `float64` and `date32`. */
export interface NumberColumn<A extends NumberArray = NumberArray> extends ColumnOf<number> {
  /** One number per row, without a copy; what it holds for a null does not matter. */
  readonly values: A;
  number(row: number): number;
  numbers(): A;
}

export type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** Of the kinds `int64`, `uint64`, `time64`, `timestamp` and `duration`. */
export interface BigIntColumn<
  A extends BigInt64Array | BigUint64Array = BigInt64Array,
> extends ColumnOf<bigint> {
  /** One integer per row, without a copy. */
  readonly values: A;
  /** The same as two integers of 32 bits per row, the lower one first; quicker than `values`. */
  readonly halves: Int32Array;
  /** The nearest number; it is exact up to 2^53, as are times up to the year 2255. */
  number(row: number): number;
  numbers(): Float64Array;
}

/** Decimals as integers: times 10 to the power of the type's scale. */
export interface DecimalColumn extends ColumnOf<bigint, Decimal128> {
  /** Two words per row, the lower one first. */
  readonly words: BigUint64Array;
  /** The decimal as a number, which is rounded. */
  number(row: number): number;
  numbers(): Float64Array;
}

/** Any column with numbers, of whatever precision. */
export type NumericColumn =
  NumberColumn | BigIntColumn | BigIntColumn<BigUint64Array> | DecimalColumn;

export interface BooleanColumn extends ColumnOf<boolean> {
  /** One bit per row, the lowest first. */
  readonly bits: Uint8Array;
}

interface BytesOf<V> extends ColumnOf<V> {
  /** Row `r` has the bytes of `data` from `offsets[r]` to before `offsets[r + 1]`. */
  readonly offsets: Int32Array;
  readonly data: Uint8Array;
  /** The bytes of a row, without a copy. */
  bytes(row: number): Uint8Array;
  /** The bytes of a row as a string with a character for each: cheap, and fit for a Map. */
  binary(row: number): string;
}

export interface BinaryColumn extends BytesOf<Uint8Array> {}

/** Text, of which a row becomes a string when it is asked for. */
export interface TextColumn extends BytesOf<string> {}

export interface FixedBinaryColumn extends ColumnOf<Uint8Array, FixedSizeBinary> {
  readonly data: Uint8Array;
}

export interface ListColumn extends ColumnOf<Value[], List> {
  /** Row `r` has the items from `offsets[r]` to before `offsets[r + 1]`. */
  readonly offsets: Int32Array;
  readonly items: Column;
}

export interface StructColumn extends ColumnOf<{ [name: string]: Value }, Struct> {
  readonly columns: Column[];
  column(name: string): Column | undefined;
}

/** Maps as their pairs: `new Map(column.get(row))`. */
export interface MapColumn extends ColumnOf<[Value, Value][], MapType> {
  readonly offsets: Int32Array;
  readonly keys: Column;
  readonly values: Column;
}

export type Column =
  | NumericColumn
  | BooleanColumn
  | TextColumn
  | BinaryColumn
  | FixedBinaryColumn
  | ListColumn
  | StructColumn
  | MapColumn;
