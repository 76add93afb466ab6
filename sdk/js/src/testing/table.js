// Rows as objects, and as the host would send them.

import { columnOf } from "../build.js";
import { readColumns, writeColumns } from "../cross.js";
import { ConfigErrors } from "../errors.js";
import { field, Schema, unflatten } from "../types.js";

/** Rows of a schema. */
export class Table {
  constructor(schema, rows) {
    this.schema = schema;
    this.rows = rows;
  }

  /** The columns with these names as they cross. */
  cross(names, rows = this.rows) {
    const { fields } = this.schema.select(names);
    const columns = fields.map(({ name, type }) =>
      columnOf(
        type,
        rows.map((row) => row[name]),
      ),
    );
    return writeColumns(columns);
  }
}

/** Rows whose columns have these types, or are these fields. */
export function table(columns, rows) {
  return new Table(schema(columns), rows);
}

export function schema(columns) {
  const fields = Object.entries(columns).map(([name, type]) =>
    "nullable" in type ? type : field(name, type),
  );
  return new Schema(fields);
}

/** Calls what may throw the `err` of the contract, and throws that as an error. */
export function unwrapped(call) {
  try {
    return call();
  } catch (thrown) {
    const { payload } = thrown;
    if (Array.isArray(payload)) throw new ConfigErrors(payload);
    if (typeof payload === "string") throw new Error(payload);
    throw thrown;
  }
}

/** The rows of a port: what was emitted, beside what is carried over from `sources`. */
export function assemble(sources, port, { rows, columns }) {
  const adds = unflatten(port.adds);
  const numbers = rows.tag === "all" ? sources.map((_, at) => at) : [...rows.val];
  const added = readColumns(adds, columns);
  for (const [at, column] of added.entries()) {
    if (column.length !== numbers.length) {
      const { name } = adds[at];
      throw new Error(`column \`${name}\` has ${column.length} values for ${numbers.length} rows`);
    }
  }
  return numbers.map((number, at) => {
    const row = { ...sources[number] };
    for (const name of port.drops) delete row[name];
    adds.forEach(({ name }, i) => {
      row[name] = added[i].get(at);
    });
    return row;
  });
}
