// Marks rows whose amount is above a limit.

import { config, field, transform, types } from "millrace";

export const transformer = transform({
  name: "plugin_name",
  version: "0.1.0",
  summary: "plugin_summary",
  config: config.object({ limit: config.number() }),
  start({ limit }) {
    return {
      reads: ["amount"],
      ports: { main: { adds: [field("large", types.boolean)] } },
      process(batch, out) {
        const amount = batch.float64("amount");
        const large = new Array<boolean | null>(batch.length);
        for (let row = 0; row < batch.length; row++) {
          large[row] = amount.isNull(row) ? null : amount.values[row] > limit;
        }
        out.all("main", { large });
      },
    };
  },
});
