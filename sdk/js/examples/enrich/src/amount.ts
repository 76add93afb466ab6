// Amounts in one currency.

import {
  type Batch,
  type DataType,
  type NumericColumn,
  type Output,
  type TextColumn,
} from "millrace";

import type { Codes } from "./codes.js";

/** More of a text does not help to find the mistake. */
const CHARS_MAX = 40;

/** Multiplies amounts with the rate of their currency. */
export class Amount {
  constructor(
    /** The amounts' place among the columns that are read. */
    private readonly amount: number,
    /** The currencies' place, and their name for a refusal. */
    private readonly currency: number,
    private readonly currencyName: string,
    private readonly base: string,
    private readonly codes: Codes,
    /** By the place of a currency in `codes`: how much of the base one unit is worth. */
    private readonly rates: (number | undefined)[],
  ) {}

  /** The rows that are left, less those that are refused because there is no rate; and amounts. */
  derive(batch: Batch, out: Output): { rows: Uint32Array; amounts: (number | null)[] } {
    const column = batch.columns[this.amount] as NumericColumn;
    const currencies = batch.columns[this.currency] as TextColumn;
    const numbers = column.numbers();
    const rows = new Uint32Array(batch.length);
    const amounts: (number | null)[] = [];
    let left = 0;
    for (let row = 0; row < batch.length; row++) {
      // Nothing is nothing in any currency.
      let amount = null;
      if (column.isValid(row)) {
        const at = currencies.isNull(row) ? -1 : this.codes.findIn(currencies, row);
        const rate = this.rates[at];
        if (rate === undefined) {
          out.error(row, "no_rate", this.noRate(currencies.get(row)), this.currencyName);
          continue;
        }
        amount = numbers[row] * rate;
      }
      rows[left++] = row;
      amounts.push(amount);
    }
    return { rows: rows.subarray(0, left), amounts };
  }

  private noRate(currency: string | null): string {
    if (currency === null) return `the currency is null, so there is no rate to ${this.base}`;
    const text = [...currency].slice(0, CHARS_MAX).join("");
    return `there is no rate from \`${text}\` to ${this.base}`;
  }
}

/** Whether amounts of this type can be converted. */
export function isAmount({ kind }: DataType): boolean {
  return ["float64", "float32", "int64", "int32", "decimal128"].includes(kind);
}
