// Numbers for the operator of the pipeline; the step needs `grant = ["metrics"]`.

import * as host from "#host/metrics";

export function count(name, amount) {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new RangeError(`${amount} is no amount: a counter grows by whole numbers`);
  }
  host.count(name, amount);
}

export function gauge(name, value) {
  host.gauge(name, Number(value));
}
