// What a plugin returns for a batch.

import { columnOf } from "./build.js";
import { writeColumns } from "./cross.js";
import { rowError } from "./errors.js";

/** The result of one batch, as it grows. */
export class Output {
  constructor(ports) {
    this._ports = ports;
    this._emitted = [];
    this._errors = [];
  }

  all(port, columns = []) {
    this._emit(port, { tag: "all" }, columns);
  }

  some(port, rows, columns = []) {
    if (rows.length === 0) return;
    const numbers = rows instanceof Uint32Array ? rows : Uint32Array.from(rows);
    this._emit(port, { tag: "rows", val: numbers }, columns);
  }

  error(row, code, message, column = null) {
    this._errors.push({ row, code, message: String(message).toWellFormed(), column });
  }

  /** Refuses a row because of what was thrown for it. */
  refuse(row, thrown) {
    this._errors.push(rowError(row, thrown));
  }

  _emit(name, rows, columns) {
    const at = this._ports.findIndex((port) => port.name === name);
    if (at === -1) throw new Error(`port \`${name}\` is not in the description`);
    const { adds } = this._ports[at];
    const values = Array.isArray(columns) ? columns : adds.map((f) => columns[f.name]);
    if (values.length !== adds.length) {
      throw new Error(`port \`${name}\` adds ${adds.length} columns, and ${values.length} came`);
    }
    const made = adds.map((f, i) => {
      if (values[i] === undefined) throw new Error(`port \`${name}\`: no column \`${f.name}\``);
      return columnOf(f.type, values[i]);
    });
    this._emitted.push({ port: at, rows, columns: writeColumns(made) });
  }

  /** As the contract has it. */
  finish() {
    return { ports: this._emitted, errors: this._errors };
  }
}
