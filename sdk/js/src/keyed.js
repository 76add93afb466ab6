// A transformation with a state for each key as the contract's `keyed-transformer`.

import { readBatch, readStates } from "./batch.js";
import { json, StateWriter } from "./codec.js";
import { aboutOf, parseConfig, portsOf, schemaOf, witPorts } from "./describe.js";
import { orConfigErrors, orFailure } from "./errors.js";
import { KeyedBatch } from "./keyed_batch.js";
import { Output } from "./output.js";

const CLOCKS = { "event-time": "event", "processing-time": "processing" };

export function keyed(plugin) {
  const about = aboutOf(plugin);
  const codec = plugin.state ?? json();
  let started = null;
  return {
    about: () => about,
    start: (config, flat, key) =>
      orConfigErrors(() => {
        const input = schemaOf(flat);
        const description = plugin.start(parseConfig(plugin, config), input, key);
        const ports = portsOf(description);
        const reads = input.select(description.reads ?? []);
        const keys = input.select(description.keys ?? []);
        if (typeof description.process !== "function") {
          throw new TypeError("`start` returned no `process`");
        }
        started = { reads, keys, ports, description };
        return {
          reads: reads.names,
          keys: keys.names,
          ports: witPorts(ports),
          stateVersion: plugin.stateVersion ?? 1,
          readsVersions: [...(plugin.readsVersions ?? [])],
          stateTtl: description.stateTtl ?? null,
        };
      }),
    process: (input) =>
      orFailure(() => {
        if (started === null) throw new Error("`process` was called before `start`");
        const { reads, keys, ports, description } = started;
        const batch = new KeyedBatch({
          rows: readBatch(reads, input.columns, input.rows),
          keys: readBatch(keys, input.keys, input.starts.length),
          times: input.times,
          starts: input.starts,
          states: readStates(input.states),
          due: input.timers.map((timer) => ({ ...timer, clock: CLOCKS[timer.clock] })),
          codec,
        });
        const out = new Output(ports);
        description.process(batch, out);
        return { ...batch.finish(), ...out.finish() };
      }),
    migrate: (version, states) =>
      orFailure(() => {
        const old = readStates(states);
        const migrated = new StateWriter(old.length);
        for (let at = 0; at < old.length; at++) {
          if (old.isNull(at)) migrated.pushNull();
          else migrated.push(codec.encode(migrateOne(plugin, version, old.bytes(at))));
        }
        return migrated.finish();
      }),
  };
}

function migrateOne(plugin, version, bytes) {
  if (typeof plugin.migrate !== "function") {
    throw new Error(`can't read a state of version ${version} (${bytes.length} bytes)`);
  }
  return plugin.migrate(version, bytes);
}
