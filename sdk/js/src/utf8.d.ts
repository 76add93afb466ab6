/** Text to UTF-8 and back. A binary string has a character for each byte. */

export function encode(text: string): Uint8Array;
/** Throws if the bytes are not UTF-8. */
export function decode(bytes: Uint8Array): string;
export function encodeBinary(text: string): string;
export function decodeBinary(binary: string): string;
export function binaryString(bytes: Uint8Array): string;
export function bytesOf(binary: string): Uint8Array;
export function isAscii(text: string): boolean;
