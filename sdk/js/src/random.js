// Random numbers; the step needs `grant = ["random"]`.

import * as host from "#host/random";

const BYTES_MAX = 65_536;

export function bytes(length) {
  if (!(Number.isInteger(length) && length >= 0 && length <= BYTES_MAX)) {
    throw new RangeError(`${length} random bytes at once: at most ${BYTES_MAX}`);
  }
  return host.bytes(length);
}

/** From bytes: a number that crosses has 53 bits that count, and not 64. */
export function number() {
  return new BigUint64Array(host.bytes(8).slice().buffer)[0];
}

export function fraction() {
  const [low, high] = new Uint32Array(host.bytes(8).slice().buffer);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}
