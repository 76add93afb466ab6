import type { TextColumn } from "./column.js";

/** A fixed set of texts, found in a column without making a text of any of its values. */
export interface TextSet {
  /** Whether the row's text is in the set; a null is not. */
  has(column: TextColumn, row: number): boolean;
  /**
   * Keeps those of the first `count` of `rows` whose text is in the set, or, if `wanted` is false,
   * is not; those with null go either way. Returns how many are left.
   */
  keep(column: TextColumn, rows: Uint32Array, count: number, wanted?: boolean): number;
}

export function textSet(texts: Iterable<string>): TextSet;
