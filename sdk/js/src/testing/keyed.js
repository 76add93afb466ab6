// Runs a keyed plugin natively: states and timers are kept here as the host would keep them.

import { use } from "#host/state";

import { readStates } from "../batch.js";
import { columnOf } from "../build.js";
import { writeColumns } from "../cross.js";
import { binary, flatten } from "../types.js";
import { assemble, Table, unwrapped } from "./table.js";

const CLOCKS = { event: "event-time", processing: "processing-time" };

/** A keyed plugin with the states and timers of its keys. */
export class KeyedTest {
  constructor(transformer, config, schema, { key, eventTime = null }) {
    this.transformer = transformer;
    this.description = unwrapped(() =>
      transformer.start(JSON.stringify(config), flatten(schema.fields), key),
    );
    this.schema = schema;
    this.key = key;
    this.eventTime = eventTime;
    this.ports = Object.fromEntries(this.description.ports.map((port) => [port.name, []]));
    this.errors = [];
    this._keys = [];
    this._numbers = new Map();
    this._memory = new Map();
    this._now = 0;
  }

  /** How many keys have a state. */
  get states() {
    return this._keys.filter((key) => key.state !== null).length;
  }

  /** How many timers are set. */
  get timers() {
    return this._keys.reduce((sum, key) => sum + key.timers.size, 0);
  }

  /** Gives the plugin some rows; those of a key are handled in the order of their times. */
  rows(rows) {
    const timeOf = (row) => (this.eventTime === null ? 0 : Number(row[this.eventTime]));
    const byKey = new Map();
    for (const row of rows) {
      const key = this._keyOf(row);
      if (!byKey.has(key)) byKey.set(key, []);
      byKey.get(key).push(row);
    }
    const known = [...byKey.keys()].sort((a, b) => a - b);
    const ordered = known.map((key) => byKey.get(key).sort((a, b) => timeOf(a) - timeOf(b)));
    const due = [];
    if (this.eventTime !== null) {
      known.forEach((key, at) => {
        due.push(...this._takeDue(key, at, "event", timeOf(ordered[at].at(-1))));
      });
    }
    this._call(ordered, timeOf, known, due);
  }

  /** Event time has come to `time`: timers up to it are due. */
  watermark(time) {
    this._fire("event", time);
  }

  /** The host's clock has moved on by so many microseconds. */
  pass(microseconds) {
    this._now += microseconds;
    this._fire("processing", this._now);
  }

  /** Calls the plugin with all timers that are due, and again while that sets further ones. */
  _fire(clock, until) {
    for (;;) {
      const known = [];
      const due = [];
      for (let key = 0; key < this._keys.length; key++) {
        const own = this._takeDue(key, known.length, clock, until);
        if (own.length > 0) known.push(key);
        due.push(...own);
      }
      if (due.length === 0) return;
      this._call(
        known.map(() => []),
        () => 0,
        known,
        due,
      );
    }
  }

  _call(ordered, timeOf, known, due) {
    const rows = ordered.flat();
    const starts = ordered.map((_, at) => ordered.slice(0, at).flat().length);
    const keyRows = known.map((key) => this._keys[key].row);
    const table = new Table(this.schema, rows);
    const stored = columnOf(
      binary,
      known.map((key) => this._keys[key].state),
    );
    use(this._memory, known);
    const output = unwrapped(() =>
      this.transformer.process({
        rows: rows.length,
        columns: table.cross(this.description.reads),
        times: this.eventTime === null ? [] : rows.map(timeOf),
        starts,
        keys: table.cross(this.description.keys, keyRows),
        states: writeColumns([stored]),
        timers: due,
      }),
    );
    this._keep(known, output);
    this.errors.push(...output.errors);
    const sources = [...rows, ...keyRows];
    for (const emitted of output.ports) {
      const port = this.description.ports[emitted.port];
      const from = emitted.rows.tag === "all" ? rows : sources;
      this.ports[port.name].push(...assemble(from, port, emitted));
    }
  }

  _keep(known, { changed, states, timers }) {
    const kept = readStates(states);
    changed.forEach((key, at) => {
      this._keys[known[key]].state = kept.isNull(at) ? null : kept.bytes(at).slice();
    });
    for (const { key, id, change } of timers) {
      const set = this._keys[known[key]].timers;
      const number = id >>> 0;
      if (change.tag === "cancel") set.delete(number);
      else if (change.tag === "event-time") set.set(number, { clock: "event", at: change.val });
      else set.set(number, { clock: "processing", at: this._now + change.val });
    }
  }

  _takeDue(key, number, clock, until) {
    const { timers } = this._keys[key];
    const due = [...timers].filter(([, timer]) => timer.clock === clock && timer.at <= until);
    for (const [id] of due) timers.delete(id);
    due.sort(([a, left], [b, right]) => left.at - right.at || a - b);
    return due.map(([id, { at }]) => ({ key: number, id, clock: CLOCKS[clock], at }));
  }

  /** The number of the key of a row. */
  _keyOf(row) {
    const values = this.key.map((name) => row[name] ?? null);
    const id = JSON.stringify(values, (_, v) => (typeof v === "bigint" ? `${v}n` : v));
    if (!this._numbers.has(id)) {
      this._numbers.set(id, this._keys.length);
      const nulls = this.schema.names.map((name) => [name, null]);
      const own = this.key.map((name, at) => [name, values[at]]);
      const keyRow = Object.fromEntries([...nulls, ...own]);
      this._keys.push({ row: keyRow, state: null, timers: new Map() });
    }
    return this._numbers.get(id);
  }
}
