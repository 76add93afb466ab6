import type { Batch } from "./batch.js";
import type { Values } from "./build.js";
import type { Codec } from "./codec.js";
import type { About } from "./describe.js";
import type { DataType, Schema } from "./types.js";

/**
 * An aggregate function for SQL. The host collects the rows of a group in any number of states and
 * merges them later, in any order and grouping, so the result may only depend on which rows a
 * group has.
 */
export interface Aggregate<C, S> extends About<C> {
  /** How a group's state is kept as bytes. JSON by default. */
  state?: Codec<S>;
  /** The version of the state, 1 by default. After a change of its form, count it up. */
  stateVersion?: number;
  /** Takes the configuration and the types of the arguments, named `a0`, `a1` and so on. */
  start(config: C, args: Schema): AggregateDescription<S>;
}

export interface AggregateDescription<S> {
  /** The type of the result, which may be null. */
  result: DataType;
  /** The state of a group without rows. */
  initial(): S;
  /** Adds each row to the state `states[groups[row]]`, or puts a new one there. */
  update(states: S[], groups: ArrayLike<number>, rows: Batch): void;
  /** The state of both together. */
  merge(state: S, other: S): S;
  /** The result for each state. */
  evaluate(states: S[]): Values;
}

/** A scalar function for SQL. */
export interface Scalar<C> extends About<C> {
  /**
   * Takes the configuration and the types of the arguments, named `a0`, `a1` and so on. Called
   * once for each combination of types with which SQL calls the function.
   */
  start(config: C, args: Schema): ScalarDescription;
}

/** What the function does: `evaluate` for batches, or `value` for each row. */
export type ScalarDescription = {
  /** The type of the result, which may be null. */
  result: DataType;
} & (
  | {
      /** One value for each row; what it is for a refused row does not matter. */
      evaluate(rows: Batch, errors: Errors): Values;
    }
  | {
      /** The value for the arguments of one row. What it throws refuses this row. */
      // eslint-disable-next-line @typescript-eslint/no-explicit-any
      value(...args: any[]): unknown;
    }
);

/** Rows whose arguments have no result. */
export interface Errors {
  error(row: number, code: string, message: string): void;
  refuse(row: number, thrown: unknown): void;
}

/** The contract's `aggregator`: `export const aggregator = aggregate({...})`. */
export function aggregate<C = any, S = any>(plugin: Aggregate<C, S>): Aggregator;

/** The contract's `scalar-function`: `export const scalarFunction = scalar({...})`. */
export function scalar<C = any>(plugin: Scalar<C>): ScalarFunction;

/** A component's export, as the runtime calls it. */
export interface Aggregator {
  about(): unknown;
  start(config: string, args: unknown): unknown;
  update(groups: ArrayLike<number>, rows: unknown, states: unknown): unknown;
  merge(states: unknown, others: unknown): unknown;
  evaluate(states: unknown): unknown;
}

export interface ScalarFunction {
  about(): unknown;
  start(config: string, args: unknown): unknown;
  evaluate(args: unknown): unknown;
}
