// A fixed set of texts, found in a column without making a text of any of its values.

import { bytesOf, encodeBinary } from "./utf8.js";

const TABLE = 256;

/** A set of texts that tells quickly which rows of a column have one of them. */
class TextSet {
  constructor(texts) {
    const binaries = Array.from(texts, encodeBinary);
    this._binaries = new Set(binaries);
    /** 1 at the hash of each text, so that most others are told without looking at their bytes. */
    this._hashes = new Uint8Array(TABLE);
    for (const binary of binaries) {
      const bytes = bytesOf(binary);
      const last = bytes[bytes.length - 1];
      this._hashes[(bytes.length + 7 * bytes[0] + 31 * last) & (TABLE - 1)] = 1;
    }
  }

  has(column, row) {
    return column.isValid(row) && this._binaries.has(column.binary(row));
  }

  keep(column, rows, count, wanted = true) {
    const { offsets, data } = column;
    const hashes = this._hashes;
    const someNull = column.nullCount > 0;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      const start = offsets[row];
      const end = offsets[row + 1];
      // Of an empty text there are no bytes, and the hash is that of the number 0.
      const hash = (end - start + 7 * data[start] + 31 * data[end - 1]) & (TABLE - 1);
      if (start === end || hashes[hash] === 1) {
        if (this._binaries.has(column.binary(row)) !== wanted) continue;
      } else if (wanted) {
        continue;
      }
      if (someNull && column.isNull(row)) continue;
      rows[kept++] = row;
    }
    return kept;
  }
}

export function textSet(texts) {
  return new TextSet(texts);
}
