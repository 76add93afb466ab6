// Large state in memory, where there is no host: for tests.

/** Maps and lists by key and name, and the number in them of each key of the batch at hand. */
let memory = null;
let keys = [];

/** From now on, key `k` of a batch is key `numbers[k]` of this memory, which a Map is. */
export function use(map, numbers) {
  memory = map;
  keys = numbers;
}

export function mapGet(key, name, entry) {
  return find("map", key, name).get(order(entry))?.[1] ?? null;
}

export function mapPut(key, name, entry, value) {
  find("map", key, name).set(order(entry), [entry.slice(), value.slice()]);
}

export function mapRemove(key, name, entry) {
  find("map", key, name).delete(order(entry));
}

export function mapScan(key, name, after, limit) {
  const entries = [...find("map", key, name)].sort(([a], [b]) => (a < b ? -1 : 1));
  const from = after === null ? entries : entries.filter(([at]) => at > order(after));
  return from.slice(0, limit).map(([, pair]) => pair);
}

export function listAppend(key, name, value) {
  find("list", key, name).values.push(value.slice());
}

export function listRange(key, name) {
  const { first, values } = find("list", key, name);
  return [first, first + values.length];
}

export function listRead(key, name, from, limit) {
  const { first, values } = find("list", key, name);
  const start = Math.max(from - first, 0);
  return values.slice(start, start + limit);
}

export function listRemove(key, name, before) {
  const list = find("list", key, name);
  const gone = Math.min(Math.max(before - list.first, 0), list.values.length);
  list.values.splice(0, gone);
  list.first += gone;
}

function find(kind, key, name) {
  if (memory === null || !(key in keys)) throw new Error("large state is there in `process` alone");
  const id = `${kind} ${keys[key]} ${name}`;
  if (!memory.has(id)) memory.set(id, kind === "map" ? new Map() : { first: 0, values: [] });
  return memory.get(id);
}

/** A text that sorts as the bytes do. */
function order(entry) {
  return Array.from(entry, (byte) => String.fromCharCode(byte)).join("");
}
