/** Write Millrace plugins in JavaScript and TypeScript. */

export { Batch, type Row } from "./batch.js";
export { columnOf, columnOfBinary, type Values } from "./build.js";
export * as clock from "./clock.js";
export * as codec from "./codec.js";
export type { Codec } from "./codec.js";
export type * from "./column.js";
export * as config from "./config.js";
export type { Infer, Shape } from "./config.js";
export type { Port } from "./describe.js";
export { type ConfigError, ConfigErrors, RowError } from "./errors.js";
export {
  type Aggregate,
  aggregate,
  type AggregateDescription,
  type Aggregator,
  type Errors,
  type Scalar,
  scalar,
  type ScalarDescription,
  type ScalarFunction,
} from "./function.js";
export {
  type Keyed,
  keyed,
  type KeyedBatch,
  type KeyedDescription,
  type KeyedTransformer,
  type LargeList,
  type LargeMap,
  type RowEvent,
  type TimerEvent,
} from "./keyed.js";
export * as log from "./log.js";
export * as metrics from "./metrics.js";
export type { Added, Output } from "./output.js";
export * as random from "./random.js";
export { type TextSet, textSet } from "./text_set.js";
export {
  type Description,
  type Emit,
  type Transform,
  transform,
  type Transformer,
} from "./transform.js";
export * as types from "./types.js";
export { type DataType, type Field, field, Schema } from "./types.js";
export * as utf8 from "./utf8.js";
