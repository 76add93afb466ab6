import type { Column } from "./column.js";
import type { DataType } from "./types.js";

/**
 * What a column can be made of: a column of the same type, a typed array of the type's own kind,
 * both of which are taken without a copy, or an array with null or undefined for what is missing.
 * An array has booleans, numbers or bigints (decimals as bigints, times 10 to the power of their
 * scale), strings, Uint8Arrays, arrays for lists, objects for structs, and for maps a Map, pairs
 * or an object.
 */
export type Values = Column | ArrayLike<unknown>;

/** A column of this type. Throws what is not of the type. */
export function columnOf(type: DataType, values: Values): Column;

/**
 * A column of texts or bytes from binary strings, which have a character for each byte; null for
 * what is missing. Those of texts must be UTF-8.
 */
export function columnOfBinary(type: DataType, binaries: ArrayLike<string | null>): Column;
