// Masks all but the last characters of a text.

import { config, ConfigErrors, RowError, scalar, types } from "millrace";

export const scalarFunction = scalar({
  name: "plugin_name",
  version: "0.1.0",
  summary: "plugin_summary",
  /** How many characters stay. */
  config: config.object({ keep: config.integer({ min: 0 }) }),
  start({ keep }, args) {
    if (args.fields.map((f) => f.type.kind).join() !== "utf8") {
      throw ConfigErrors.whole("it takes one text: cast the argument");
    }
    return {
      result: types.utf8,
      value(text) {
        if (text === null) return null;
        const characters = [...text];
        const hidden = Math.max(characters.length - keep, 0);
        if (hidden === 0) throw new RowError("too_short", "masking would hide nothing");
        return "*".repeat(hidden) + characters.slice(hidden).join("");
      },
    };
  },
});
