// The rows of a key that are not older than the window.
//
// A sum is a number of 128 bits of which 64 are behind the point, as a running sum of
// floating-point numbers would keep the rounding errors of rows that have left. It is kept in four
// parts, each a whole number within a float64: multiples of 2^32, of 1, of 2^-31 and of 2^-64.
// Parts may be of any sign and size as long as they are exact, so that adding and taking away is
// four additions, and what one part has too much is carried to the next only when it is stored.

const TWO_31 = 2 ** 31;
const TWO_32 = 2 ** 32;
const TWO_33 = 2 ** 33;
const TWO_63 = 2 ** 63;
const LOW_UNIT = 2 ** -64;
/** Only numbers below this have bits below 2^-64, which are cut off. */
const TINY = 2 ** -11;
/** Below it, whole part and multiples of 2^-31 fit into one float64. */
const PLAIN_MAX = 2 ** 22;

/** A batch of rows adds less than 2^49 to any part, and 2^53 is no longer exact. */
const PART_MAX = 2 ** 50;
/** No parts of so many rows are above it, but for that of whole numbers. */
const COUNT_MAX = 2 ** 16;

/** Numbers before the entries: count of the rows, and the parts of their sum. */
const HEAD = 5;
/** Numbers of an entry: time, count of the rows, and the parts of their sum. */
const ENTRY = 6;

// The window of the key at hand. There is one at a time, and what is named in a module is read
// more quickly than what is named in an object.

/** What is stored, and what was added to it. */
let cells = new Float64Array(HEAD + 64 * ENTRY);
let buffer = cells.buffer;
let bytes = new Uint8Array(buffer);
let room = cells.length;
/** Entries from `first` to before `end` are left. */
let first = HEAD;
let end = HEAD;
let high = 0;
let whole = 0;
let middle = 0;
let low = 0;
/** How many rows there are in the window. */
export let count = 0;
/** What they add up to, rounded once. */
export let sum = 0;

/**
 * Takes up the window of another key as it was stored, or one without rows. Rows of one time are
 * one entry, so that it grows with the distinct times and not with its rows; nothing is decoded
 * but what is looked at.
 */
export function open(stored?: Uint8Array) {
  first = HEAD;
  if (stored === undefined) {
    end = HEAD;
    count = high = whole = middle = low = 0;
    return;
  }
  end = stored.length / 8;
  if (end > room) grow(end);
  bytes.set(stored);
  count = cells[0];
  high = cells[1];
  whole = cells[2];
  middle = cells[3];
  low = cells[4];
}

/** The window as it is to be stored: a view that holds until the next call. */
export function stored(): Uint8Array {
  if (count > COUNT_MAX || whole > PART_MAX || whole < -PART_MAX) carry();
  const start = first - HEAD;
  cells[start] = count;
  cells[start + 1] = high;
  cells[start + 2] = whole;
  cells[start + 3] = middle;
  cells[start + 4] = low;
  return new Uint8Array(buffer, start * 8, (end - start) * 8);
}

/** Forgets rows before `horizon`, and adds one; times never go back. */
export function take(time: number, horizon: number, amount: number) {
  while (first < end && cells[first] < horizon) {
    count -= cells[first + 1];
    high -= cells[first + 2];
    whole -= cells[first + 3];
    middle -= cells[first + 4];
    low -= cells[first + 5];
    first += ENTRY;
    if (low < -PART_MAX) [high, whole, middle, low] = carried(high, whole, middle, low);
  }

  let high_ = 0;
  let whole_ = amount | 0;
  const rest = amount - whole_;
  let middle_ = 0;
  let low_ = 0;
  if (rest < 1 && rest > -1) {
    const scaled = rest * TWO_31;
    middle_ = scaled | 0;
    low_ = (scaled - middle_) * TWO_33;
    if (amount < TINY && amount > -TINY) low_ = Math.trunc(low_);
  } else {
    [high_, whole_, middle_, low_] = wideParts(amount);
  }
  if (end > first && cells[end - ENTRY] === time) {
    cells[end - 5]++;
    cells[end - 4] += high_;
    cells[end - 3] += whole_;
    cells[end - 2] += middle_;
    cells[end - 1] += low_;
  } else {
    const at = end;
    end = at + ENTRY;
    if (end > room) grow(end);
    cells[at] = time;
    cells[at + 1] = 1;
    cells[at + 2] = high_;
    cells[at + 3] = whole_;
    cells[at + 4] = middle_;
    cells[at + 5] = low_;
  }
  count++;
  high += high_;
  whole += whole_;
  middle += middle_;
  low += low_;

  const plain = whole + middle / TWO_31;
  if (high !== 0) sum = wideSum(high, whole, middle, low);
  // Both sides of this addition are exact, so that it rounds once.
  else if (plain < PLAIN_MAX && plain > -PLAIN_MAX) sum = plain + low * LOW_UNIT;
  else sum = largeSum(whole, middle, low);
}

function grow(length: number) {
  const old = cells;
  room = Math.max(length, 2 * room);
  cells = new Float64Array(room);
  cells.set(old);
  buffer = cells.buffer;
  bytes = new Uint8Array(buffer);
}

/** Keeps the parts of the sum, and of the one entry that can still grow, small enough. */
function carry() {
  [high, whole, middle, low] = carried(high, whole, middle, low);
  if (end > first) cells.set(carried(...(cells.slice(end - 4, end) as unknown as Parts)), end - 4);
}

type Parts = [high: number, whole: number, middle: number, low: number];

/** The parts of a number of 2^31 or more, within what 128 bits can hold, and of one that is none. */
function wideParts(amount: number): Parts {
  if (Number.isNaN(amount)) return [0, 0, 0, 0];
  if (amount >= TWO_63) return [TWO_31 - 1, TWO_32 - 1, TWO_31 - 1, TWO_33 - 1];
  if (amount < -TWO_63) return [-TWO_31, 0, 0, 0];
  const high = Math.trunc(amount / TWO_32);
  const left = amount - high * TWO_32;
  const whole = Math.trunc(left);
  const scaled = (left - whole) * TWO_31;
  const middle = Math.trunc(scaled);
  return [high, whole, middle, (scaled - middle) * TWO_33];
}

/** The same number with parts of their usual sizes, none but the first below 0. */
function carried(high: number, whole: number, middle: number, low: number): Parts {
  let carry = Math.floor(low / TWO_33);
  low -= carry * TWO_33;
  middle += carry;
  carry = Math.floor(middle / TWO_31);
  middle -= carry * TWO_31;
  whole += carry;
  carry = Math.floor(whole / TWO_32);
  whole -= carry * TWO_32;
  high += carry;
  // As the number of 128 bits would, it wraps around.
  carry = Math.floor((high + TWO_31) / TWO_32);
  return [high - carry * TWO_32, whole, middle, low];
}

/** A sum from `PLAIN_MAX` to 2^53, rounded once to the nearest float64. */
function largeSum(whole: number, middle: number, low: number): number {
  const carry = Math.floor(low / TWO_33);
  const rest = low - carry * TWO_33;
  // Of what is below 2^-31 it matters only on which side of a half it is.
  const side = rest === 0 ? 0 : rest < TWO_32 ? 0.25 : rest === TWO_32 ? 0.5 : 0.75;
  return whole + (middle + carry + side) / TWO_31;
}

/** A sum of any size, rounded once to the nearest float64. */
function wideSum(...parts: Parts): number {
  const [high, whole, middle, low] = carried(...parts).map(BigInt);
  const sum = (high << 96n) + (whole << 64n) + (middle << 33n) + low;
  return Number(sum) / TWO_63 / 2;
}
