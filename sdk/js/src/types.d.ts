/** Types of columns, fields and schemas. */

export type Kind =
  | "boolean"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float32"
  | "float64"
  | "decimal128"
  | "utf8"
  | "binary"
  | "fixedSizeBinary"
  | "date32"
  | "time64"
  | "timestamp"
  | "duration"
  | "list"
  | "struct"
  | "map";

/** A type without details. */
interface Plain<K extends Kind> {
  readonly kind: K;
  /** As Arrow calls it, such as `Float64`. */
  toString(): string;
}

export type DataType =
  | Plain<Exclude<Kind, "decimal128" | "fixedSizeBinary" | "timestamp" | "list" | "struct" | "map">>
  | Decimal128
  | FixedSizeBinary
  | Timestamp
  | List
  | Struct
  | MapType;

/** Digits before and after the point, of which `scale` are after it. */
export interface Decimal128 extends Plain<"decimal128"> {
  readonly precision: number;
  readonly scale: number;
}

/** Bytes, always `width` of them. */
export interface FixedSizeBinary extends Plain<"fixedSizeBinary"> {
  readonly width: number;
}

/** Microseconds since 1970, UTC, with the zone in which to show it; null for a local time. */
export interface Timestamp extends Plain<"timestamp"> {
  readonly timezone: string | null;
}

export interface List extends Plain<"list"> {
  readonly item: Field;
}

export interface Struct extends Plain<"struct"> {
  readonly fields: readonly Field[];
}

/** Pairs of keys and values: the two fields of the struct `entries`. */
export interface MapType extends Plain<"map"> {
  readonly entries: Field & { readonly type: Struct };
}

export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

/** A field. It may be null unless `nullable` is false. */
export function field(name: string, type: DataType, options?: { nullable?: boolean }): Field;

/** The fields of rows, in order. */
export class Schema {
  constructor(fields: Iterable<Field>);
  readonly fields: readonly Field[];
  readonly names: string[];
  /** The field of this name, if there is one. */
  field(name: string): Field | undefined;
  /** The fields of these names, in this order. Throws if one is missing. */
  select(names: Iterable<string>): Schema;
}

export const boolean: Plain<"boolean">;
export const int8: Plain<"int8">;
export const int16: Plain<"int16">;
export const int32: Plain<"int32">;
export const int64: Plain<"int64">;
export const uint8: Plain<"uint8">;
export const uint16: Plain<"uint16">;
export const uint32: Plain<"uint32">;
export const uint64: Plain<"uint64">;
export const float32: Plain<"float32">;
export const float64: Plain<"float64">;
/** Text. */
export const utf8: Plain<"utf8">;
/** Bytes. */
export const binary: Plain<"binary">;
/** Days since 1970-01-01. */
export const date32: Plain<"date32">;
/** Microseconds since midnight. */
export const time64: Plain<"time64">;
/** Microseconds. */
export const duration: Plain<"duration">;
/** Microseconds since 1970, to be shown in this time zone; without one, a local time. */
export function timestamp(timezone?: string | null): Timestamp;
/** 1 to 38 digits, `scale` of them after the point. */
export function decimal128(precision: number, scale: number): Decimal128;
export function fixedSizeBinary(width: number): FixedSizeBinary;
/** A list of values of a type, which may be null, or of a field. */
export function list(item: DataType | Field): List;
export function struct(fields: Iterable<Field>): Struct;
/** Keys, which are never null, with their values. */
export function map(key: DataType | Field, value: DataType | Field): MapType;

/** Whether two types are the same, names of the fields of structs included. */
export function sameType(left: DataType, right: DataType): boolean;
