/**
 * Thrown by a function for one row, it refuses this row with a code of its own. Any other error
 * refuses the row with the code `failed`.
 */
export class RowError extends Error {
  /**
   * @param code 1 to 64 lower-case letters, digits and underscores
   * @param message for a person
   * @param column the column at fault
   */
  constructor(code: string, message: string, column?: string | null);
  readonly code: string;
  readonly column: string | null;
}

/** One thing in the configuration, or in the input's schema, that a plugin can't work with. */
export interface ConfigError {
  /** A path into the configuration such as `rules[2].when`; empty for the whole. */
  path: string;
  /** What is wrong and what would be right. */
  message: string;
}

/** All that is wrong with a configuration, so that it can be mended in one go. */
export class ConfigErrors extends Error {
  constructor(errors?: ConfigError[]);
  readonly errors: ConfigError[];
  /** One mistake of the whole configuration, or of the input. */
  static whole(message: string): ConfigErrors;
  /** Notes one more mistake. */
  push(path: string, message: string): void;
  /** Throws this if anything was noted. */
  throwIfAny(): void;
}
