// Types of columns, fields and schemas, and how they cross the boundary.

const ARROW_NAMES = {
  boolean: "Boolean",
  int8: "Int8",
  int16: "Int16",
  int32: "Int32",
  int64: "Int64",
  uint8: "UInt8",
  uint16: "UInt16",
  uint32: "UInt32",
  uint64: "UInt64",
  float32: "Float32",
  float64: "Float64",
  decimal128: "Decimal128",
  utf8: "Utf8",
  binary: "Binary",
  fixedSizeBinary: "FixedSizeBinary",
  date32: "Date32",
  time64: "Time64(µs)",
  timestamp: "Timestamp(µs)",
  duration: "Duration(µs)",
  list: "List",
  struct: "Struct",
  map: "Map",
};

/** What the contract calls the kinds whose names differ. */
const TAGS = {
  fixedSizeBinary: "fixed-size-binary",
  list: "list-of",
  struct: "struct-of",
  map: "map-of",
};
const KINDS = Object.fromEntries(Object.entries(TAGS).map(([kind, tag]) => [tag, kind]));

class DataType {
  constructor(kind, details) {
    this.kind = kind;
    Object.assign(this, details);
    Object.freeze(this);
  }

  toString() {
    const name = ARROW_NAMES[this.kind];
    switch (this.kind) {
      case "decimal128":
        return `${name}(${this.precision}, ${this.scale})`;
      case "fixedSizeBinary":
        return `${name}(${this.width})`;
      case "timestamp":
        return this.timezone === null ? name : `Timestamp(µs, "${this.timezone}")`;
      case "list":
        return `${name}(${this.item.type})`;
      case "struct":
        return `${name}(${this.fields.map((f) => `"${f.name}": ${f.type}`).join(", ")})`;
      case "map":
        return `${name}(${this.entries.type.fields.map((f) => f.type).join(", ")})`;
      default:
        return name;
    }
  }
}

export const boolean = new DataType("boolean");
export const int8 = new DataType("int8");
export const int16 = new DataType("int16");
export const int32 = new DataType("int32");
export const int64 = new DataType("int64");
export const uint8 = new DataType("uint8");
export const uint16 = new DataType("uint16");
export const uint32 = new DataType("uint32");
export const uint64 = new DataType("uint64");
export const float32 = new DataType("float32");
export const float64 = new DataType("float64");
export const utf8 = new DataType("utf8");
export const binary = new DataType("binary");
export const date32 = new DataType("date32");
export const time64 = new DataType("time64");
export const duration = new DataType("duration");

export function timestamp(timezone = null) {
  return new DataType("timestamp", { timezone });
}

export function decimal128(precision, scale) {
  return new DataType("decimal128", { precision, scale });
}

export function fixedSizeBinary(width) {
  return new DataType("fixedSizeBinary", { width });
}

export function list(item) {
  return new DataType("list", { item: asField("item", item) });
}

export function struct(fields) {
  return new DataType("struct", { fields: Object.freeze([...fields]) });
}

export function map(key, value) {
  const fields = [asField("keys", key, false), asField("values", value)];
  return new DataType("map", { entries: field("entries", struct(fields), { nullable: false }) });
}

function asField(name, typeOrField, nullable = true) {
  return typeOrField instanceof DataType ? field(name, typeOrField, { nullable }) : typeOrField;
}

export function field(name, type, { nullable = true } = {}) {
  if (!(type instanceof DataType)) {
    throw new TypeError(`the field \`${name}\` needs a type, such as types.float64`);
  }
  return Object.freeze({ name, type, nullable });
}

export function sameType(left, right) {
  if (left === right) return true;
  if (left.kind !== right.kind) return false;
  switch (left.kind) {
    case "decimal128":
      return left.precision === right.precision && left.scale === right.scale;
    case "fixedSizeBinary":
      return left.width === right.width;
    case "timestamp":
      return left.timezone === right.timezone;
    case "list":
      return sameType(left.item.type, right.item.type);
    case "map":
      return sameType(left.entries.type, right.entries.type);
    case "struct": {
      const same = (f, at) =>
        f.name === right.fields[at].name && sameType(f.type, right.fields[at].type);
      return left.fields.length === right.fields.length && left.fields.every(same);
    }
    default:
      return true;
  }
}

export class Schema {
  constructor(fields) {
    this.fields = Object.freeze([...fields]);
  }

  get names() {
    return this.fields.map((f) => f.name);
  }

  field(name) {
    return this.fields.find((f) => f.name === name);
  }

  /** The fields with these names, in this order. */
  select(names) {
    return new Schema(
      names.map((name) => {
        const found = this.field(name);
        if (found === undefined) {
          throw new Error(`the plugin reads \`${name}\`, which its input does not have`);
        }
        return found;
      }),
    );
  }
}

/** Fields as the contract's flat list, depth first. */
export function flatten(fields, flat = []) {
  for (const { name, type, nullable } of fields) {
    const children = childrenOf(type);
    flat.push({ name, dataType: toWit(type), nullable, children: children.length });
    flatten(children, flat);
  }
  return flat;
}

/** The fields of a flat list. */
export function unflatten(flat) {
  let at = 0;
  const take = (count) => {
    const fields = [];
    for (let i = 0; i < count; i++) {
      const { name, dataType, nullable, children } = flat[at++];
      fields.push(field(name, fromWit(dataType, take(children)), { nullable }));
    }
    return fields;
  };
  const fields = [];
  while (at < flat.length) fields.push(take(1)[0]);
  return fields;
}

export function childrenOf(type) {
  switch (type.kind) {
    case "list":
      return [type.item];
    case "struct":
      return type.fields;
    case "map":
      return [type.entries];
    default:
      return [];
  }
}

function toWit(type) {
  const tag = TAGS[type.kind] ?? type.kind;
  switch (type.kind) {
    case "decimal128":
      return { tag, val: { precision: type.precision, scale: type.scale } };
    case "fixedSizeBinary":
      return { tag, val: type.width };
    case "timestamp":
      return { tag, val: type.timezone };
    default:
      return { tag };
  }
}

function fromWit({ tag, val }, children) {
  const kind = KINDS[tag] ?? tag;
  switch (kind) {
    case "decimal128":
      return decimal128(val.precision, val.scale);
    case "fixedSizeBinary":
      return fixedSizeBinary(val);
    case "timestamp":
      return timestamp(val ?? null);
    case "list":
      return list(children[0]);
    case "struct":
      return struct(children);
    case "map":
      return new DataType("map", { entries: children[0] });
    default:
      return new DataType(kind);
  }
}
