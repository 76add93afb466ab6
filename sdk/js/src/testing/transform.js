// Runs a stateless plugin natively, as the host would.

import { flatten } from "../types.js";
import { assemble, unwrapped } from "./table.js";

/** Starts a plugin. Throws ConfigErrors. */
export function start(transformer, config, schema) {
  return unwrapped(() => transformer.start(JSON.stringify(config), flatten(schema.fields)));
}

/** Starts a plugin and gives it all rows of a table in one batch. */
export function run(transformer, config, table) {
  const description = start(transformer, config, table.schema);
  const { rows } = table;
  const batch = { rows: rows.length, columns: table.cross(description.reads) };
  const output = unwrapped(() => transformer.process(batch));
  const ports = Object.fromEntries(description.ports.map((port) => [port.name, []]));
  for (const emitted of output.ports) {
    const port = description.ports[emitted.port];
    ports[port.name].push(...assemble(rows, port, emitted));
  }
  return { ports, errors: output.errors };
}
