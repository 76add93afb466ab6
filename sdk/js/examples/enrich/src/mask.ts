// Text of which only the end can be read.

import type { TextColumn } from "millrace";

/** The texts of these rows with stars for all but their last characters. */
export function mask(column: TextColumn, rows: Uint32Array, keepLast: number): (string | null)[] {
  const masked: (string | null)[] = [];
  for (const row of rows) {
    const text = column.get(row);
    if (text === null) {
      masked.push(null);
      continue;
    }
    const characters = [...text];
    const hidden = Math.max(characters.length - keepLast, 0);
    masked.push("*".repeat(hidden) + characters.slice(hidden).join(""));
  }
  return masked;
}
