/**
 * The time: `clock` must be among the `grants` of plugin.toml and be granted by the step. Output
 * that depends on it may differ when a row comes again after a failure.
 */

/** Microseconds since 1970, UTC. */
export function now(): number;
