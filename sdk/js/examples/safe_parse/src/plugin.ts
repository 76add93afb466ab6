// Raw bytes to typed columns: one JSON object per row in, one column per declared field out.
//
// A row that does not fit its schema is refused with a code, the column and a reason; the rows
// beside it go on. README.md of the plugin in Rust has the configuration. `table.ts` walks the
// fields of a row, `value.ts` decides what a column accepts of JSON, and `json.ts` reads it.

import {
  type Batch,
  ConfigErrors,
  field,
  type Output,
  type Schema,
  type TextColumn,
  transform,
  utf8,
} from "millrace";

import { Config, resolve } from "./config.js";
import { isPlain } from "./json.js";
import { notUtf8 } from "./not_utf8.js";
import { refusal } from "./problem.js";
import { Table } from "./table.js";

export const transformer = transform({
  name: "safe_parse",
  version: "0.1.0",
  summary: "Parses JSON into typed columns and refuses rows that do not fit their schema",
  config: Config,
  start({ column, schema, keep_raw: keepRaw, unknown_fields: unknown }, input) {
    const errors = new ConfigErrors();
    const declared = resolve(schema, errors);
    const replaced = declared.some(({ name }) => name === column);
    if (keepRaw && replaced) {
      const advice = "rename the field's column or drop `keep_raw`";
      errors.push(`schema.${column}`, `\`${column}\` is also the raw column; ${advice}`);
    }
    checkRaw(column, input, errors);
    errors.throwIfAny();
    const adds = declared.map(({ name, type, nullable }) => field(name, type, { nullable }));
    const table = new Table(declared, unknown === "reject", column);
    return {
      reads: [column],
      ports: { main: { adds, drops: keepRaw || replaced ? [] : [column] } },
      process: (batch, out) => parse(table, column, batch, out),
    };
  },
});

function parse(table: Table, column: string, batch: Batch, out: Output) {
  // Bytes and text are read alike: a character for each byte.
  const raw = batch.columns[0] as TextColumn;
  const isText = raw.type.kind === "utf8";
  const whole = utf8.binaryString(raw.data);
  const allPlain = isPlain(whole);
  const allValid = isText || allPlain || utf8.isAscii(whole);
  const { offsets } = raw;
  const taken = new Uint32Array(batch.length);
  let count = 0;
  for (let row = 0; row < batch.length; row++) {
    if (raw.isNull(row)) {
      out.refuse(row, refusal("missing", column, "the raw value is null"));
      continue;
    }
    const text = whole.slice(offsets[row], offsets[row + 1]);
    const invalid = allValid ? null : notUtf8(text);
    if (invalid !== null) {
      out.refuse(row, refusal("malformed", column, `not UTF-8: ${invalid}`));
      continue;
    }
    const refused = table.push(text, allPlain);
    if (refused === null) taken[count++] = row;
    else out.refuse(row, refused);
  }
  const columns = table.finish();
  if (count === batch.length) out.all("main", columns);
  else out.some("main", taken.subarray(0, count), columns);
}

function checkRaw(column: string, input: Schema, errors: ConfigErrors) {
  const found = input.field(column);
  if (found === undefined) {
    const names = input.names.join(", ");
    errors.push("column", `the input has no column \`${column}\`; it has ${names}`);
  } else if (!["binary", "utf8"].includes(found.type.kind)) {
    errors.push("column", `\`${column}\` has type ${found.type}; it must be binary or utf8`);
  }
}
