// What a step's configuration must look like: it is checked as a whole, and every mistake is
// named with its place.

import { ConfigErrors } from "./errors.js";

/** What is wanted of a value. `read` returns it, or notes in `errors` what is wrong. */
class Shape {
  constructor(read, fallback) {
    this.read = read;
    this.fallback = fallback;
  }

  optional() {
    return new Shape(
      (value, path, errors) => {
        return value === null ? undefined : this.read(value, path, errors);
      },
      () => undefined,
    );
  }

  default(value) {
    return new Shape(this.read, () => value);
  }

  /** Also checks or changes the value: `change` returns it, or throws an Error that says why not. */
  map(change) {
    return new Shape((value, path, errors) => {
      const before = errors.errors.length;
      const read = this.read(value, path, errors);
      if (errors.errors.length > before) return undefined;
      try {
        return change(read);
      } catch (thrown) {
        errors.push(path, thrown.message);
        return undefined;
      }
    }, this.fallback);
  }

  /** The value, checked. Throws ConfigErrors. */
  parse(value) {
    const errors = new ConfigErrors();
    const read = this.read(value, "", errors);
    errors.throwIfAny();
    return read;
  }
}

export function number() {
  return scalar("number", "a number");
}

export function integer({ min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = {}) {
  return new Shape((value, path, errors) => {
    if (!Number.isInteger(value)) {
      errors.push(path, `invalid type: ${found(value)}, expected an integer`);
    } else if (value < min || value > max) {
      errors.push(path, `invalid value: integer \`${value}\`, expected ${min} to ${max}`);
    }
    return value;
  });
}

export function text() {
  return scalar("string", "a string");
}

export function boolean() {
  return scalar("boolean", "a boolean");
}

function scalar(type, expected) {
  return new Shape((value, path, errors) => {
    if (typeof value !== type) {
      errors.push(path, `invalid type: ${found(value)}, expected ${expected}`);
    }
    return value;
  });
}

export function choice(...words) {
  return new Shape((value, path, errors) => {
    if (typeof value !== "string") {
      errors.push(path, `invalid type: ${found(value)}, expected a string`);
    } else if (!words.includes(value)) {
      errors.push(path, `unknown variant \`${value}\`, expected ${anyOf(words)}`);
    }
    return value;
  });
}

export function list(item) {
  return new Shape((value, path, errors) => {
    if (Array.isArray(value)) return value.map((v, at) => item.read(v, `${path}[${at}]`, errors));
    errors.push(path, `invalid type: ${found(value)}, expected a list`);
    return [];
  });
}

/** A table of any names, all with values of one shape, as a Map in the order of the file. */
export function table(item) {
  return new Shape((value, path, errors) => {
    if (isTable(value)) {
      const entry = ([name, v]) => [name, item.read(v, within(path, name), errors)];
      return new Map(Object.entries(value).map(entry));
    }
    errors.push(path, `invalid type: ${found(value)}, expected a table`);
    return new Map();
  });
}

/** A table of these names, and no others. */
export function object(shapes) {
  const names = Object.keys(shapes);
  return new Shape((value, path, errors) => {
    const read = {};
    if (!isTable(value)) {
      errors.push(path, `invalid type: ${found(value)}, expected a table`);
      return read;
    }
    for (const name of Object.keys(value)) {
      if (!names.includes(name)) {
        const expected = names.length === 0 ? "there are no fields" : `expected ${anyOf(names)}`;
        errors.push(path, `unknown field \`${name}\`, ${expected}`);
      }
    }
    for (const name of names) {
      const shape = shapes[name];
      if (Object.hasOwn(value, name)) {
        read[name] = shape.read(value[name], within(path, name), errors);
      } else if (shape.fallback !== undefined) {
        read[name] = shape.fallback();
      } else {
        errors.push(path, `missing field \`${name}\``);
      }
    }
    return read;
  });
}

const UNITS = { ms: 1e3, s: 1e6, m: 60e6, min: 60e6, h: 3600e6, d: 86400e6 };

/** A time span above 0 such as `500ms`, `60s`, `5m`, `24h` or `7d`, in microseconds. */
export function span() {
  return text().map((value) => {
    const [, digits, unit] = /^(\d+)\s*(\w+)\s*$/.exec(value) ?? [];
    const microseconds = Number(digits) * UNITS[unit];
    if (!(microseconds > 0 && microseconds <= Number.MAX_SAFE_INTEGER)) {
      throw new Error(`\`${value}\` is no time span: write 500ms, 60s, 5m, 24h or 7d`);
    }
    return microseconds;
  });
}

function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function within(path, name) {
  return path === "" ? name : `${path}.${name}`;
}

function found(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "sequence";
  switch (typeof value) {
    case "string":
      return `string ${JSON.stringify(value)}`;
    case "number":
      return Number.isInteger(value) ? `integer \`${value}\`` : `floating point \`${value}\``;
    case "boolean":
      return `boolean \`${value}\``;
    default:
      return "map";
  }
}

function anyOf(words) {
  const quoted = words.map((word) => `\`${word}\``);
  if (quoted.length === 1) return quoted[0];
  if (quoted.length === 2) return quoted.join(" or ");
  return `one of ${quoted.join(", ")}`;
}
