import type { Values } from "./build.js";

/** The columns that a port adds, in their order or by their names. */
export type Added = Values[] | { [name: string]: Values };

/**
 * The result of one batch, as it grows. Rows that are neither passed on nor refused are filtered
 * out.
 */
export interface Output {
  /** Passes every input row to `port`, in order, with the columns that the port adds. */
  all(port: string, columns?: Added): void;
  /** Passes the input rows with these numbers, with columns that are as long as `rows`. */
  some(port: string, rows: ArrayLike<number>, columns?: Added): void;
  /**
   * Refuses an input row.
   * @param code 1 to 64 lower-case letters, digits and underscores
   * @param message for a person
   * @param column the column at fault
   */
  error(row: number, code: string, message: string, column?: string | null): void;
  /** Refuses an input row because of what was thrown for it: see RowError. */
  refuse(row: number, thrown: unknown): void;
}
