// Large state: maps and lists of a key that are read and written piece by piece.

import * as host from "#host/state";

import { encode } from "./utf8.js";

/** A map of one key, in the order of the bytes of its entries. */
export class LargeMap {
  constructor(key, name, codec) {
    this._key = key;
    this._name = name;
    this._codec = codec;
  }

  get(entry) {
    const value = host.mapGet(this._key, this._name, asEntry(entry));
    return value === null || value === undefined ? undefined : this._codec.decode(value);
  }

  put(entry, value) {
    host.mapPut(this._key, this._name, asEntry(entry), this._codec.encode(value));
  }

  remove(entry) {
    host.mapRemove(this._key, this._name, asEntry(entry));
  }

  scan(after, limit) {
    const from = after === null || after === undefined ? null : asEntry(after);
    const found = host.mapScan(this._key, this._name, from, limit);
    return found.map(([entry, value]) => [entry, this._codec.decode(value)]);
  }
}

/** A list of one key. */
export class LargeList {
  constructor(key, name, codec) {
    this._key = key;
    this._name = name;
    this._codec = codec;
  }

  append(value) {
    host.listAppend(this._key, this._name, this._codec.encode(value));
  }

  range() {
    const [start, end] = host.listRange(this._key, this._name);
    return { start, end };
  }

  read(from, limit) {
    const found = host.listRead(this._key, this._name, from, limit);
    return found.map((value) => this._codec.decode(value));
  }

  remove(before) {
    host.listRemove(this._key, this._name, before);
  }
}

function asEntry(entry) {
  return typeof entry === "string" ? encode(entry) : entry;
}
