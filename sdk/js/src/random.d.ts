/**
 * Random numbers: `random` must be among the `grants` of plugin.toml and be granted by the step.
 * Output that depends on them may differ when a row comes again after a failure.
 */

/** So many random bytes, at most 65,536. */
export function bytes(length: number): Uint8Array;
/** A random integer of 64 bits, each of them as likely as any other. */
export function number(): bigint;
/** A random number from 0 to 1, which is not reached. */
export function fraction(): number;
