/**
 * Lines for the operator of the pipeline: `log` must be among the `grants` of plugin.toml and be
 * granted by the step. In a test they go to standard error.
 */

/** For the plugin's own author. */
export function debug(message: string): void;
/** Worth knowing. */
export function info(message: string): void;
/** Probably not what was meant. */
export function warn(message: string): void;
/** Something is lost or can't be done. */
export function error(message: string): void;
