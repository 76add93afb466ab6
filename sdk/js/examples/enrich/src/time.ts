// Hour and weekday of a timestamp.

import type { BigIntColumn } from "millrace";

const US_PER_MINUTE = 60_000_000;
const US_PER_HOUR = 60 * US_PER_MINUTE;
const US_PER_DAY = 24 * US_PER_HOUR;
/** 1970-01-01 was a Thursday, three days after a Monday. */
const EPOCH_WEEKDAY = 3;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Hours 0 to 23, and weekdays from 1 = Monday to 7 = Sunday, of these rows, so many minutes ahead
 * of UTC.
 */
export function split(column: BigIntColumn, rows: Uint32Array, offsetMinutes: number) {
  const hours: (number | null)[] = [];
  const weekdays: (number | null)[] = [];
  const offset = offsetMinutes * US_PER_MINUTE;
  for (const row of rows) {
    if (column.isNull(row)) {
      hours.push(null);
      weekdays.push(null);
      continue;
    }
    const us = column.number(row) + offset;
    const [day, usOfDay] = Number.isSafeInteger(us) ? plain(us) : exact(column.value(row), offset);
    hours.push(Math.floor(usOfDay / US_PER_HOUR));
    weekdays.push(((((day + EPOCH_WEEKDAY) % 7) + 7) % 7) + 1);
  }
  return { hours, weekdays };
}

function plain(us: number): [day: number, usOfDay: number] {
  const day = Math.floor(us / US_PER_DAY);
  return [day, us - day * US_PER_DAY];
}

/** For times that no float64 holds. */
function exact(us: bigint, offset: number): [day: number, usOfDay: number] {
  const sum = us + BigInt(offset);
  const local = sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : sum;
  const perDay = BigInt(US_PER_DAY);
  const usOfDay = ((local % perDay) + perDay) % perDay;
  return [Number((local - usOfDay) / perDay), Number(usOfDay)];
}
