// The contract in wit/ is what the SDK was written for: what is added there must be added here.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { types } from "millrace";
import * as sdk from "millrace";

import { flatten, unflatten } from "../src/types.js";

const ROOT = new URL("../../../wit/", import.meta.url);
const WIT = readdirSync(ROOT)
  .map((file) => readFileSync(new URL(file, ROOT), "utf8"))
  .join("\n")
  .replaceAll(/\/\/.*/g, "");

/** What stands between the braces behind `head`. */
function block(head) {
  const start = WIT.indexOf(`${head} {`);
  assert.notEqual(start, -1, head);
  return WIT.slice(WIT.indexOf("{", start) + 1, WIT.indexOf("\n}", start));
}

const camel = (name) => name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase());
const functions = (head) =>
  [...block(head).matchAll(/^ {4}([\w-]+): func/gm)].map((m) => camel(m[1]));

test("every type of the contract can be written and read", () => {
  const cases = WIT.match(/variant data-type \{(.*?)\n {4}\}/s)[1].matchAll(/^ {8}([\w-]+)/gm);
  const tags = [...cases].map((match) => match[1]).sort();
  const all = [
    ...Object.values(types).filter((type) => typeof type === "object"),
    types.timestamp("UTC"),
    types.decimal128(10, 2),
    types.fixedSizeBinary(3),
    types.list(types.int8),
    types.struct([types.field("a", types.utf8)]),
    types.map(types.utf8, types.int64),
  ];
  const fields = all.map((type, at) => types.field(`f${at}`, type, { nullable: at % 2 === 0 }));
  const flat = flatten(fields);
  assert.deepEqual([...new Set(flat.map(({ dataType }) => dataType.tag))].sort(), tags);
  const back = unflatten(flat);
  assert.ok(types.sameType(types.struct(back), types.struct(fields)));
  assert.deepEqual(
    back.map(({ nullable }) => nullable),
    fields.map(({ nullable }) => nullable),
  );
});

test("every import of the contract is used, or left out on purpose", async () => {
  const leftOut = { random: ["number"] };
  for (const name of ["log", "metrics", "clock", "random", "state"]) {
    const host = readFileSync(new URL(`../src/host/${name}.js`, import.meta.url), "utf8");
    const [, version] = /package millrace:plugin@([\d.]+);/.exec(WIT);
    assert.ok(host.includes(`"millrace:plugin/${name}@${version}"`), name);
    const named = host.slice(0, host.indexOf("from")).match(/\w+/g).slice(1).sort();
    const expected = functions(`interface ${name}`).filter((f) => !leftOut[name]?.includes(f));
    assert.deepEqual(named, expected.sort(), name);
    const native = await import(`../src/native/${name}.js`);
    for (const fn of named) assert.equal(typeof native[fn], "function", `${name}.${fn}`);
  }
});

test("every world of the contract has its exports", () => {
  const about = { name: "test", version: "0.1.0", summary: "For tests" };
  const start = () => ({ result: types.utf8 });
  for (const [make, name] of [
    [sdk.transform, "transformer"],
    [sdk.keyed, "keyed-transformer"],
    [sdk.aggregate, "aggregator"],
    [sdk.scalar, "scalar-function"],
  ]) {
    const made = make({ ...about, start });
    assert.deepEqual(Object.keys(made).sort(), functions(`interface ${name}`).sort(), name);
    assert.deepEqual(made.about(), about);
  }
});

test("what the types for editors name is there", async () => {
  const SRC = new URL("../src/", import.meta.url);
  const files = readdirSync(SRC, { recursive: true }).filter((file) => file.endsWith(".d.ts"));
  assert.ok(files.length >= 20);
  for (const file of files) {
    const text = readFileSync(new URL(file, SRC), "utf8");
    const script = new URL(file.replace(".d.ts", ".js"), SRC);
    const named = [...text.matchAll(/^export (?:function|class|const) (\w+)/gm)].map((m) => m[1]);
    if (named.length === 0) continue;
    const there = await import(script);
    for (const name of named) assert.ok(name in there, `${file}: ${name}`);
  }
  const reexported = readFileSync(new URL("index.d.ts", SRC), "utf8")
    .replaceAll(/type [\w*]+,?|export type [^;]*;/g, "")
    .matchAll(/export (?:\{([^}]*)\}|\* as (\w+))/g);
  const names = [...reexported].flatMap(([, list, space]) =>
    space ? [space] : list.match(/\w+/g),
  );
  const values = names.filter((name) => name !== null);
  assert.deepEqual(values.sort(), Object.keys(sdk).sort());
});
