// The longest text of a group.

import { aggregate, config, ConfigErrors, types } from "millrace";

export const aggregator = aggregate({
  name: "plugin_name",
  version: "0.1.0",
  summary: "plugin_summary",
  config: config.object({}),
  // What is kept of a group's rows is a text or null, as JSON. After a change of that, count up.
  stateVersion: 1,
  start(_, args) {
    if (args.fields.map((f) => f.type.kind).join() !== "utf8") {
      throw ConfigErrors.whole("it takes one text: cast the argument");
    }
    return {
      result: types.utf8,
      initial: () => null,
      update(states, groups, rows) {
        const texts = rows.utf8("a0");
        for (let row = 0; row < rows.length; row++) {
          states[groups[row]] = longer(states[groups[row]], texts.get(row));
        }
      },
      merge: longer,
      evaluate: (states) => states,
    };
  },
});

/** Of two of one length the smaller one: the result must not depend on their order. */
function longer(left, right) {
  if (left === null || right === null) return left ?? right;
  if (left.length !== right.length) return left.length > right.length ? left : right;
  return left < right ? left : right;
}
