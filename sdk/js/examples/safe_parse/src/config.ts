// The step's configuration, and the types that a schema may name.

import { config, type ConfigErrors, type DataType, types } from "millrace";

import type { Read } from "./value.js";
import * as value from "./value.js";

/** Known types, as an error shows them. */
const TYPES =
  "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, timestamp[s], " +
  "timestamp[ms], timestamp[us] and json, each with `?` where it may be missing";

/** `[step.X.config]`. */
export const Config = config.object({
  /** The column that holds the JSON text. */
  column: config.text().default("value"),
  /** The columns to make, in this order. */
  schema: config.table(config.text()),
  /** Whether the raw column goes on. */
  keep_raw: config.boolean().default(false),
  /** What to do with a field that the schema does not have: skip it, or refuse the row. */
  unknown_fields: config.choice("ignore", "reject").default("ignore"),
});

/** What a column holds, and how JSON writes it. */
export interface Kind {
  type: DataType;
  /** Whether values are binary strings of UTF-8. */
  isText: boolean;
  read: Read;
}

/** One column to make. */
export interface Declared extends Kind {
  name: string;
  nullable: boolean;
}

/** The declared columns; what can't be understood goes to `errors`. */
export function resolve(schema: Map<string, string>, errors: ConfigErrors): Declared[] {
  if (schema.size === 0) {
    errors.push("schema", 'no column is declared; give at least one, as `name = "type"`');
  }
  const declared: Declared[] = [];
  for (const [name, text] of schema) {
    const nullable = text.endsWith("?");
    try {
      declared.push({ name, nullable, ...kind(nullable ? text.slice(0, -1) : text) });
    } catch (thrown) {
      errors.push(`schema.${name}`, (thrown as Error).message);
    }
  }
  return declared;
}

function kind(text: string): Kind {
  const plain = (type: DataType, read: Read) => ({ type, isText: type.kind === "utf8", read });
  const utc = types.timestamp("UTC");
  switch (text) {
    case "string":
      return plain(types.utf8, value.text);
    case "bool":
      return plain(types.boolean, value.bool);
    case "int32":
      return plain(types.int32, value.int32);
    case "int64":
      return plain(types.int64, value.int64);
    case "float64":
      return plain(types.float64, value.float64);
    case "date":
      return plain(types.date32, value.date);
    case "timestamp":
      return plain(utc, value.timestamp);
    case "timestamp[s]":
      return plain(utc, value.epoch(1_000_000));
    case "timestamp[ms]":
      return plain(utc, value.epoch(1_000));
    case "timestamp[us]":
      return plain(utc, value.epoch(1));
    case "json":
      return plain(types.utf8, value.json);
    default: {
      const size = /^decimal\((.*)\)$/s.exec(text)?.[1];
      if (size === undefined) throw new Error(`\`${text}\` is no type; the types are ${TYPES}`);
      const [, precision, scale] = (/^\s*\+?(\d+)\s*,\s*\+?(\d+)\s*$/.exec(size) ?? []).map(Number);
      if (!(precision >= 1 && precision <= 38 && scale <= precision)) {
        const advice = "write decimal(p,s) with 1 to 38 digits, s of them after the point";
        throw new Error(`\`decimal(${size})\` is no type; ${advice}`);
      }
      return plain(types.decimal128(precision, scale), value.decimal(precision, scale));
    }
  }
}
