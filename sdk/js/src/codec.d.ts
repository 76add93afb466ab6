/**
 * How a state or value is kept as bytes. `decode` gets a view of the host's bytes that holds until
 * `process` returns. A key's state is decoded at most once, and encoded before that of the next
 * key is decoded; what `encode` returns is copied at once.
 */
export interface Codec<S> {
  encode(value: S): Uint8Array;
  decode(bytes: Uint8Array): S;
}

/** Any value that JSON can write. What a state is kept as unless it is said otherwise. */
export function json<S = any>(): Codec<S>;

/** Text in UTF-8. */
export function text(): Codec<string>;

/** Bytes as they are. */
export function bytes(): Codec<Uint8Array>;

/** Floating-point numbers, eight bytes each. */
export function numbers(): Codec<Float64Array>;
