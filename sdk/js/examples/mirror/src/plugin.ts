// A plugin that gives back what it reads, for tests of SDKs: every type goes in and out, and every
// way to emit and to refuse a row is used. README.md of the plugin in Rust says what its
// configuration does.

import { config, ConfigErrors, field, RowError, transform, types } from "millrace";

/** Columns that say what is to become of a row, where the input has them. */
const ASKING = { refuse: types.boolean, fail: types.boolean, port: types.utf8 };

export const transformer = transform({
  name: "mirror",
  version: "0.1.0",
  summary: "Gives back what it reads, for tests of SDKs",
  config: config.object({
    /** How often each row comes out. */
    repeat: config.integer({ min: 0 }).default(1),
  }),
  start({ repeat }, input) {
    const errors = new ConfigErrors();
    if (repeat === 0) errors.push("repeat", "must be at least 1");
    for (const [name, expected] of Object.entries(ASKING)) {
      const found = input.field(name);
      if (found !== undefined && !types.sameType(found.type, expected)) {
        errors.push("", `column \`${name}\` must be ${expected}`);
      }
    }
    errors.throwIfAny();
    const copies = input.fields.map(({ name, type }) => field(`copy_${name}`, type));
    const drops = input.names.filter((name) => name === "port");
    return {
      reads: input.names,
      ports: { main: { adds: copies }, other: { drops } },
      row(row, emit) {
        if (row.refuse) throw new RowError("refused", "the row asks to be refused", "refuse");
        if (row.fail) throw new Error("the row asks to fail");
        const entries = Object.entries(row).map(([name, value]) => [`copy_${name}`, value]);
        const port = row.port === "other" ? "other" : "main";
        for (let times = 0; times < repeat; times++) emit(port, Object.fromEntries(entries));
      },
    };
  },
});
