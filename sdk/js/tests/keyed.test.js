// The order of rows and timers, and what is remembered of a key.

import assert from "node:assert/strict";
import { test } from "node:test";

import { codec, field, keyed, types } from "millrace";
import { KeyedTest, schema } from "millrace/testing";

const ABOUT = { name: "test", version: "0.1.0", summary: "For tests" };
const INPUT = schema({ user: types.utf8, at: types.timestamp("UTC"), set: types.utf8 });
const OPTIONS = { key: ["user"], eventTime: "at" };

/**
 * A plugin that writes down what it is given; `set` of a row is JSON of timers to set, ids to
 * times, negative for a delay and null to cancel.
 */
function recorder(more = {}, onTimer = () => {}) {
  const events = [];
  const transformer = keyed({
    ...ABOUT,
    ...more,
    start: () => ({
      reads: ["set"],
      keys: ["user"],
      ports: { main: {}, timers: { adds: [field("id", types.uint32)] } },
      process(batch, out) {
        const sets = batch.rows.utf8("set");
        const [rows, keyRows, ids] = [[], [], []];
        for (let event = batch.next(); event !== null; event = batch.next()) {
          const user = batch.keys.utf8("user").get(batch.key);
          if (event.kind === "timer") {
            events.push(`${user} timer ${event.id} ${event.clock} ${event.at}`);
            keyRows.push(batch.keyRow());
            ids.push(event.id);
            onTimer(batch, event);
            continue;
          }
          events.push(`${user} row ${event.time}`);
          rows.push(event.row);
          const timers = Object.entries(JSON.parse(sets.get(event.row) ?? "{}"));
          for (const [id, at] of timers) {
            if (at === null) batch.cancelTimer(Number(id));
            else if (at < 0) batch.setProcessingTimer(Number(id), -at);
            else batch.setTimer(Number(id), at);
          }
        }
        out.some("main", rows);
        out.some("timers", keyRows, [ids]);
      },
    }),
  });
  return { plugin: new KeyedTest(transformer, {}, INPUT, OPTIONS), events };
}

const row = (user, at, set = null) => ({ user, at, set: set && JSON.stringify(set) });

test("a timer of this batch comes between the rows that it belongs between", () => {
  const { plugin, events } = recorder();
  plugin.rows([row("a", 10, { 1: 15, 2: 20 }), row("a", 20), row("b", 30, { 1: 31 })]);
  // A timer comes before the rows of its own time.
  assert.deepEqual(events, [
    "a row 10",
    "a timer 1 event 15",
    "a timer 2 event 20",
    "a row 20",
    "b row 30",
  ]);
  assert.equal(plugin.timers, 1);
  plugin.watermark(31);
  assert.equal(events.at(-1), "b timer 1 event 31");
  assert.deepEqual(plugin.ports.timers.at(-1), { user: "b", at: null, set: null, id: 1 });
});

test("a timer for the past comes one microsecond after what sets it", () => {
  const { plugin, events } = recorder({}, (batch, { id, at }) => {
    if (id === 1) batch.setTimer(2, at);
  });
  plugin.rows([row("a", 10, { 1: 3 }), row("a", 20)]);
  assert.deepEqual(events, ["a row 10", "a timer 1 event 11", "a timer 2 event 12", "a row 20"]);
});

test("due timers of the host and those set now are merged by time and id", () => {
  const { plugin, events } = recorder();
  plugin.rows([row("a", 0, { 4: 10, 9: 20 })]);
  plugin.rows([row("a", 5, { 3: 10, 5: 10 }), row("a", 30)]);
  const timers = events.filter((event) => event.includes("timer"));
  assert.deepEqual(
    timers,
    [3, 4, 5, 9].map((id) => `a timer ${id} event ${id === 9 ? 20 : 10}`),
  );
});

test("timers move and are cancelled", () => {
  const { plugin, events } = recorder();
  plugin.rows([row("a", 0, { 1: 10, 2: 10, 4294967295: 10 })]);
  plugin.rows([row("a", 5, { 1: 25, 2: null }), row("a", 20)]);
  assert.deepEqual(events.slice(1), ["a row 5", "a timer 4294967295 event 10", "a row 20"]);
  plugin.watermark(100);
  assert.equal(events.at(-1), "a timer 1 event 25");
  assert.equal(plugin.timers, 0);
});

test("processing time comes first and by the host's clock", () => {
  const { plugin, events } = recorder();
  plugin.rows([row("a", 0, { 1: -100 })]);
  plugin.pass(99);
  assert.equal(events.length, 1);
  plugin.pass(1);
  assert.equal(events.at(-1), "a timer 1 processing 100");
});

test("what is no timer is refused", () => {
  for (const set of [{ "-1": 5 }, { 4294967296: 5 }, { 1: 0.5 }, { 1: -0.5 }]) {
    assert.throws(() => recorder().plugin.rows([row("a", 0, set)]), /RangeError/);
  }
});

/** A plugin that appends `set` to the state of its key. */
function appender(state, add, more = {}) {
  return keyed({
    ...ABOUT,
    state,
    ...more,
    start: () => ({
      reads: ["set"],
      ports: { main: { adds: [field("seen", types.utf8)] } },
      process(batch, out) {
        const [rows, seen] = [[], []];
        for (let event = batch.next(); event !== null; event = batch.next()) {
          const text = batch.rows.utf8("set").get(event.row);
          if (text === null) batch.clear();
          else batch.setState(add(batch.state(), text));
          rows.push(event.row);
          seen.push(String(batch.state()));
        }
        out.some("main", rows, { seen });
      },
    }),
  });
}

const CODECS = {
  json: [undefined, (state = [], text) => [...state, text]],
  text: [codec.text(), (state, text) => (state === undefined ? text : `${state},${text}`)],
  bytes: [codec.bytes(), (state = [], text) => new Uint8Array([...state, Number(text)])],
  numbers: [codec.numbers(), (state = [], text) => new Float64Array([...state, Number(text)])],
};

for (const [name, [state, add]] of Object.entries(CODECS)) {
  test(`states are kept as ${name}`, () => {
    const plugin = new KeyedTest(appender(state, add), {}, INPUT, OPTIONS);
    plugin.rows([
      { user: "a", at: 1, set: "1" },
      { user: "b", at: 2, set: "5" },
    ]);
    plugin.rows([
      { user: "a", at: 3, set: "2" },
      { user: "b", at: 4, set: null },
    ]);
    plugin.rows([{ user: "a", at: 5, set: "3" }]);
    const seen = plugin.ports.main.map((out) => out.seen);
    assert.deepEqual(seen, ["1", "5", "1,2", "undefined", "1,2,3"]);
    assert.equal(plugin.states, 1);
  });
}

test("a plugin must handle all rows", () => {
  const lazy = keyed({ ...ABOUT, start: () => ({ process: (batch) => batch.next() }) });
  const plugin = new KeyedTest(lazy, {}, INPUT, OPTIONS);
  plugin.rows([row("a", 1)]);
  assert.throws(() => plugin.rows([row("a", 2), row("b", 3)]), /before it had handled all rows/);
});

test("states are migrated one by one", () => {
  const migrate = (version, bytes) => `${version}:${bytes.length}`;
  const old = appender(codec.text(), null, { migrate, readsVersions: [1] });
  const offsets = new Uint8Array(new Int32Array([0, 2, 2]).buffer);
  const nodes = [{ length: 2, nullCount: 1 }];
  const { buffers } = old.migrate(1, {
    nodes,
    buffers: [new Uint8Array([1]), offsets, new Uint8Array(2)],
  });
  assert.deepEqual([...new Int32Array(buffers[1].slice().buffer)], [0, 3, 3]);
  assert.equal(String.fromCharCode(...buffers[2]), "1:2");
});

test("large state is read and written piece by piece", () => {
  const seen = [];
  const large = keyed({
    ...ABOUT,
    start: () => ({
      process(batch) {
        while (batch.next() !== null) {
          const map = batch.map("m");
          const list = batch.list("l", codec.text());
          map.put("b", { n: 1 });
          map.put(new Uint8Array([0x61]), [2]);
          map.remove("c");
          list.append("x");
          list.append("y");
          list.remove(1);
          const entries = map.scan(null, 10).map(([entry, value]) => [entry[0], value]);
          seen.push([map.get("b"), map.get("none"), entries, map.scan("a", 1).length]);
          seen.push([list.range(), list.read(0, 10)]);
        }
      },
    }),
  });
  new KeyedTest(large, {}, INPUT, OPTIONS).rows([row("a", 1)]);
  assert.deepEqual(seen, [
    [
      { n: 1 },
      undefined,
      [
        [0x61, [2]],
        [0x62, { n: 1 }],
      ],
      1,
    ],
    [{ start: 1, end: 2 }, ["y"]],
  ]);
});
