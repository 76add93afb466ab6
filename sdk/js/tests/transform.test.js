// What a stateless plugin may do with rows, and what becomes of its mistakes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { config, ConfigErrors, field, RowError, textSet, transform, types } from "millrace";
import { run, schema, start, table } from "millrace/testing";

const ABOUT = { name: "test", version: "0.1.0", summary: "For tests" };
const NUMBERS = table({ n: types.int64, t: types.utf8 }, [
  { n: 1n, t: "one" },
  { n: null, t: null },
  { n: 3n, t: "drei" },
]);

function plugin(description, shape) {
  return transform({ ...ABOUT, config: shape, start: () => description });
}

test("rows go to ports with columns added, replaced and dropped", () => {
  const main = { adds: [field("n", types.float64), field("m", types.boolean)], drops: ["t"] };
  const ports = { main, rest: {} };
  const both = plugin({
    reads: ["n"],
    ports,
    process(batch, out) {
      out.some("main", [2, 0], { n: [0.5, null], m: [true, false] });
      out.some("rest", new Uint32Array([1]));
    },
  });
  const { ports: rows } = run(both, {}, NUMBERS);
  assert.deepEqual(rows.main, [
    { n: 0.5, m: true },
    { n: null, m: false },
  ]);
  assert.deepEqual(rows.rest, [{ n: null, t: null }]);
});

test("an error in `row` refuses this row alone", () => {
  const doubled = plugin({
    reads: ["n", "t"],
    ports: { main: { adds: [field("twice", types.int64)] }, other: {} },
    row({ n, t }, emit) {
      if (n === null) throw new RowError("no_number", "there is no number", "n");
      if (t === "drei") throw new Error("not in English");
      emit("other");
      return { twice: 2n * n };
    },
  });
  const { ports, errors } = run(doubled, {}, NUMBERS);
  assert.deepEqual(ports.main, [{ n: 1n, t: "one", twice: 2n }]);
  assert.deepEqual(ports.other, [{ n: 1n, t: "one" }]);
  assert.deepEqual(errors, [
    { row: 1, code: "no_number", message: "there is no number", column: "n" },
    { row: 2, code: "failed", message: "not in English", column: null },
  ]);
});

test("an error in `process` fails the call with its text", () => {
  const fails = (thrown) =>
    plugin({
      process() {
        throw thrown;
      },
    });
  assert.throws(() => run(fails(new Error("broken")), {}, NUMBERS), { message: "broken" });
  assert.throws(() => run(fails("as text"), {}, NUMBERS), { message: "as text" });
  assert.throws(() => run(fails({ any: "thing" }), {}, NUMBERS), { message: "[object Object]" });
  const missing = plugin({ process: (batch, out) => out.all("elsewhere") });
  assert.throws(() => run(missing, {}, NUMBERS), /port `elsewhere` is not in the description/);
  const typed = plugin({ reads: ["n"], process: (batch) => batch.float64("n") });
  assert.throws(() => run(typed, {}, NUMBERS), /TypeError: column `n` has type Int64/);
});

test("every mistake of a configuration is named with its place", () => {
  const shape = config.object({
    limit: config.number(),
    within: config.span().optional(),
    rules: config.list(config.object({ outcome: config.choice("yes", "no") })).default([]),
    rates: config.table(config.number()).default(new Map()),
  });
  const wrong = {
    limt: 1,
    within: "5 weeks",
    rules: [{ outcome: "maybe" }, { outcome: "yes", why: 1 }, 7],
    rates: { EUR: "1" },
  };
  const pass = plugin({ process() {} }, shape);
  assert.throws(
    () => start(pass, wrong, schema({ n: types.int64 })),
    (thrown) => {
      assert.ok(thrown instanceof ConfigErrors);
      assert.deepEqual(thrown.errors, [
        {
          path: "",
          message: "unknown field `limt`, expected one of `limit`, `within`, `rules`, `rates`",
        },
        { path: "", message: "missing field `limit`" },
        {
          path: "within",
          message: "`5 weeks` is no time span: write 500ms, 60s, 5m, 24h or 7d",
        },
        { path: "rules[0].outcome", message: "unknown variant `maybe`, expected `yes` or `no`" },
        { path: "rules[1]", message: "unknown field `why`, expected `outcome`" },
        { path: "rules[2]", message: "invalid type: integer `7`, expected a table" },
        { path: "rates.EUR", message: 'invalid type: string "1", expected a number' },
      ]);
      return true;
    },
  );
});

test("an error in `start` is one of the configuration", () => {
  const broken = transform({
    ...ABOUT,
    start() {
      throw new TypeError("oops");
    },
  });
  assert.throws(() => start(broken, {}, schema({})), {
    errors: [{ path: "", message: "TypeError: oops" }],
  });
  const unknown = plugin({ reads: ["x"], process() {} });
  assert.throws(() => start(unknown, {}, schema({})), /reads `x`, which its input does not have/);
});

test("a set of texts finds rows by their bytes", () => {
  const texts = ["DE", null, "", "DÉ", "NG", "ED"];
  const input = table(
    { t: types.utf8 },
    texts.map((t) => ({ t })),
  );
  const kept = (words, wanted) => {
    let found;
    const probe = plugin({
      reads: ["t"],
      process(batch) {
        const rows = Uint32Array.from(texts.keys());
        const set = textSet(words);
        const count = set.keep(batch.utf8("t"), rows, rows.length, wanted);
        found = [...rows.subarray(0, count)];
        const one = found.filter((row) => set.has(batch.utf8("t"), row) === (wanted ?? true));
        assert.deepEqual(one, found);
      },
    });
    run(probe, {}, input);
    return found;
  };
  assert.deepEqual(kept(["DE", "DÉ", "XX"]), [0, 3]);
  assert.deepEqual(kept(["DE", "DÉ"], false), [2, 4, 5]);
  assert.deepEqual(kept([""]), [2]);
});
