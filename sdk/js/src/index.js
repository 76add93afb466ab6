// Write Millrace plugins in JavaScript and TypeScript.

export { Batch } from "./batch.js";
export { columnOf } from "./build.js";
export * as config from "./config.js";
export { ConfigErrors, RowError } from "./errors.js";
export { Output } from "./output.js";
export { textSet } from "./text_set.js";
export { transform } from "./transform.js";
export * as types from "./types.js";
export { field, Schema } from "./types.js";
