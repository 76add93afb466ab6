#!/usr/bin/env node
// Builds the plugin in the current directory into NAME.wasm with the project's own esbuild and
// componentize-qjs, for who does not have `millrace plugin build`.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const EXPORTS = {
  transform: "transformer",
  keyed: "keyed-transformer",
  aggregate: "aggregator",
  scalar: "scalar-function",
};

const file = readFileSync("plugin.toml", "utf8");
const name = setting("name");
const world = setting("world");
const sdk = setting("sdk", "vendor/millrace");
const grants = /^grants\s*=\s*\[(.*)\]/m.exec(file)?.[1].match(/\w+/g) ?? [];

const wit = join("build", "wit");
rmSync(wit, { recursive: true, force: true });
mkdirSync(wit, { recursive: true });
cpSync(join(sdk, "wit"), wit, { recursive: true });
const imports = [...(world === "keyed" ? ["state"] : []), ...grants].map((i) => `import ${i};`);
const lines = [...imports, `export ${EXPORTS[world]};`].map((line) => `    ${line}\n`).join("");
writeFileSync(
  join(wit, "build.wit"),
  `package millrace:plugin@0.1.0;\n\nworld build {\n${lines}}\n`,
);

const entry = existsSync("src/plugin.ts") ? "src/plugin.ts" : "src/plugin.js";
const bundle = join("build", "plugin.js");
run("esbuild", [
  ...[entry, "--bundle", "--format=esm", "--platform=neutral", "--target=es2023"],
  ...["--conditions=millrace", "--external:millrace:*", "--log-level=warning"],
  ...[`--alias:millrace=./${join(sdk, "sdk", "js", "src")}`, `--outfile=${bundle}`],
]);
run("componentize-qjs", [
  ...["--wit", wit, "--world", "build", "--js", bundle, "--sync", "--stub-wasi"],
  ...["--output", `${name}.wasm`],
]);

/** A text of plugin.toml. */
function setting(key, fallback) {
  const value = new RegExp(`^${key}\\s*=\\s*"(.*?)"`, "m").exec(file)?.[1] ?? fallback;
  if (value !== undefined) return value;
  console.error(`plugin.toml has no \`${key}\``);
  process.exit(2);
}

/** Runs a tool of the project's own. */
function run(tool, args) {
  const { status, error } = spawnSync(join("node_modules", ".bin", tool), args, {
    stdio: "inherit",
  });
  if (status === 0) return;
  console.error(error === undefined ? `${tool} failed` : `${error.message}: run npm install`);
  process.exit(1);
}
