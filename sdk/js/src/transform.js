// A stateless transformation as the contract's `transformer`.

import { readBatch } from "./batch.js";
import { columnOf } from "./build.js";
import { aboutOf, parseConfig, portsOf, schemaOf, witPorts } from "./describe.js";
import { orConfigErrors, orFailure } from "./errors.js";
import { Output } from "./output.js";

export function transform(plugin) {
  const about = aboutOf(plugin);
  let started = null;
  return {
    about: () => about,
    start: (config, flat) =>
      orConfigErrors(() => {
        const input = schemaOf(flat);
        const description = plugin.start(parseConfig(plugin, config), input);
        const ports = portsOf(description);
        const reads = input.select(description.reads ?? []);
        const process = processOf(description, ports);
        started = { reads, ports, process };
        return { reads: reads.names, ports: witPorts(ports) };
      }),
    process: ({ rows, columns }) =>
      orFailure(() => {
        if (started === null) throw new Error("`process` was called before `start`");
        const { reads, ports, process } = started;
        const out = new Output(ports);
        process(readBatch(reads, columns, rows), out);
        return out.finish();
      }),
  };
}

/** The plugin's `process`, or one that calls its `row` for each row. */
function processOf(description, ports) {
  if (typeof description.process === "function") {
    return (batch, out) => description.process(batch, out);
  }
  if (typeof description.row !== "function") {
    throw new TypeError("`start` returned neither `process` nor `row`");
  }
  return (batch, out) => {
    const collected = ports.map(({ adds }) => ({ rows: [], values: adds.map(() => []) }));
    for (let at = 0; at < batch.length; at++) {
      try {
        takeRow(description, ports, collected, batch, at);
      } catch (thrown) {
        out.refuse(at, thrown);
      }
    }
    collected.forEach(({ rows, values }, i) => {
      const columns = ports[i].adds.map((f, j) => columnOf(f.type, values[j]));
      out.some(ports[i].name, rows, columns);
    });
  };
}

/** Calls `row` for one row, and keeps what it gives once it has returned. */
function takeRow(description, ports, collected, batch, at) {
  const given = [];
  const emit = (name, added = {}) => {
    const port = ports.findIndex((p) => p.name === name);
    if (port === -1) throw new Error(`port \`${name}\` is not in the description`);
    given.push([port, added]);
  };
  const main = description.row(batch.row(at), emit);
  if (main !== undefined && main !== null) emit("main", main);
  for (const [port, added] of given) {
    collected[port].rows.push(at);
    ports[port].adds.forEach((f, i) => collected[port].values[i].push(added[f.name]));
  }
}
