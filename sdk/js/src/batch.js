// Rows on their way in.

import { readColumns } from "./cross.js";
import { Schema } from "./types.js";

/** The columns that a plugin reads, found by their names. */
export class Batch {
  constructor(schema, length, columns) {
    this.schema = schema;
    /** Number of rows. */
    this.length = length;
    this.columns = columns;
    this._names = schema.names;
  }

  column(name) {
    const at = this.schema.fields.findIndex((f) => f.name === name);
    if (at === -1) {
      throw new Error(`column \`${name}\` is not among those that the plugin reads`);
    }
    return this.columns[at];
  }

  boolean(name) {
    return this._typed(name, "boolean");
  }

  int32(name) {
    return this._typed(name, "int32");
  }

  int64(name) {
    return this._typed(name, "int64");
  }

  uint64(name) {
    return this._typed(name, "uint64");
  }

  float64(name) {
    return this._typed(name, "float64");
  }

  utf8(name) {
    return this._typed(name, "utf8");
  }

  binary(name) {
    return this._typed(name, "binary");
  }

  timestamp(name) {
    return this._typed(name, "timestamp");
  }

  /** The values of a row by the names of their columns. */
  row(at) {
    const row = {};
    const { columns, _names: names } = this;
    for (let i = 0; i < names.length; i++) row[names[i]] = columns[i].get(at);
    return row;
  }

  *rows() {
    for (let at = 0; at < this.length; at++) yield this.row(at);
  }

  _typed(name, kind) {
    const column = this.column(name);
    if (column.type.kind !== kind) {
      throw new TypeError(`column \`${name}\` has type ${column.type}, which is not expected`);
    }
    return column;
  }
}

/** A batch from what crossed. */
export function readBatch(schema, columns, length) {
  return new Batch(schema, length, readColumns(schema.fields, columns));
}

const STATES = new Schema([{ name: "state", type: { kind: "binary" }, nullable: true }]);

/** A column of states from what crossed. */
export function readStates(columns) {
  return readColumns(STATES.fields, columns)[0];
}
