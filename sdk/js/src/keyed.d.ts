import type { Batch } from "./batch.js";
import type { Codec } from "./codec.js";
import type { About, Port } from "./describe.js";
import type { Output } from "./output.js";
import type { Schema } from "./types.js";

/** A plugin that remembers something for each key. */
export interface Keyed<C, S> extends About<C> {
  /** How a key's state is kept as bytes. JSON by default. */
  state?: Codec<S>;
  /** The version of the state, 1 by default. After a change of its form, count it up. */
  stateVersion?: number;
  /** Older versions that `migrate` understands. */
  readsVersions?: Iterable<number>;
  /**
   * Takes the step's configuration, its input's schema and the columns of the key, and says what
   * the plugin will do. Throws ConfigErrors. Also called when a pipeline is merely checked.
   */
  start(config: C, input: Schema, key: string[]): KeyedDescription<S>;
  /** The state of today from one that an older version of the plugin wrote. */
  migrate?(version: number, state: Uint8Array): S;
}

export interface KeyedDescription<S> {
  /** The input columns that the plugin sees, in its order. None by default. */
  reads?: Iterable<string>;
  /** The columns of the key that it sees, once per key. None by default. */
  keys?: Iterable<string>;
  /** The outputs by their names; `main` alone by default. */
  ports?: { [name: string]: Port };
  /**
   * So many microseconds after its last row or timer a key may be forgotten. It costs less than a
   * timer that removes the state; the step's `state_ttl` comes first.
   */
  stateTtl?: number;
  /**
   * Handles rows and timers. What it throws fails the call, which then has changed nothing: the
   * host tries again with fewer keys or rows.
   */
  process(batch: KeyedBatch<S>, out: Output): void;
}

/** A row of the current key, whose time is null where rows do not come in the order of time. */
export interface RowEvent {
  readonly kind: "row";
  /** Its number within `rows`. */
  readonly row: number;
  /** Its event time in microseconds since 1970. */
  readonly time: number | null;
}

/** A timer of the current key. It is gone unless it is set again. */
export interface TimerEvent {
  readonly kind: "timer";
  readonly id: number;
  readonly clock: "event" | "processing";
  /** The time for which it was set, in microseconds since 1970. */
  readonly at: number;
}

/**
 * The rows and timers of some keys. `next` goes through them, key by key; between two calls of it
 * everything else here is about the current key. Times are numbers, which are exact to the year
 * 2255.
 */
export interface KeyedBatch<S> {
  /** The columns that the plugin reads. The rows of a key stand together. */
  readonly rows: Batch;
  /** The columns of the key that it reads, a row for each key. */
  readonly keys: Batch;
  /** The number of the current key, and its row in `keys`. */
  readonly key: number;
  /**
   * What is to be handled next; null at the end. The object is used again: take from it what is
   * needed after the next call.
   */
  next(): RowEvent | TimerEvent | null;
  /** The state of the current key; undefined if it has none. */
  state(): S | undefined;
  /** Keeps this state for the current key; also needed after a change within the state. */
  setState(state: S): void;
  /** Forgets the state of the current key. */
  clear(): void;
  /**
   * Sets the timer `id`, 0 to 2^32 - 1, of the current key to an event time, in microseconds since
   * 1970. A time that is not after what is being handled counts as one microsecond after it.
   */
  setTimer(id: number, at: number): void;
  /** Sets the timer to so many microseconds from now on the host's clock. */
  setProcessingTimer(id: number, delay: number): void;
  /** Cancels the timer, if it is set. */
  cancelTimer(id: number): void;
  /**
   * The number by which `out.some` makes a row that belongs to no input row: the columns of the
   * current key are carried over, all others are null.
   */
  keyRow(): number;
  /** A map of the current key. Its values are kept as JSON by default. */
  map<V = any>(name: string, codec?: Codec<V>): LargeMap<V>;
  /** A list of the current key. Its values are kept as JSON by default. */
  list<V = any>(name: string, codec?: Codec<V>): LargeList<V>;
}

/**
 * A map of a key, for what is too large to come and go with each batch. An entry is bytes, or text
 * in UTF-8. Every call crosses to the host.
 */
export interface LargeMap<V> {
  get(entry: Uint8Array | string): V | undefined;
  put(entry: Uint8Array | string, value: V): void;
  remove(entry: Uint8Array | string): void;
  /** Up to `limit` entries in the order of their bytes, those after `after` or from the first. */
  scan(after: Uint8Array | string | null, limit: number): [entry: Uint8Array, value: V][];
}

/** A list of a key; see LargeMap. */
export interface LargeList<V> {
  append(value: V): void;
  /** The positions of the first value and beyond the last; they outlast the removal of others. */
  range(): { start: number; end: number };
  /** Up to `limit` values from position `from` on. */
  read(from: number, limit: number): V[];
  /** Removes the values before position `before`. */
  remove(before: number): void;
}

/** The contract's `keyed-transformer`: `export const keyedTransformer = keyed({...})`. */
export function keyed<C = any, S = any>(plugin: Keyed<C, S>): KeyedTransformer;

/** A component's export, as the runtime calls it. */
export interface KeyedTransformer {
  about(): unknown;
  start(config: string, input: unknown, key: string[]): unknown;
  process(input: unknown): unknown;
  migrate(version: number, states: unknown): unknown;
}
