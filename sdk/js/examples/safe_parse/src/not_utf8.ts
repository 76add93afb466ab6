// What is wrong with bytes that are not UTF-8, in the words of Rust's standard library.

import { utf8 } from "millrace";

/** What is wrong with a binary string, or null if it is UTF-8. */
export function notUtf8(binary: string): string | null {
  if (utf8.isAscii(binary)) return null;
  try {
    utf8.decodeBinary(binary);
    return null;
  } catch {
    return firstMistake(binary);
  }
}

function firstMistake(binary: string): string {
  let at = 0;
  for (;;) {
    const taken = sequence(binary, at);
    if (taken.isWhole) {
      at += taken.length;
    } else if (at + taken.length >= binary.length && taken.isBegun) {
      return `incomplete utf-8 byte sequence from index ${at}`;
    } else {
      return `invalid utf-8 sequence of ${taken.length} bytes from index ${at}`;
    }
  }
}

/** The bytes from `at` on that belong together: a character, or the beginning of one. */
function sequence(binary: string, at: number) {
  const first = binary.charCodeAt(at);
  if (first < 0x80) return { length: 1, isWhole: true, isBegun: true };
  const width = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (width === 0) return { length: 1, isWhole: false, isBegun: false };
  for (let length = 1; length < width; length++) {
    const c = binary.charCodeAt(at + length);
    const [least, most] = length === 1 ? second(first) : [0x80, 0xbf];
    if (!(c >= least && c <= most)) return { length, isWhole: false, isBegun: true };
  }
  return { length: width, isWhole: true, isBegun: true };
}

/** What may follow these first bytes, so that no character has two forms and none is too large. */
function second(first: number): [least: number, most: number] {
  switch (first) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
