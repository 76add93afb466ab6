// A stateless transformation as the contract's `transformer`.

import { readBatch } from "./batch.js";
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
  return rowByRow(description, ports);
}

/** A `process` that calls `row` for each row, and keeps what it gives once it has returned. */
function rowByRow(description, ports) {
  const names = ports.map(({ adds }) => adds.map((f) => f.name));
  const places = new Map(ports.map(({ name }, at) => [name, at]));
  return (batch, out) => {
    const collected = ports.map(({ adds }) => ({ rows: [], values: adds.map(() => []) }));
    /** What the row at hand gives: numbers of ports, each followed by what is added there. */
    const given = [];
    const emit = (name, added) => {
      const port = places.get(name);
      if (port === undefined) throw new Error(`port \`${name}\` is not in the description`);
      given.push(port, added ?? {});
    };
    for (let at = 0; at < batch.length; at++) {
      given.length = 0;
      try {
        const main = description.row(batch.row(at), emit);
        if (main !== undefined && main !== null) emit("main", main);
      } catch (thrown) {
        out.refuse(at, thrown);
        continue;
      }
      for (let i = 0; i < given.length; i += 2) {
        const { rows, values } = collected[given[i]];
        const own = names[given[i]];
        rows.push(at);
        for (let j = 0; j < own.length; j++) values[j].push(given[i + 1][own[j]]);
      }
    }
    collected.forEach(({ rows, values }, i) => out.some(ports[i].name, rows, values));
  };
}
