import type { Batch, Row } from "./batch.js";
import type { About, Port } from "./describe.js";
import type { Output } from "./output.js";
import type { Schema } from "./types.js";

/** A stateless plugin. */
export interface Transform<C> extends About<C> {
  /**
   * Takes the step's configuration and its input's schema, and says what the plugin will do.
   * Throws ConfigErrors. Also called when a pipeline is merely checked.
   */
  start(config: C, input: Schema): Description;
}

/** What the plugin will do: with `process` for batches, or `row` for each row. */
export type Description = {
  /** The input columns that the plugin sees, in its order. None by default. */
  reads?: Iterable<string>;
  /** The outputs by their names; `main` alone by default. */
  ports?: { [name: string]: Port };
} & (
  | {
      /**
       * Transforms a batch. What it throws fails the call: the host tries again with half of the
       * rows, down to those that fail even alone.
       */
      process(batch: Batch, out: Output): void;
    }
  | {
      /**
       * Transforms one row: returns the added columns for `main`, or nothing to leave the row out,
       * and gives rows to other ports by `emit`. What it throws refuses this row.
       */
      row(row: Row, emit: Emit): { [column: string]: unknown } | null | undefined | void;
    }
);

/** Passes the row on to a port, with the columns that the port adds. */
export type Emit = (port: string, added?: { [column: string]: unknown }) => void;

/** The contract's `transformer`: `export const transformer = transform({...})`. */
export function transform<C = any>(plugin: Transform<C>): Transformer;

/** A component's export, as the runtime calls it. */
export interface Transformer {
  about(): unknown;
  start(config: string, input: unknown): unknown;
  process(input: unknown): unknown;
}
