// Functions for SQL as the contract's `aggregator` and `scalar-function`.

import { readBatch, readStates } from "./batch.js";
import { columnOf } from "./build.js";
import { json, StateWriter } from "./codec.js";
import { writeColumns } from "./cross.js";
import { aboutOf, parseConfig, schemaOf } from "./describe.js";
import { orConfigErrors, orFailure, rowError } from "./errors.js";
import { field, flatten } from "./types.js";

export function aggregate(plugin) {
  const about = aboutOf(plugin);
  const codec = plugin.state ?? json();
  let started = null;
  const call = (work) =>
    orFailure(() => {
      if (started === null) throw new Error("the plugin was called before `start`");
      return work(started);
    });
  /** The states of a column, `undefined` where there is none. */
  const read = (columns) => {
    const stored = readStates(columns);
    const states = new Array(stored.length);
    for (let at = 0; at < stored.length; at++) {
      states[at] = stored.isNull(at) ? undefined : codec.decode(stored.bytes(at));
    }
    return states;
  };
  const write = (states) => {
    const writer = new StateWriter(states.length);
    for (const state of states) {
      if (state === undefined) writer.pushNull();
      else writer.push(codec.encode(state));
    }
    return writer.finish();
  };
  const orInitial = ({ description }, states) => {
    for (let at = 0; at < states.length; at++) states[at] ??= description.initial();
    return states;
  };
  return {
    about: () => about,
    start: (config, flat) =>
      orConfigErrors(() => {
        const input = schemaOf(flat);
        const description = plugin.start(parseConfig(plugin, config), input);
        for (const name of ["initial", "update", "merge", "evaluate"]) {
          if (typeof description[name] !== "function") {
            throw new TypeError(`\`start\` returned no \`${name}\``);
          }
        }
        started = { input, description };
        const result = flatten([field("result", description.result)]);
        return { result, stateVersion: plugin.stateVersion ?? 1 };
      }),
    update: (groups, rows, stored) =>
      call((started) => {
        const states = orInitial(started, read(stored));
        const batch = readBatch(started.input, rows.columns, rows.rows);
        started.description.update(states, groups, batch);
        return write(states);
      }),
    merge: (stored, others) =>
      call(({ description }) => {
        const states = read(stored);
        read(others).forEach((other, at) => {
          if (other === undefined) return;
          states[at] = states[at] === undefined ? other : description.merge(states[at], other);
        });
        return write(states);
      }),
    evaluate: (stored) =>
      call((started) => {
        const { description } = started;
        const values = description.evaluate(orInitial(started, read(stored)));
        return writeColumns([columnOf(description.result, values)]);
      }),
  };
}

export function scalar(plugin) {
  const about = aboutOf(plugin);
  let started = null;
  return {
    about: () => about,
    start: (config, flat) =>
      orConfigErrors(() => {
        const input = schemaOf(flat);
        const description = plugin.start(parseConfig(plugin, config), input);
        started = { input, description, evaluate: evaluateOf(description) };
        return flatten([field("result", description.result)]);
      }),
    evaluate: ({ rows, columns }) =>
      orFailure(() => {
        if (started === null) throw new Error("the plugin was called before `start`");
        const { input, description, evaluate } = started;
        const errors = new Errors();
        const values = columnOf(
          description.result,
          evaluate(readBatch(input, columns, rows), errors),
        );
        return { values: writeColumns([values]), errors: errors.errors };
      }),
  };
}

/** Rows whose arguments have no result. */
class Errors {
  constructor() {
    this.errors = [];
  }

  error(row, code, message) {
    this.errors.push({ row, code, message: String(message).toWellFormed(), column: null });
  }

  refuse(row, thrown) {
    this.errors.push(rowError(row, thrown));
  }
}

/** The function's `evaluate`, or one that calls its `value` for each row. */
function evaluateOf(description) {
  if (typeof description.evaluate === "function") {
    return (batch, errors) => description.evaluate(batch, errors);
  }
  if (typeof description.value !== "function") {
    throw new TypeError("`start` returned neither `evaluate` nor `value`");
  }
  return (batch, errors) => {
    const { columns, length } = batch;
    const values = new Array(length);
    const args = new Array(columns.length);
    for (let row = 0; row < length; row++) {
      for (let i = 0; i < args.length; i++) args[i] = columns[i].get(row);
      try {
        values[row] = description.value(...args);
      } catch (thrown) {
        errors.refuse(row, thrown);
        values[row] = null;
      }
    }
    return values;
  };
}
