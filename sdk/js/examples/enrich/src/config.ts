// The step's configuration, checked against the input and made into derivations.

import {
  config,
  ConfigErrors,
  type DataType,
  type Field,
  field,
  type Infer,
  type Schema,
  types,
} from "millrace";

import { Amount, isAmount } from "./amount.js";
import { Codes } from "./codes.js";

const { integer, list, number, object, table, text } = config;

/** The largest offset from UTC in use, and more than the smallest. */
const OFFSET_MINUTES_MAX = 14 * 60;

const CodeText = object({ column: text(), as: text().optional() });

const AmountText = object({
  column: text(),
  currency: text(),
  base: text(),
  rates: table(number()),
  as: text().default("amount_base"),
});

const TimeText = object({
  column: text(),
  hour: text().default("hour"),
  weekday: text().default("weekday"),
  utc_offset_minutes: integer().default(0),
});

const MaskText = object({
  column: text(),
  keep_last: integer({ min: 0 }).default(4),
  as: text().optional(),
});

/** `[step.X.config]`. */
export const Config = object({
  country: CodeText.optional(),
  currency: CodeText.optional(),
  amount: AmountText.optional(),
  time: TimeText.optional(),
  mask: list(MaskText).default([]),
});

/** One section of the configuration, but for `amount`. */
export type Derivation =
  /** A country or currency by its code. */
  | { kind: "code"; column: number; codes: Codes }
  | { kind: "time"; column: number; offsetMinutes: number }
  | { kind: "mask"; column: number; keepLast: number };

/** The plan for rows of the schema `input`. Throws all that is wrong, with its place. */
export function plan(config: Infer<typeof Config>, input: Schema): Planner {
  const planner = new Planner(input);
  if (config.amount !== undefined) planner.planAmount(config.amount);
  if (config.country !== undefined) planner.planCode("country", config.country, Codes.countries);
  if (config.currency !== undefined) {
    planner.planCode("currency", config.currency, Codes.currencies);
  }
  if (config.time !== undefined) planner.planTime(config.time);
  config.mask.forEach((mask, at) => planner.planMask(`mask[${at}]`, mask));
  const { adds, errors } = planner;
  if (adds.length === 0 && errors.errors.length === 0) {
    const sections = "country, currency, amount, time or mask";
    errors.push("", `nothing is to be done; configure ${sections}`);
  }
  errors.throwIfAny();
  return planner;
}

/** What the plugin reads, does and adds, and what is wrong. */
class Planner {
  readonly reads: string[] = [];
  readonly adds: Field[] = [];
  readonly derivations: Derivation[] = [];
  readonly errors = new ConfigErrors();
  amount: Amount | null = null;

  constructor(private readonly input: Schema) {}

  planCode(path: string, code: Infer<typeof CodeText>, codes: () => Codes) {
    const found = this.text(`${path}.column`, code.column);
    if (found === null) return;
    this.add(path, code.as ?? code.column, types.utf8, true);
    this.derivations.push({ kind: "code", column: found.at, codes: codes() });
  }

  planAmount(amount: Infer<typeof AmountText>) {
    const codes = Codes.currencies();
    const base = this.currency("amount.base", amount.base, codes);
    const rates = new Array<number | undefined>(codes.codes.length);
    for (const [currency, rate] of [...amount.rates].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const path = `amount.rates.${currency}`;
      if (!(rate > 0)) this.errors.push(path, `${rate} is no rate; it must be above 0`);
      const at = this.currency(path, currency, codes);
      if (at !== -1) rates[at] = rate;
    }
    if (base !== -1) {
      if (rates[base] !== undefined && rates[base] !== 1) {
        const message = "is the rate of the base currency, which is 1; leave it out";
        this.errors.push(`amount.rates.${amount.base}`, message);
      }
      rates[base] = 1;
    }
    const column = this.column("amount.column", amount.column, "a number", isAmount);
    const currency = this.text("amount.currency", amount.currency);
    if (column === null) return;
    this.add("amount", amount.as, types.float64, column.nullable);
    if (currency === null || base === -1) return;
    const places = [column.at, currency.at] as const;
    this.amount = new Amount(...places, amount.currency, codes.codes[base], codes, rates);
  }

  planTime(time: Infer<typeof TimeText>) {
    const { utc_offset_minutes: offsetMinutes } = time;
    if (Math.abs(offsetMinutes) > OFFSET_MINUTES_MAX) {
      const range = `-${OFFSET_MINUTES_MAX} to ${OFFSET_MINUTES_MAX}`;
      const message = `${offsetMinutes} is no offset; write ${range} minutes`;
      this.errors.push("time.utc_offset_minutes", message);
      return;
    }
    const isTime = ({ kind }: DataType) => kind === "timestamp";
    const found = this.column("time.column", time.column, "a timestamp", isTime);
    if (found === null) return;
    this.add("time.hour", time.hour, types.int32, found.nullable);
    this.add("time.weekday", time.weekday, types.int32, found.nullable);
    this.derivations.push({ kind: "time", column: found.at, offsetMinutes });
  }

  planMask(path: string, mask: Infer<typeof MaskText>) {
    const found = this.text(`${path}.column`, mask.column);
    if (found === null) return;
    this.add(path, mask.as ?? mask.column, types.utf8, found.nullable);
    this.derivations.push({ kind: "mask", column: found.at, keepLast: mask.keep_last });
  }

  /** A currency must be written as its code here: it is the configuration, not data. */
  private currency(path: string, code: string, codes: Codes): number {
    const at = codes.find(code);
    if (at !== -1 && codes.codes[at] === code) return at;
    this.errors.push(path, `\`${code}\` is no ISO 4217 code such as EUR`);
    return -1;
  }

  private text(path: string, name: string) {
    return this.column(path, name, "utf8", ({ kind }) => kind === "utf8");
  }

  /** The place of a column among those that are read, and whether it may hold nulls. */
  private column(path: string, name: string, expected: string, fits: (t: DataType) => boolean) {
    const found = this.input.field(name);
    if (found === undefined) {
      const names = this.input.names.join(", ");
      this.errors.push(path, `the input has no column \`${name}\`; it has ${names}`);
      return null;
    }
    if (!fits(found.type)) {
      this.errors.push(path, `\`${name}\` has type ${found.type}; it must be ${expected}`);
      return null;
    }
    if (!this.reads.includes(name)) this.reads.push(name);
    return { at: this.reads.indexOf(name), nullable: found.nullable };
  }

  private add(path: string, name: string, type: DataType, nullable: boolean) {
    if (this.adds.some((f) => f.name === name)) {
      const message = `\`${name}\` is already written by another section; name it otherwise`;
      this.errors.push(path, message);
    }
    this.adds.push(field(name, type, { nullable }));
  }
}
