// Text to UTF-8 and back, without TextEncoder and TextDecoder, which QuickJS does not have.
//
// A loop over characters costs 50 ns for each. What is built into every engine is 20 times as
// fast: base64 carries bytes to a string with one character for each byte, here called a binary
// string, and `decodeURIComponent(escape(...))` makes text of one that is not ASCII.

const ASCII = /^[\x00-\x7f]*$/;

export function isAscii(text) {
  return ASCII.test(text);
}

/** A string with a character for each byte. */
export function binaryString(bytes) {
  return bytes.length === 0 ? "" : atob(toBase64(bytes));
}

/** The bytes of a binary string. */
export function bytesOf(binary) {
  return binary === "" ? new Uint8Array(0) : fromBase64(btoa(binary));
}

/** Text from a binary string of UTF-8. */
export function decodeBinary(binary) {
  if (ASCII.test(binary)) return binary;
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    throw new Error("a text is not valid UTF-8");
  }
}

/** The UTF-8 of a text as a binary string. What is half a surrogate pair becomes U+FFFD. */
export function encodeBinary(text) {
  return ASCII.test(text) ? text : unescape(encodeURIComponent(text.toWellFormed()));
}

/** Text from the bytes of UTF-8. */
export function decode(bytes) {
  return decodeBinary(binaryString(bytes));
}

/** The bytes of a text in UTF-8. */
export function encode(text) {
  return bytesOf(encodeBinary(text));
}

// Node has these methods from version 25 on; before, its own Buffer does the same for tests.
const toBase64 =
  typeof Uint8Array.prototype.toBase64 === "function"
    ? (bytes) => bytes.toBase64()
    : (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
const fromBase64 =
  typeof Uint8Array.fromBase64 === "function"
    ? (text) => Uint8Array.fromBase64(text)
    : (text) => new Uint8Array(Buffer.from(text, "base64"));
