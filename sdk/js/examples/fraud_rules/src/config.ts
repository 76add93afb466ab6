// The step's configuration, checked against the input and made into rules.

import { config, ConfigErrors, type DataType, type Infer, type Schema, textSet } from "millrace";

import { type Condition, isNumber, Rule, type Test } from "./rule.js";

/** The name of the rule that `max_amount` stands for. */
const MAX_AMOUNT = "max_amount";

const { choice, integer, list, number, object, text } = config;

const words = () => list(text()).optional();

/** What the columns are called. */
const Columns = object({
  amount: text().default("amount"),
  country: text().default("country"),
  merchant: text().default("merchant"),
  hour: text().default("hour"),
  segment: text().default("segment"),
});

const RuleText = object({
  name: text(),
  outcome: choice("fraud", "review"),
  reason: text().optional(),
  amount_over: number().optional(),
  amount_under: number().optional(),
  countries: words(),
  countries_not: words(),
  merchants: words(),
  merchants_not: words(),
  hours: list(integer({ min: 0 })).optional(),
  segments: words(),
  segments_not: words(),
});

/** `[step.X.config]`. */
export const Config = object({
  columns: Columns.default(Columns.parse({})),
  /** Short for a first rule: amounts above it are fraud. */
  max_amount: number().optional(),
  /** In the order in which they are asked. */
  rules: list(RuleText).default([]),
});

/** The rules and the columns that they read. Throws all that is wrong. */
export function resolve(config: Infer<typeof Config>, input: Schema) {
  const resolver = new Resolver(config.columns, input);
  const { errors } = resolver;
  const rules: Rule[] = [];
  const names = new Set<string>();
  if (config.max_amount !== undefined) {
    const limit = config.max_amount;
    const condition = resolver.number(MAX_AMOUNT, { kind: "over", limit });
    rules.push(new Rule(MAX_AMOUNT, "fraud", `amount over ${limit}`, condition));
    names.add(MAX_AMOUNT);
  } else if (config.rules.length === 0) {
    errors.push("rules", "there is no rule; give `rules` or `max_amount`");
  }
  config.rules.forEach((rule, at) => {
    const path = `rules[${at}]`;
    if (names.has(rule.name)) {
      errors.push(`${path}.name`, `another rule is called \`${rule.name}\`; give it its own name`);
    }
    names.add(rule.name);
    rules.push(resolver.rule(path, rule));
  });
  errors.throwIfAny();
  return { rules, reads: resolver.reads };
}

/** Finds columns, and collects those that are read. */
class Resolver {
  readonly reads: string[] = [];
  readonly errors = new ConfigErrors();

  constructor(
    private readonly columns: Infer<typeof Columns>,
    private readonly input: Schema,
  ) {}

  rule(path: string, rule: Infer<typeof RuleText>): Rule {
    const conditions: Condition[] = [];
    const reasons: string[] = [];
    const { amount_over: over, amount_under: under } = rule;
    if (over !== undefined && under !== undefined && over >= under) {
      const message = `no amount is over ${over} and under ${under}`;
      this.errors.push(`${path}.amount_over`, message);
    }
    if (over !== undefined) {
      conditions.push(...this.number(`${path}.amount_over`, { kind: "over", limit: over }));
      reasons.push(`amount over ${over}`);
    }
    if (under !== undefined) {
      conditions.push(...this.number(`${path}.amount_under`, { kind: "under", limit: under }));
      reasons.push(`amount under ${under}`);
    }
    if (rule.hours !== undefined) {
      conditions.push(...this.hours(`${path}.hours`, rule.hours));
      reasons.push(`hour is one of ${rule.hours.join(", ")}`);
    }
    for (const [key, what, words] of [
      ["countries", "country", rule.countries],
      ["countries_not", "country", rule.countries_not],
      ["merchants", "merchant", rule.merchants],
      ["merchants_not", "merchant", rule.merchants_not],
      ["segments", "segment", rule.segments],
      ["segments_not", "segment", rule.segments_not],
    ] as const) {
      if (words === undefined) continue;
      const negated = key.endsWith("_not");
      conditions.push(...this.words(`${path}.${key}`, this.columns[what], words, negated));
      reasons.push(`${what} ${negated ? "is none of" : "is one of"} ${words.join(", ")}`);
    }
    if (reasons.length === 0) {
      this.errors.push(path, "has no condition and would match every row; give one");
    }
    const reason = rule.reason ?? reasons.join(", ");
    return new Rule(rule.name, rule.outcome, reason, conditions);
  }

  number(path: string, test: Test): Condition[] {
    return this.condition(path, this.columns.amount, "a number", isNumber, test);
  }

  private hours(path: string, hours: number[]): Condition[] {
    let bits = 0;
    for (const hour of hours) {
      if (hour > 23) {
        this.errors.push(path, `${hour} is no hour; hours are 0 to 23`);
        return [];
      }
      bits |= 1 << hour;
    }
    if (this.isEmpty(path, hours)) return [];
    const isHour = ({ kind }: DataType) => kind === "int32" || kind === "int64";
    const test: Test = { kind: "hours", bits };
    return this.condition(path, this.columns.hour, "int32 or int64", isHour, test);
  }

  private words(path: string, column: string, words: string[], negated: boolean): Condition[] {
    if (this.isEmpty(path, words)) return [];
    const isText = ({ kind }: DataType) => kind === "utf8";
    const test: Test = { kind: negated ? "noneOf" : "oneOf", words: textSet(words) };
    return this.condition(path, column, "utf8", isText, test);
  }

  private isEmpty(path: string, values: unknown[]): boolean {
    if (values.length > 0) return false;
    this.errors.push(path, "is an empty list; name at least one value or leave it out");
    return true;
  }

  /** A test of a column, or none if there is no such column. */
  private condition(
    path: string,
    name: string,
    expected: string,
    fits: (type: DataType) => boolean,
    test: Test,
  ): Condition[] {
    const field = this.input.field(name);
    if (field === undefined) {
      const names = this.input.names.join(", ");
      const advice = "`columns` can name another";
      this.errors.push(
        path,
        `tests \`${name}\`, which the input lacks; it has ${names}; ${advice}`,
      );
      return [];
    }
    if (!fits(field.type)) {
      this.errors.push(path, `tests \`${name}\` of type ${field.type}; it must be ${expected}`);
      return [];
    }
    if (!this.reads.includes(name)) this.reads.push(name);
    return [{ column: this.reads.indexOf(name), test }];
  }
}
