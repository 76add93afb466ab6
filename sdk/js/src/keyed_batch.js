// The rows and timers of some keys, in the order in which they must be handled.

import { json, StateWriter } from "./codec.js";
import { LargeList, LargeMap } from "./large.js";

/** Bytes that a key may need more than before. */
const NEW_STATE = 64;
/** How values of large state are kept unless it is said otherwise. */
const JSON_CODEC = json();
/** No number can be after it: a processing timer has no place in the order of times. */
const U32_MAX = 4294967295;

/**
 * Goes through the rows and timers, key by key; between two calls of `next` everything else here
 * is about the current key.
 */
export class KeyedBatch {
  constructor({ rows, keys, times, starts, states, due, codec }) {
    this.rows = rows;
    this.keys = keys;
    /** Number of the current key. */
    this.key = -1;
    this._times = times;
    /** Without it rows come as they arrive, and have no times. */
    this._timed = times.length > 0;
    this._starts = starts;
    this._keyCount = starts.length;
    this._rowCount = rows.length;
    this._stored = states;
    this._codec = codec;
    this._due = due;
    this._dueCount = due.length;
    /** The first of `due` that is beyond the current key. */
    this._nextDue = 0;
    this._row = 0;
    this._rowsEnd = 0;
    /** Whether the key has timers, which may come between its rows. */
    this._timers = false;
    /** The end of its rows if there are no timers, or 0. */
    this._plainEnd = 0;
    /** The host's timers of the key that are left. */
    this._dueLeft = [];
    /** What the plugin has set and what has not come due since: ids and changes. */
    this._set = new Map();
    /** The time of what is being handled. */
    this._now = null;
    this._state = undefined;
    this._read = false;
    this._changed = false;
    this._rowEvent = { kind: "row", row: 0, time: null };
    this._timerEvent = { kind: "timer", id: 0, clock: "event", at: 0 };
    this._changedKeys = new Uint32Array(starts.length);
    // Most states grow a little or not at all.
    this._states = new StateWriter(starts.length, states.data.length + NEW_STATE * starts.length);
    this._changes = [];
  }

  keyRow() {
    return this._rowCount + this.key;
  }

  next() {
    for (;;) {
      const row = this._row;
      if (row < this._plainEnd) {
        this._row = row + 1;
        const event = this._rowEvent;
        event.row = row;
        if (this._timed) this._now = event.time = this._times[row];
        return event;
      }
      if (this._timers) {
        const event = this._nextOfKey();
        if (event !== null) return event;
      }
      if (this.key >= 0) this._endKey();
      if (this.key + 1 >= this._keyCount) {
        this.key = this._keyCount;
        return null;
      }
      this._beginKey(this.key + 1);
    }
  }

  state() {
    if (!this._read) {
      this._read = true;
      const { key, _stored: stored } = this;
      if (stored.nullCount === 0 || stored.isValid(key)) {
        this._state = this._codec.decode(stored.bytes(key));
      }
    }
    return this._state;
  }

  setState(state) {
    this._state = state;
    this._read = true;
    this._changed = true;
  }

  clear() {
    this.setState(undefined);
  }

  setTimer(id, at) {
    const earliest = this._now === null ? at : this._now + 1;
    this._change(id, { tag: "event-time", val: Math.max(whole("time", at), earliest) });
  }

  setProcessingTimer(id, delay) {
    if (delay < 0) throw new RangeError(`${delay} microseconds are no delay`);
    this._change(id, { tag: "processing-time", val: whole("delay", delay) });
  }

  cancelTimer(id) {
    this._change(id, { tag: "cancel" });
  }

  map(name, codec = JSON_CODEC) {
    return new LargeMap(this.key, name, codec);
  }

  list(name, codec = JSON_CODEC) {
    return new LargeList(this.key, name, codec);
  }

  /** What there is to be kept, once `next` has come to its end. */
  finish() {
    if (this.next() !== null) throw new Error("`process` returned before it had handled all rows");
    return {
      changed: this._changedKeys.subarray(0, this._states.count),
      states: this._states.finish(),
      timers: this._changes,
    };
  }

  _timerOf(id, clock, at) {
    const event = this._timerEvent;
    event.id = id;
    event.clock = clock;
    event.at = at;
    return event;
  }

  _beginKey(key) {
    this.key = key;
    this._row = this._starts[key];
    this._rowsEnd = key + 1 < this._keyCount ? this._starts[key + 1] : this._rowCount;
    this._plainEnd = this._rowsEnd;
    this._now = null;
    this._state = undefined;
    this._read = false;
    while (this._nextDue < this._dueCount && this._due[this._nextDue].key === key) {
      this._dueLeft.push(this._due[this._nextDue++]);
      this._timers = true;
      this._plainEnd = 0;
    }
  }

  _endKey() {
    if (this._changed) {
      this._changed = false;
      const states = this._states;
      this._changedKeys[states.count] = this.key;
      if (this._state === undefined) states.pushNull();
      else states.push(this._codec.encode(this._state));
    }
    if (this._timers) {
      this._timers = false;
      for (const [id, change] of this._set) {
        this._changes.push({ key: this.key, id: id | 0, change });
      }
      this._set.clear();
      this._dueLeft.length = 0;
    }
  }

  _nextOfKey() {
    const row = this._row < this._rowsEnd ? this._row : null;
    const time = row !== null && this._timed ? this._times[row] : null;
    const due = this._dueLeft.length > 0 ? this._dueLeft[0] : null;
    const processing = due !== null && due.clock === "processing";
    // What the host knows comes first if it has no place in the order of times.
    const dueFirst = due !== null && (processing || time === null || due.at <= time);
    const limit = dueFirst ? due.at : time;
    if (!(processing && dueFirst) && limit !== null) {
      const set = this._earliestSet();
      const limitId = dueFirst ? due.id : U32_MAX;
      if (set !== null && (set.at < limit || (set.at === limit && set.id <= limitId))) {
        // The host may still know an older time of it.
        this._set.set(set.id, { tag: "cancel" });
        this._now = set.at;
        return this._timerOf(set.id, "event", set.at);
      }
    }
    if (dueFirst) {
      this._dueLeft.shift();
      if (!processing) this._now = due.at;
      return this._timerOf(due.id, due.clock, due.at);
    }
    if (row === null) return null;
    this._row = row + 1;
    const event = this._rowEvent;
    event.row = row;
    if (this._timed) this._now = event.time = time;
    return event;
  }

  _change(id, change) {
    if (!(Number.isInteger(id) && id >= 0 && id <= U32_MAX)) {
      throw new RangeError(`${id} is no timer: ids are 0 to ${U32_MAX}`);
    }
    if (this._dueLeft.length > 0) this._dueLeft = this._dueLeft.filter((due) => due.id !== id);
    this._set.set(id, change);
    this._timers = true;
    this._plainEnd = 0;
  }

  /** The timer in event time that the plugin has set for the earliest time. */
  _earliestSet() {
    let earliest = null;
    for (const [id, { tag, val }] of this._set) {
      if (tag !== "event-time") continue;
      if (earliest === null || val < earliest.at || (val === earliest.at && id < earliest.id)) {
        earliest = { id, at: val };
      }
    }
    return earliest;
  }
}

function whole(what, value) {
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${value} is no ${what}: it must be a whole number of microseconds`);
}
