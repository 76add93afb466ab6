// What a plugin says of itself.

import "#host/guard";

import { flatten, Schema, unflatten } from "./types.js";

export function aboutOf({ name, version, summary }) {
  if (![name, version, summary].every((text) => typeof text === "string")) {
    throw new TypeError("a plugin has a name, a version and a summary");
  }
  return { name, version, summary };
}

/** The configuration as the plugin wants it, from JSON. */
export function parseConfig({ config }, json) {
  const value = JSON.parse(json);
  return config === undefined ? value : config.parse(value);
}

export function schemaOf(flat) {
  return new Schema(unflatten(flat));
}

/** The ports of a description, each with its name and all of its parts. */
export function portsOf({ ports = { main: {} } }) {
  return Object.entries(ports).map(([name, { adds = [], drops = [] }]) => ({ name, adds, drops }));
}

export function witPorts(ports) {
  return ports.map(({ name, adds, drops }) => ({ name, adds: flatten(adds), drops: [...drops] }));
}
