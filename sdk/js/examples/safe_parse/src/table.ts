// The columns of a batch, filled by walking the fields of one JSON object per row.

import { type Column, columnOf, columnOfBinary, type RowError, utf8 } from "millrace";

import type { Declared } from "./config.js";
import * as json from "./json.js";
import { Problem, refusal } from "./problem.js";

type Cell = string | number | bigint | boolean | null | undefined;

/** All columns. Between two calls of `push` each has one value per row that was taken. */
export class Table {
  private readonly values: Cell[][];
  private readonly byName: Map<string, number>;
  /** Each field as most producers write it: `"name":`. */
  private readonly written: string[];
  private readonly row: Cell[];

  constructor(
    private readonly declared: Declared[],
    private readonly rejectsUnknown: boolean,
    private readonly raw: string,
  ) {
    const names = declared.map(({ name }) => utf8.encodeBinary(name));
    this.values = declared.map(() => []);
    this.byName = new Map(names.map((name, at) => [name, at]));
    this.written = names.map((name) => `${JSON.stringify(name)}:`);
    this.row = new Array(declared.length);
  }

  /** Adds the row that `text` holds, or says why it is refused. */
  push(text: string, isPlain: boolean): RowError | null {
    const { row, declared } = this;
    row.fill(undefined);
    this.column = null;
    try {
      this.read(text, isPlain);
      for (let at = 0; at < declared.length; at++) {
        const { nullable, name } = declared[at];
        if (row[at] === null || row[at] === undefined) {
          if (!nullable) throw refusal("missing", name, "is missing and must have a value");
          row[at] = null;
        }
      }
      json.end();
    } catch (thrown) {
      return this.refused(thrown);
    }
    for (let at = 0; at < declared.length; at++) this.values[at].push(row[at]);
    return null;
  }

  /** The columns of the rows so far; the table is then empty. */
  finish(): Column[] {
    return this.declared.map(({ type, isText }, at) => {
      const values = this.values[at];
      this.values[at] = [];
      return isText ? columnOfBinary(type, values as (string | null)[]) : columnOf(type, values);
    });
  }

  /** The column whose value is being read. */
  private column: string | null = null;

  private read(text: string, isPlain: boolean) {
    const { declared, row, written } = this;
    json.open(text, isPlain);
    json.openObject();
    let isFirst = true;
    for (let expected = 0; ; isFirst = false) {
      let at: number | undefined;
      if (expected < declared.length && json.takesName(written[expected], isFirst)) {
        at = expected;
      } else {
        const name = json.name(isFirst);
        if (name === null) return;
        at = this.byName.get(name);
        if (at === undefined && this.rejectsUnknown) throw unknown(utf8.decodeBinary(name));
        json.colon();
      }
      if (at === undefined) {
        json.skip();
        continue;
      }
      const { name, nullable, read } = declared[at];
      this.column = name;
      const value = read();
      if (value === null && !nullable) {
        throw new Problem("missing", "is null and must have a value");
      }
      this.column = null;
      // Of a field that comes twice the last counts.
      row[at] = value;
      expected = at + 1;
    }
  }

  private refused(thrown: unknown): RowError {
    const { column, raw } = this;
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
