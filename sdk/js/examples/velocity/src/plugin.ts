// Counts and sums the rows of each key within a sliding time; README.md of the plugin in Rust says
// what for.

import { type Batch, field, keyed, type KeyedBatch, type Output, type Port, types } from "millrace";

import { check, Config, MAIN } from "./config.js";
import * as window from "./window.js";

const ADDED: Port = {
  adds: [
    field("velocity_count", types.uint64, { nullable: false }),
    field("velocity_sum", types.float64, { nullable: false }),
    field("velocity_flag", types.utf8),
  ],
};

export const keyedTransformer = keyed({
  name: "velocity",
  version: "0.1.0",
  summary:
    "Counts and sums the rows of each key within a sliding time, and flags what is above limits",
  config: Config,
  // There is one window at a time: a key's state is stored before that of the next is read.
  state: {
    decode(stored: Uint8Array) {
      window.open(stored);
      return window;
    },
    encode: () => window.stored(),
  },
  start(config, input) {
    check(config, input);
    const ports: Record<string, Port> = { [MAIN]: ADDED };
    if (config.flagged !== undefined) ports[config.flagged] = ADDED;
    return {
      reads: config.amount === undefined ? [] : [config.amount],
      // A row leaves the window only when another is more than so much later.
      stateTtl: config.within + 1,
      ports,
      process: (batch, out) => process(config, batch, out),
    };
  },
});

function process(config: Config, batch: KeyedBatch<typeof window>, out: Output) {
  const { within } = config;
  const countMax = config.max_count ?? Infinity;
  const sumMax = config.max_sum ?? Infinity;
  const amounts = amountsOf(batch.rows, config.amount);
  const main = new PortRows(batch.rows.length);
  const flagged = config.flagged === undefined ? main : new PortRows(batch.rows.length);
  let key = -1;
  for (let event = batch.next(); event !== null; event = batch.next()) {
    if (event.kind === "timer" || event.time === null) {
      throw new Error("rows need event time: declare it, and keep its order");
    }
    const { row, time } = event;
    if (batch.key !== key) {
      key = batch.key;
      if (batch.state() === undefined) window.open();
      batch.setState(window);
    }
    window.take(time, time - within, amounts[row]);
    const { count, sum } = window;
    if (count > countMax) flagged.push(row, count, sum, sum > sumMax ? "count,sum" : "count");
    else if (sum > sumMax) flagged.push(row, count, sum, "sum");
    else main.push(row, count, sum, null);
  }
  main.emit(MAIN, out);
  if (config.flagged !== undefined) flagged.emit(config.flagged, out);
}

/** The amount of each row; null counts as 0. */
function amountsOf(rows: Batch, column: string | undefined): Float64Array {
  if (column === undefined) return new Float64Array(rows.length);
  const { kind } = rows.column(column).type;
  const amounts = kind === "float64" ? rows.float64(column) : rows.int64(column);
  const numbers = amounts.numbers();
  if (amounts.nullCount === 0) return numbers;
  return numbers.map((amount, row) => (amounts.isValid(row) ? amount : 0));
}

/** Rows for one port. */
class PortRows {
  private length = 0;
  private readonly rows: Uint32Array;
  private readonly counts: Uint32Array;
  private readonly sums: Float64Array;
  private readonly flags: (string | null)[];

  constructor(room: number) {
    this.rows = new Uint32Array(room);
    this.counts = new Uint32Array(room);
    this.sums = new Float64Array(room);
    this.flags = new Array(room).fill(null);
  }

  push(row: number, count: number, sum: number, flag: string | null) {
    const at = this.length++;
    this.rows[at] = row;
    this.counts[at] = count;
    this.sums[at] = sum;
    if (flag !== null) this.flags[at] = flag;
  }

  emit(port: string, out: Output) {
    const { length } = this;
    out.some(port, this.rows.subarray(0, length), {
      velocity_count: this.counts.subarray(0, length),
      velocity_sum: this.sums.subarray(0, length),
      velocity_flag: this.flags.slice(0, length),
    });
  }
}
