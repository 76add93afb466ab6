// How states and values are kept as bytes.

import { decode, encode } from "./utf8.js";

/** Any value that JSON can write. */
export function json() {
  return {
    encode: (value) => encode(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(decode(bytes)),
  };
}

/** Text in UTF-8. */
export function text() {
  return { encode, decode };
}

/** Bytes as they are. What is decoded may be kept. */
export function bytes() {
  return { encode: (value) => value, decode: (bytes) => bytes.slice() };
}

/** Floating-point numbers, eight bytes each, as a Float64Array. */
export function numbers() {
  return {
    encode: ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    decode: (bytes) => new Float64Array(bytes.slice().buffer),
  };
}

/**
 * States on their way to the host, at most `room` of them, one after the other in one buffer, which
 * has so many bytes at first.
 */
export class StateWriter {
  constructor(room, bytes = 1024) {
    this.count = 0;
    this._offsets = new Int32Array(room + 1);
    this._missing = [];
    this._data = new Uint8Array(bytes);
    this._dataRoom = bytes;
    this._end = 0;
  }

  push(bytes) {
    const start = this._end;
    const end = start + bytes.length;
    if (end > this._dataRoom) this._grow(end);
    this._data.set(bytes, start);
    this._end = end;
    this._offsets[++this.count] = end;
  }

  pushNull() {
    this._missing.push(this.count);
    this._offsets[++this.count] = this._end;
  }

  /** All of them as one column that crosses. */
  finish() {
    const { count } = this;
    let validity = new Uint8Array(0);
    if (this._missing.length > 0) {
      validity = new Uint8Array((count + 7) >> 3);
      for (let at = 0; at < count; at++) validity[at >> 3] |= 1 << (at & 7);
      for (const at of this._missing) validity[at >> 3] &= ~(1 << (at & 7));
    }
    const offsets = new Uint8Array(this._offsets.buffer, 0, 4 * (count + 1));
    return {
      nodes: [{ length: count, nullCount: this._missing.length }],
      buffers: [validity, offsets, this._data.subarray(0, this._end)],
    };
  }

  _grow(length) {
    this._dataRoom = Math.max(length, 2 * this._dataRoom);
    const data = new Uint8Array(this._dataRoom);
    data.set(this._data.subarray(0, this._end));
    this._data = data;
  }
}
