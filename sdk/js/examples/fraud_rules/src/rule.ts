// One rule, and which rows it matches.

import {
  type Batch,
  type DataType,
  type NumericColumn,
  type TextColumn,
  type TextSet,
} from "millrace";

/** Where a row goes that a rule matches. */
export type Outcome = "fraud" | "review";

/** What is tested of a column. Null passes no test. */
export type Test =
  | { kind: "over"; limit: number }
  | { kind: "under"; limit: number }
  /** An hour whose bit is set. */
  | { kind: "hours"; bits: number }
  | { kind: "oneOf"; words: TextSet }
  | { kind: "noneOf"; words: TextSet };

/** A test of the column at this place among those that the plugin reads. */
export type Condition = { column: number; test: Test };

/** Matches a row if all of its conditions hold. */
export class Rule {
  constructor(
    readonly name: string,
    readonly outcome: Outcome,
    readonly reason: string,
    readonly conditions: Condition[],
  ) {}

  /** Keeps those of the first `count` of `rows` that match, and returns how many they are. */
  keepMatching(batch: Batch, rows: Uint32Array, count: number): number {
    let kept = count;
    for (const { column, test } of this.conditions) {
      if (kept === 0) return 0;
      const tested = batch.columns[column];
      if (test.kind === "oneOf" || test.kind === "noneOf") {
        kept = test.words.keep(tested as TextColumn, rows, kept, test.kind === "oneOf");
      } else {
        kept = keepNumbers(tested as NumericColumn, test, rows, kept);
      }
    }
    return kept;
  }
}

/** Whether numbers of this type can be tested. */
export function isNumber({ kind }: DataType): boolean {
  return ["float64", "float32", "int64", "int32", "decimal128"].includes(kind);
}

type NumberTest = Exclude<Test, { words: TextSet }>;

/** One loop for each kind of test, so that no function is called for a row. */
function keepNumbers(column: NumericColumn, test: NumberTest, rows: Uint32Array, count: number) {
  const numbers = column.numbers();
  let kept = 0;
  if (test.kind === "over") {
    const { limit } = test;
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      if (numbers[row] > limit) rows[kept++] = row;
    }
  } else if (test.kind === "under") {
    const { limit } = test;
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      if (numbers[row] < limit) rows[kept++] = row;
    }
  } else {
    const { bits } = test;
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      const hour = numbers[row];
      if (hour >= 0 && hour < 24 && ((bits >> hour) & 1) === 1) rows[kept++] = row;
    }
  }
  return column.nullCount === 0 ? kept : keepValid(column, rows, kept);
}

function keepValid(column: NumericColumn, rows: Uint32Array, count: number) {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i];
    if (column.isValid(row)) rows[kept++] = row;
  }
  return kept;
}
