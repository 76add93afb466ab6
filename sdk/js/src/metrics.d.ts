/**
 * Numbers for the operator of the pipeline: `metrics` must be among the `grants` of plugin.toml
 * and be granted by the step. What a call notes counts once the call has succeeded. Each call
 * crosses to the host: add up first, and call once a batch. In a test they go to standard error.
 *
 * A name has 1 to 64 of a-z, 0-9 and _, and begins with a letter.
 */

/** Adds a whole number to the counter of this name. */
export function count(name: string, amount: number): void;
/** Sets the gauge of this name. */
export function gauge(name: string, value: number): void;
