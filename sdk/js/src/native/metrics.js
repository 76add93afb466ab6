// In a test there is no operator: numbers go to standard error.

export function count(name, amount) {
  console.error(`count ${name} ${amount}`);
}

export function gauge(name, value) {
  console.error(`gauge ${name} ${value}`);
}
