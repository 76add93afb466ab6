// The step's configuration, and the columns that it names.

import { config, ConfigErrors, type Infer, type Schema } from "millrace";

/** The port of rows that are not flagged. */
export const MAIN = "main";

/** `[step.X.config]`. */
export const Config = config.object({
  /** How far back rows count, such as `60s`, `5m`, `24h` or `7d`; in microseconds. */
  within: config.span(),
  /** The column that is summed; without it every row counts as 0. */
  amount: config.text().optional(),
  /** More rows than this within the time are flagged. */
  max_count: config.integer({ min: 0 }).optional(),
  /** A sum above this is flagged. */
  max_sum: config.number().optional(),
  /** The port to which flagged rows go instead of `main`. */
  flagged: config.text().optional(),
});

export type Config = Infer<typeof Config>;

/** Throws what is wrong with the configuration for this input. */
export function check(config: Config, input: Schema) {
  const errors = new ConfigErrors();
  if (config.max_sum !== undefined && config.amount === undefined) {
    errors.push("max_sum", "needs `amount`, the column that is summed");
  }
  if (
    config.flagged !== undefined &&
    config.max_count === undefined &&
    config.max_sum === undefined
  ) {
    errors.push("flagged", "needs a limit: `max_count` or `max_sum`");
  }
  if (config.flagged === MAIN) {
    errors.push("flagged", "must be another port than `main`");
  }
  if (config.amount !== undefined) {
    const type = input.field(config.amount)?.type;
    if (type === undefined) {
      errors.push("amount", `the input has no column \`${config.amount}\``);
    } else if (type.kind !== "float64" && type.kind !== "int64") {
      const cast = "it must be float64 or int64 (SQL can cast)";
      errors.push("amount", `column \`${config.amount}\` is ${type}; ${cast}`);
    }
  }
  errors.throwIfAny();
}
