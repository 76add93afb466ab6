// Write Millrace plugins in JavaScript and TypeScript.

export { Batch } from "./batch.js";
export { columnOf, columnOfBinary } from "./build.js";
export * as clock from "./clock.js";
export * as codec from "./codec.js";
export * as config from "./config.js";
export { ConfigErrors, RowError } from "./errors.js";
export { aggregate, scalar } from "./function.js";
export { keyed } from "./keyed.js";
export * as log from "./log.js";
export * as metrics from "./metrics.js";
export * as random from "./random.js";
export { textSet } from "./text_set.js";
export { transform } from "./transform.js";
export * as types from "./types.js";
export { field, Schema } from "./types.js";
export * as utf8 from "./utf8.js";
