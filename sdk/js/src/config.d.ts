/** What a step's configuration must look like. Every mistake in it is named with its place. */
export interface Shape<T> {
  /** The value may be missing, and is then undefined. */
  optional(): Optional<T | undefined>;
  /** What stands for a missing value. */
  default(value: T): Optional<T>;
  /** Also checks or changes the value: returns it, or throws an Error that says why not. */
  map<U>(change: (value: T) => U): Shape<U>;
  /** The value, checked. Throws ConfigErrors. */
  parse(value: unknown): T;
}

/** A shape whose value may be missing from an object. */
export interface Optional<T> extends Shape<T> {
  readonly fallback: () => T;
}

/** The type of what a shape reads. */
export type Infer<S> = S extends Shape<infer T> ? T : never;

export function number(): Shape<number>;
/** A whole number from `min` to `max`, both included. */
export function integer(range?: { min?: number; max?: number }): Shape<number>;
export function text(): Shape<string>;
export function boolean(): Shape<boolean>;
/** One of these words. */
export function choice<W extends string>(...words: W[]): Shape<W>;
export function list<T>(item: Shape<T>): Shape<T[]>;
/** A table of any names, all with values of one shape, in the order of the file. */
export function table<T>(item: Shape<T>): Shape<Map<string, T>>;
/** A table of these names, and no others. */
export function object<S extends { [name: string]: Shape<any> }>(
  shapes: S,
): Shape<{ [N in keyof S]: Infer<S[N]> }>;
/** A time span above 0 such as `500ms`, `60s`, `5m`, `24h` or `7d`, in microseconds. */
export function span(): Shape<number>;
