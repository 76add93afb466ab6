// The most frequent texts of a group; README.md of the plugin in Rust says more.

import { aggregate, type Codec, config, ConfigErrors, field, types, utf8 } from "millrace";

const Config = config.object({
  /** How many texts. */
  k: config.integer({ min: 0 }).default(10),
  /** A group with more different texts than this fails. */
  max_values: config.integer({ min: 0 }).default(100_000),
});

/** How often each text came; each text as a binary string of its UTF-8. */
type Counts = Map<string, number>;

/** In order, so that equal states are equal bytes. */
const COUNTS: Codec<Counts> = {
  encode: (counts) => utf8.bytesOf(JSON.stringify([...counts].sort(byText))),
  decode: (bytes) => new Map(JSON.parse(utf8.binaryString(bytes))),
};

export const aggregator = aggregate({
  name: "top_k",
  version: "0.1.0",
  summary: "The most frequent texts of a group, with their counts",
  config: Config,
  state: COUNTS,
  start({ k, max_values: valuesMax }, args) {
    if (k === 0) throw new ConfigErrors([{ path: "k", message: "must be at least 1" }]);
    if (args.fields.length !== 1 || args.fields[0].type.kind !== "utf8") {
      throw ConfigErrors.whole("it takes one text: cast the argument");
    }
    const check = (counts: Counts) => {
      if (counts.size > valuesMax) throw new Error(`more than ${valuesMax} different texts`);
    };
    const notNull = { nullable: false };
    const entry = types.struct([
      field("value", types.utf8, notNull),
      field("count", types.uint64, notNull),
    ]);
    return {
      result: types.list(field("item", entry, notNull)),
      initial: () => new Map(),
      update(states, groups, rows) {
        const texts = rows.utf8("a0");
        for (let row = 0; row < rows.length; row++) {
          if (texts.isNull(row)) continue;
          const counts = states[groups[row]];
          const text = texts.binary(row);
          counts.set(text, (counts.get(text) ?? 0) + 1);
          check(counts);
        }
      },
      merge(counts, others) {
        for (const [text, count] of others) counts.set(text, (counts.get(text) ?? 0) + count);
        check(counts);
        return counts;
      },
      evaluate: (states) =>
        states.map((counts) => {
          // Of two texts that came as often, the smaller one is first.
          const ranked = [...counts].sort((a, b) => b[1] - a[1] || byText(a, b));
          const top = ranked.slice(0, k);
          return top.map(([text, count]) => ({ value: utf8.decodeBinary(text), count }));
        }),
    };
  },
});

/** By their bytes. */
function byText([a]: [string, number], [b]: [string, number]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
