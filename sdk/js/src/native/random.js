// In a test the numbers are the engine's.

export function bytes(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}
