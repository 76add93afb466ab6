// In a test the time is the machine's.

export function now() {
  return Date.now() * 1000;
}
