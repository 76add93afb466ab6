/**
 * Runs plugins natively, as the host would, in plain `node --test`: a debugger, a profiler and
 * `console.log` work.
 */

import type { Value } from "../column.js";
import type { Aggregator, ScalarFunction } from "../function.js";
import type { KeyedTransformer } from "../keyed.js";
import type { Transformer } from "../transform.js";
import type { DataType, Field, Schema } from "../types.js";

/** A row's values by the names of their columns; what is missing is null. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Values = { [name: string]: any };

/** Rows of a schema. */
export class Table {
  constructor(schema: Schema, rows: Values[]);
  readonly schema: Schema;
  readonly rows: Values[];
}

/** Rows whose columns have these types, or are these fields. */
export function table(columns: { [name: string]: DataType | Field }, rows: Values[]): Table;

export function schema(columns: { [name: string]: DataType | Field }): Schema;

/** A refused row. */
export interface Refused {
  row: number;
  code: string;
  message: string;
  column: string | null;
}

/** What came out, with the carried-over columns in place. */
export interface Outcome {
  /** The rows of each port; it is there and empty where there are none. */
  ports: { [name: string]: Values[] };
  errors: Refused[];
}

/** Starts a plugin. Throws ConfigErrors. */
export function start(transformer: Transformer, config: unknown, schema: Schema): void;

/** Starts a plugin and gives it all rows of a table in one batch. Throws what fails the call. */
export function run(transformer: Transformer, config: unknown, table: Table): Outcome;

/**
 * A keyed plugin with the states and timers of its keys. Timers are due when rows of their key or
 * `watermark` have reached them.
 */
export class KeyedTest {
  /**
   * Starts the plugin. Throws ConfigErrors.
   * @param options the columns of the key, and that of event time if there is one
   */
  constructor(
    transformer: KeyedTransformer,
    config: unknown,
    schema: Schema,
    options: { key: string[]; eventTime?: string | null },
  );
  /** The rows of each port so far. */
  readonly ports: { [name: string]: Values[] };
  /** The refused rows of all batches. */
  readonly errors: Refused[];
  /** How many keys have a state. */
  readonly states: number;
  /** How many timers are set. */
  readonly timers: number;
  /** Gives the plugin some rows; those of a key are handled in the order of their times. */
  rows(rows: Values[]): void;
  /** Event time has come to `time`, in microseconds since 1970: timers up to it are due. */
  watermark(time: number): void;
  /** The host's clock has moved on by so many microseconds. */
  pass(microseconds: number): void;
}

/** Starts a scalar function and evaluates it for rows of arguments of these types. */
export function scalar(
  fn: ScalarFunction,
  config: unknown,
  types: DataType[],
  rows: unknown[][],
): { values: Value[]; errors: Refused[] };

/**
 * Starts an aggregate function and gives its result over all rows of arguments of these types. It
 * is evaluated in two ways, which must agree: over all rows at once, and with each row in a state
 * of its own, merged from the last to the first.
 */
export function aggregate(
  fn: Aggregator,
  config: unknown,
  types: DataType[],
  rows: unknown[][],
): Value;
