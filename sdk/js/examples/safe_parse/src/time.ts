// Timestamps and dates as text: RFC 3339, with ISO 8601's common departures from it.

const US_PER_SECOND = 1_000_000n;
const SECONDS_PER_DAY = 86_400;

/**
 * 0001-01-01T00:00:00Z and the last microsecond of 9999, the years that RFC 3339 can write. An
 * epoch number beyond them has been given in the wrong unit.
 */
export const TIMESTAMP_US_MIN = -62_135_596_800n * US_PER_SECOND;
export const TIMESTAMP_US_MAX = 253_402_300_800n * US_PER_SECOND - 1n;

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIMESTAMP =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?$/;

/**
 * Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`, or null.
 *
 * A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the time
 * is UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
 */
export function timestampUs(text: string): bigint | null {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return null;
  const [, date, ...rest] = parts;
  const days = dateDays(date);
  const [hour, minute, second] = rest.slice(0, 3).map((digits) => Number(digits ?? 0));
  const [fraction = "", sign, zoneHour = 0, zoneMinute = 0] = rest.slice(3);
  if (days === null || hour > 23 || minute > 59 || second > 60) return null;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return null;
  const zone = Number(zoneHour) * 3600 + Number(zoneMinute) * 60;
  const local = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
  const us = BigInt(fraction.slice(0, 6).padEnd(6, "0"));
  return BigInt(local - (sign === "-" ? -zone : zone)) * US_PER_SECOND + us;
}

/** Days since 1970-01-01 of `YYYY-MM-DD`, or null. */
export function dateDays(text: string): number | null {
  const [year, month, day] = (DATE.exec(text) ?? []).slice(1).map(Number);
  if (year === undefined || year === 0 || month < 1 || month > 12) return null;
  if (day < 1 || day > daysInMonth(year, month)) return null;
  return daysFromCivil(year, month, day);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/**
 * Days since 1970-01-01 of a day after the year 0, by Howard Hinnant's `days_from_civil`
 * (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap
 * day is the last.
 */
function daysFromCivil(year: number, month: number, day: number): number {
  if (month <= 2) year--;
  const era = Math.floor(year / 400);
  const yearOfEra = year % 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leaps + dayOfYear - 719_468;
}
