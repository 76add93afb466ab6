// In a test there is no operator: lines go to standard error.

export function log(level, message) {
  console.error(`${level} ${message}`);
}
