// Counts the rows of each key, and forgets a key that has been silent for an hour.

import { config, field, keyed, types } from "millrace";

const HOUR = 3_600_000_000;
/** The timer that forgets a key. */
const FORGET = 0;

export const keyedTransformer = keyed({
  name: "plugin_name",
  version: "0.1.0",
  summary: "plugin_summary",
  config: config.object({ limit: config.integer({ min: 0 }) }),
  // What is remembered of a key is a number, kept as JSON. After a change of what it is, count up.
  stateVersion: 1,
  start({ limit }) {
    const adds = [
      field("count", types.uint64, { nullable: false }),
      field("above", types.boolean, { nullable: false }),
    ];
    return {
      ports: { main: { adds } },
      process(batch, out) {
        const rows = [];
        const count = [];
        const above = [];
        for (let event = batch.next(); event !== null; event = batch.next()) {
          if (event.kind === "timer") {
            batch.clear();
            continue;
          }
          const counted = (batch.state() ?? 0) + 1;
          batch.setState(counted);
          rows.push(event.row);
          count.push(counted);
          above.push(counted > limit);
          if (event.time !== null) batch.setTimer(FORGET, event.time + HOUR);
        }
        out.some("main", rows, { count, above });
      },
    };
  },
});
