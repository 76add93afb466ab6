// Why a row is refused.

import { RowError } from "millrace";

/** How much of a value or a parser's message is repeated in a refusal. */
const MESSAGE_CHARS_MAX = 200;

/** What kind of refusal it is; dead letters are counted by it. */
export type Code =
  /** Not one JSON object in valid UTF-8. */
  | "malformed"
  /** A required field is absent or null. */
  | "missing"
  /** The field's JSON value is of another type. */
  | "wrong_type"
  /** The text is no timestamp, or no date. */
  | "bad_timestamp"
  /** The value has the right type and does not fit. */
  | "out_of_range"
  /** A field that the schema does not have, where those are rejected. */
  | "unknown_field";

/** Why a column can't take a value. */
export class Problem extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }
}

/** A refusal whose message has a bounded length, whatever the row held. */
export function refusal(code: Code, column: string, message: string): RowError {
  return new RowError(code, shortened(message), shortened(column));
}

/** The beginning of a text that may be of any length. */
export function shortened(text: string): string {
  // No character takes more than two units.
  if (text.length <= MESSAGE_CHARS_MAX) return text;
  const characters = [...text.slice(0, 2 * MESSAGE_CHARS_MAX + 2)];
  if (characters.length <= MESSAGE_CHARS_MAX) return text;
  return `${characters.slice(0, MESSAGE_CHARS_MAX).join("")}...`;
}
