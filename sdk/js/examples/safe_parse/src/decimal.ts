// Decimals from the text of a number, without a detour through floating point.

/** Why a text is no decimal of the wanted size. */
export type DecimalError =
  | "no number"
  /** More digits before the point than precision and scale leave. */
  | "too large"
  /** A digit other than 0 beyond the scale. */
  | "too fine";

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const INT32_MAX = 2_147_483_647;
/** The digits that 128 bits hold, and one more. */
const DIGITS_MAX = 39;
const INT128_MAX = 2n ** 127n - 1n;

/** The number in `text`, in JSON's grammar, times 10^`scale`. */
export function decimal(text: string, precision: number, scale: number): bigint | DecimalError {
  const [, sign, whole, allFraction = "", exponentText = "0"] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return "no number";
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > INT32_MAX) return "no number";
  const fraction = allFraction.replace(/0+$/, "");
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return 0n;
  if (digits.length > DIGITS_MAX || BigInt(digits) > INT128_MAX) return "too large";
  const shift = scale + exponent - fraction.length;
  let value = BigInt(digits);
  if (Math.abs(shift) >= DIGITS_MAX) return shift > 0 ? "too large" : "too fine";
  const power = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && value % power !== 0n) return "too fine";
  value = shift >= 0 ? value * power : value / power;
  if (value >= 10n ** BigInt(precision)) return "too large";
  return sign === "-" ? -value : value;
}
