// Standard codes for what people write: ISO 3166 for countries, ISO 4217 for currencies.

import { type TextColumn, utf8 } from "millrace";

import COUNTRIES from "../../../../../plugins/enrich/data/countries.tsv" with { type: "text" };
import CURRENCIES from "../../../../../plugins/enrich/data/currencies.tsv" with { type: "text" };

/** How many texts are remembered with their codes; then all are forgotten. */
const CACHE_MAX = 10_000;
const PUNCTUATION = new Set([".", ",", "'", "’", "-", "(", ")", "&", "_"]);

/** Finds codes by any of their names, whatever the case, spaces and punctuation. */
export class Codes {
  readonly codes: string[] = [];
  private readonly byName = new Map<string, number>();
  /** The place of each text that came lately, or -1; texts are binary strings. */
  private readonly cache = new Map<string, number>();

  /** Each line has a code and its other names; `#` starts a comment. */
  private constructor(table: string) {
    for (const line of table.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const names = line.split("\t");
      this.codes.push(names[0]);
      for (const name of names) this.byName.set(fold(name), this.codes.length - 1);
    }
  }

  /** ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name. */
  static countries(): Codes {
    return new Codes(COUNTRIES);
  }

  /** ISO 4217, found by code, name or symbol. */
  static currencies(): Codes {
    return new Codes(CURRENCIES);
  }

  /** The place of a code in the table, or -1. */
  find(text: string): number {
    return this.byName.get(text) ?? this.byName.get(fold(text)) ?? -1;
  }

  /** The place of the code of a row's text, or -1. */
  findIn(column: TextColumn, row: number): number {
    const found = this.cache.get(column.binary(row));
    if (found !== undefined) return found;
    const at = this.find(column.value(row));
    if (this.cache.size >= CACHE_MAX) this.cache.clear();
    // A text of its own: what is a slice of the column would keep all of it.
    this.cache.set(utf8.binaryString(column.bytes(row)), at);
    return at;
  }

  /** The codes of these rows; null where there is none. */
  derive(column: TextColumn, rows: Uint32Array): (string | null)[] {
    const { codes } = this;
    const derived = new Array<string | null>(rows.length).fill(null);
    for (let i = 0; i < rows.length; i++) {
      if (column.isNull(rows[i])) continue;
      const at = this.findIn(column, rows[i]);
      if (at !== -1) derived[i] = codes[at];
    }
    return derived;
  }
}

/** Upper case, with one space for any run of spaces and punctuation, and none at the ends. */
function fold(text: string): string {
  let folded = "";
  let gap = false;
  for (const letter of text) {
    if (/\p{White_Space}/u.test(letter) || PUNCTUATION.has(letter)) {
      gap = folded !== "";
      continue;
    }
    folded += gap ? ` ${letter.toUpperCase()}` : letter.toUpperCase();
    gap = false;
  }
  return folded;
}
