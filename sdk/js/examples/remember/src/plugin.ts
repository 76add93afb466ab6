// A keyed plugin that does with state, timers and large state what its rows say, for tests of
// SDKs. README.md of the plugin in Rust says what each row may ask for.

import {
  codec,
  type Codec,
  config,
  ConfigErrors,
  type DataType,
  field,
  keyed,
  type KeyedBatch,
  type Output,
  RowError,
  type TimerEvent,
  types,
  utf8,
} from "millrace";

const SECOND = 1_000_000n;
const ENTRIES_MAX = 100;

/** What is remembered of a key. */
type Totals = { count: bigint; sum: bigint };

const TOTALS: Codec<Totals> = {
  encode: ({ count, sum }) => new Uint8Array(new BigInt64Array([count, sum]).buffer),
  decode(bytes) {
    const [count, sum] = new BigInt64Array(bytes.slice().buffer);
    return { count, sum };
  },
};

/** What rows on `main` have besides their own columns. */
const REMEMBERED = [
  field("count", types.uint64, { nullable: false }),
  field("sum", types.int64, { nullable: false }),
  field("entries", types.uint64, { nullable: false }),
  field("first", types.utf8),
  field("list_start", types.uint64, { nullable: false }),
  field("list_end", types.uint64, { nullable: false }),
  field("last", types.utf8),
];

/** The columns of a row that a timer makes. */
const REPORT = [
  field("name", types.utf8),
  field("timer", types.uint32),
  field("clock", types.utf8),
  field("due", types.int64),
  field("count", types.uint64),
  field("sum", types.int64),
];

export const keyedTransformer = keyed({
  name: "remember",
  version: "0.1.0",
  summary: "Does with state, timers and large state what its rows say, for tests of SDKs",
  config: config.object({}),
  state: TOTALS,
  stateVersion: 2,
  readsVersions: [1],
  start(_, input, key) {
    const errors = new ConfigErrors();
    const is = (name: string, { kind }: DataType) => input.field(name)?.type.kind === kind;
    if (!is("op", types.utf8)) errors.push("", "column `op` must be Utf8");
    if (!is("value", types.int64)) errors.push("", "column `value` must be Int64");
    if (!is(key[0], types.utf8)) errors.push("", "the first column of the key must be Utf8");
    errors.throwIfAny();
    return {
      reads: ["op", "value"],
      keys: [key[0]],
      ports: { main: { adds: REMEMBERED }, reports: { adds: REPORT } },
      process,
    };
  },
  migrate(_, state) {
    const text = utf8.decode(state);
    const [, count, sum] = /^(\d+),(-?\d+)$/.exec(text) ?? [];
    if (count === undefined) throw new Error(`\`${text}\` is no state of version 1`);
    return { count: BigInt(count), sum: BigInt(sum) };
  },
});

function process(batch: KeyedBatch<Totals>, out: Output) {
  const ops = batch.rows.utf8("op");
  const values = batch.rows.int64("value");
  const rows: number[] = [];
  const remembered = new Columns(REMEMBERED.map((f) => f.name));
  const reported: number[] = [];
  const reports = new Columns(REPORT.map((f) => f.name));
  for (let event = batch.next(); event !== null; event = batch.next()) {
    if (event.kind === "timer") {
      const { id, at } = event;
      reports.push(report(batch, event));
      reported.push(batch.keyRow());
      if (id === 2) {
        batch.setTimer(1, at + Number(SECOND));
        const { count, sum } = totals(batch);
        batch.setState({ count: count + 1n, sum });
      }
      continue;
    }
    const { row, time } = event;
    try {
      act(batch, ops.get(row) ?? "", values.get(row) ?? 0n, BigInt(time ?? 0));
      remembered.push(look(batch));
      rows.push(row);
    } catch (thrown) {
      if (!(thrown instanceof RowError)) throw thrown;
      out.refuse(row, thrown);
    }
  }
  out.some("main", rows, remembered.values);
  out.some("reports", reported, reports.values);
}

/** Values of columns by their names, as they grow. */
class Columns {
  readonly values: { [name: string]: unknown[] };

  constructor(names: string[]) {
    this.values = Object.fromEntries(names.map((name) => [name, []]));
  }

  push(row: { [name: string]: unknown }) {
    for (const [name, value] of Object.entries(row)) this.values[name].push(value);
  }
}

function totals(batch: KeyedBatch<Totals>): Totals {
  return batch.state() ?? { count: 0n, sum: 0n };
}

/** Does what a row asks for. Throws a RowError if the row is refused. */
function act(batch: KeyedBatch<Totals>, op: string, value: bigint, time: bigint) {
  const after = Number(BigInt.asIntN(64, time + value * SECOND));
  const { count, sum } = totals(batch);
  switch (op) {
    case "add":
      batch.setState({ count: count + 1n, sum: BigInt.asIntN(64, sum + value) });
      break;
    case "timer":
      batch.setTimer(1, after);
      break;
    case "timer2":
      batch.setTimer(2, after);
      break;
    case "delay":
      batch.setProcessingTimer(3, Number((value < 0n ? -value : value) * SECOND));
      break;
    case "cancel":
      batch.cancelTimer(1);
      break;
    case "forget":
      batch.clear();
      break;
    case "put":
      batch.map("m", codec.text()).put(String(value), String(count));
      break;
    case "drop":
      batch.map("m").remove(String(value));
      break;
    case "append":
      batch.list("l", codec.text()).append(String(value));
      break;
    case "trim":
      batch.list("l").remove(value < 0n ? 0 : Number(value));
      break;
    case "refuse":
      throw new RowError("refused", "the row asks to be refused", "op");
    default:
      throw new RowError("unknown_op", `\`${op}\` is no operation`, "op");
  }
}

/** What is remembered of the key at hand. */
function look(batch: KeyedBatch<Totals>) {
  const list = batch.list("l", codec.text());
  const entries = batch.map("m", codec.text()).scan(null, ENTRIES_MAX);
  const [first] = entries.map(([entry, value]) => `${utf8.decode(entry)}=${value}`);
  const { start, end } = list.range();
  const last = start === end ? null : list.read(end - 1, 1)[0];
  const { count, sum } = totals(batch);
  return { count, sum, entries: entries.length, first, list_start: start, list_end: end, last };
}

/** What a timer of the key at hand reports. */
function report(batch: KeyedBatch<Totals>, { id, clock, at }: TimerEvent) {
  const name = batch.keys.columns[0].get(batch.key);
  const due = clock === "event" ? at : null;
  const { count, sum } = totals(batch);
  return { name, timer: id, clock, due, count, sum };
}
