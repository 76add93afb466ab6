// Lines for the operator of the pipeline; the step needs `grant = ["log"]`.

import { log } from "#host/log";

export function debug(message) {
  log("debug", text(message));
}

export function info(message) {
  log("info", text(message));
}

export function warn(message) {
  log("warn", text(message));
}

export function error(message) {
  log("error", text(message));
}

function text(message) {
  return String(message).toWellFormed();
}
