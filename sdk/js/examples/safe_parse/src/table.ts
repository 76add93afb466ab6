// The columns of a batch, filled by walking the fields of one JSON object per row.

import { type Column, columnOf, columnOfBinary, type RowError, utf8 } from "millrace";

import type { Declared } from "./config.js";
import * as json from "./json.js";
import { Problem, refusal } from "./problem.js";
import type { Read } from "./value.js";

type Cell = string | number | bigint | boolean | null;

/** What no row is at fault for but as a whole. */
const NO_COLUMN = -1;

/** All columns. What a refused row has left in them is written over by the next one. */
export class Table {
  private readonly values: Cell[][];
  private readonly byName: Map<string, number>;
  /** Each field as most producers write it: `"name":`. */
  private readonly written: string[];
  private readonly reads: Read[];
  private readonly nullable: boolean[];
  /** The number of the last row, refused ones included, that named each column. */
  private readonly namedBy: number[];
  private row = 0;
  /** How many rows were taken. */
  private count = 0;
  /** The column whose value is being read. */
  private column = NO_COLUMN;

  constructor(
    private readonly declared: Declared[],
    private readonly rejectsUnknown: boolean,
    private readonly raw: string,
  ) {
    const names = declared.map(({ name }) => utf8.encodeBinary(name));
    this.values = declared.map(() => []);
    this.byName = new Map(names.map((name, at) => [name, at]));
    this.written = names.map((name) => `${JSON.stringify(name)}:`);
    this.reads = declared.map(({ read }) => read);
    this.nullable = declared.map(({ nullable }) => nullable);
    this.namedBy = declared.map(() => 0);
  }

  /** Adds the row that `text` holds, or says why it is refused. */
  push(text: string, isPlain: boolean): RowError | null {
    this.row++;
    this.column = NO_COLUMN;
    try {
      json.open(text, isPlain);
      if (this.read() < this.reads.length) this.fill();
      json.end();
    } catch (thrown) {
      return this.refused(thrown);
    }
    this.count++;
    return null;
  }

  /** The columns of the rows so far; the table is then empty. */
  finish(): Column[] {
    const { count } = this;
    this.count = 0;
    return this.declared.map(({ type, isText }, at) => {
      const values = this.values[at];
      values.length = count;
      this.values[at] = [];
      return isText ? columnOfBinary(type, values as (string | null)[]) : columnOf(type, values);
    });
  }

  /** Reads the fields of the row, and returns how many columns they fill. */
  private read(): number {
    const { written, reads, nullable, values, namedBy, row, count } = this;
    const columns = reads.length;
    json.openObject();
    let filled = 0;
    let expected = 0;
    for (let isFirst = true; ; isFirst = false) {
      let at: number | undefined;
      if (expected < columns && json.takesName(written[expected], isFirst)) {
        at = expected;
      } else {
        const name = json.name(isFirst);
        if (name === null) return filled;
        at = this.byName.get(name);
        if (at === undefined && this.rejectsUnknown) throw unknown(utf8.decodeBinary(name));
        json.colon();
        if (at === undefined) {
          json.skip();
          continue;
        }
      }
      this.column = at;
      const value = reads[at]();
      if (value === null && !nullable[at]) {
        throw new Problem("missing", "is null and must have a value");
      }
      this.column = NO_COLUMN;
      // Of a field that comes twice the last counts.
      values[at][count] = value;
      if (namedBy[at] !== row) {
        namedBy[at] = row;
        filled++;
      }
      expected = at + 1;
    }
  }

  /** Gives its null to every column that the row did not name. */
  private fill() {
    for (let at = 0; at < this.reads.length; at++) {
      if (this.namedBy[at] === this.row) continue;
      if (!this.nullable[at]) {
        this.column = at;
        throw new Problem("missing", "is missing and must have a value");
      }
      this.values[at][this.count] = null;
    }
  }

  private refused(thrown: unknown): RowError {
    const { raw } = this;
    const column = this.column === NO_COLUMN ? null : this.declared[this.column].name;
    if (thrown instanceof Problem) return refusal(thrown.code, column ?? raw, thrown.message);
    if (thrown instanceof json.TypeProblem) {
      if (column === null) return refusal("malformed", raw, thrown.placed);
      return refusal("wrong_type", column, thrown.message);
    }
    if (thrown instanceof json.RangeProblem && column !== null) {
      return refusal("out_of_range", column, json.OUT_OF_RANGE);
    }
    if (thrown instanceof json.SyntaxProblem) return refusal("malformed", raw, thrown.message);
    return thrown as RowError;
  }
}

function unknown(name: string): RowError {
  return refusal("unknown_field", name, `the schema has no field \`${name}\``);
}
