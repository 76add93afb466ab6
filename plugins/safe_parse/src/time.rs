//! Timestamps and dates as text: RFC 3339, with ISO 8601's common departures from it.

const US_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// 0001-01-01T00:00:00Z and the last microsecond of 9999, the years that RFC 3339 can write. An
/// epoch number beyond them has been given in the wrong unit.
pub const TIMESTAMP_US_MIN: i64 = -62_135_596_800 * US_PER_SECOND;
pub const TIMESTAMP_US_MAX: i64 = 253_402_300_800 * US_PER_SECOND - 1;

/// Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`.
///
/// A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the
/// time is UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
pub fn timestamp_us(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let days = days(bytes.get(..10)?)?;
    let [b'T' | b't' | b' ', rest @ ..] = bytes.get(10..)? else { return None };
    let hour = two_digits(rest.get(..2)?, 23)?;
    let minute = two_digits(after(rest, 2, b':')?, 59)?;
    let mut rest = rest.get(5..)?;
    let mut second = 0;
    let mut fraction_us = 0;
    if let [b':', tail @ ..] = rest {
        second = two_digits(tail.get(..2)?, 60)?;
        rest = &tail[2..];
        if let [b'.' | b',', tail @ ..] = rest {
            (fraction_us, rest) = fraction(tail)?;
        }
    }
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some((seconds - zone_seconds(rest)?) * US_PER_SECOND + fraction_us)
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
pub fn date_days(text: &str) -> Option<i32> {
    i32::try_from(days(text.as_bytes())?).ok()
}

fn days(date: &[u8]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = two_digits(&[y1, y2], 99)? * 100 + two_digits(&[y3, y4], 99)?;
    let month = two_digits(&[m1, m2], 12)?;
    let day = two_digits(&[d1, d2], 31)?;
    if year == 0 || month == 0 || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day after the year 0, by Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the
/// leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Microseconds of a fraction's digits, at least one, and what follows them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let digit = |at: usize| digits.get(at).map_or(0, |b| i64::from(b - b'0'));
    Some(((0..6).fold(0, |us, at| us * 10 + digit(at)), rest))
}

/// How far the zone is ahead of UTC.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes): (u8, &[u8], &[u8]) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, hours @ ..] if hours.len() == 2 => (*sign, hours, b"00"),
        [sign, rest @ ..] if rest.len() == 4 => (*sign, &rest[..2], &rest[2..]),
        [sign, rest @ ..] if rest.len() == 5 => (*sign, &rest[..2], after(rest, 2, b':')?),
        _ => return None,
    };
    let seconds = two_digits(hours, 23)? * 3600 + two_digits(minutes, 59)? * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// The two bytes that follow the separator at `at`.
fn after(text: &[u8], at: usize, separator: u8) -> Option<&[u8]> {
    if *text.get(at)? == separator { text.get(at + 1..at + 3) } else { None }
}

fn two_digits(text: &[u8], max: i64) -> Option<i64> {
    let &[tens, ones] = text else { return None };
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let number = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    (number <= max).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20Z.
    const INSTANT_US: i64 = 1_700_000_000 * US_PER_SECOND;

    #[test]
    fn every_accepted_form_names_the_same_instant() {
        for text in [
            "2023-11-14T22:13:20Z",
            "2023-11-14t22:13:20z",
            "2023-11-14 22:13:20",
            "2023-11-14T22:13:20.000",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14T23:13:20+01",
            "2023-11-14T16:43:20-0530",
        ] {
            assert_eq!(timestamp_us(text), Some(INSTANT_US), "{text}");
        }
        assert_eq!(timestamp_us("2023-11-14T22:13:20.5Z"), Some(INSTANT_US + 500_000));
        assert_eq!(timestamp_us("2023-11-14T22:13:20,123456789Z"), Some(INSTANT_US + 123_456));
        assert_eq!(timestamp_us("1969-12-31T23:59:59.999999Z"), Some(-1));
        assert_eq!(timestamp_us("2016-12-31T23:59:60Z"), timestamp_us("2017-01-01T00:00:00Z"));
        assert_eq!(timestamp_us("1970-01-01T00:01"), Some(60 * US_PER_SECOND));
    }

    #[test]
    fn the_bounds_are_the_first_and_the_last_that_can_be_written() {
        assert_eq!(timestamp_us("0001-01-01T00:00:00Z"), Some(TIMESTAMP_US_MIN));
        assert_eq!(timestamp_us("9999-12-31T23:59:59.999999Z"), Some(TIMESTAMP_US_MAX));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2023-11-14",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:60:00Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20+1:00",
            "2023-11-14T22:13:20 UTC",
            "2023-11-14T22:13:20Zjunk",
            "2023/11/14T22:13:20Z",
            "20é3-11-14T22:13:20Z",
            "2023-11-14T22",
            "2023-11-14T22:1",
            "2023-11-14T22:13:2",
        ] {
            assert_eq!(timestamp_us(text), None, "{text}");
        }
    }

    #[test]
    fn dates_count_days() {
        assert_eq!(date_days("1970-01-01"), Some(0));
        assert_eq!(date_days("2000-02-29"), Some(11_016));
        assert_eq!(date_days("1969-12-31"), Some(-1));
        assert_eq!(date_days("2023-11-31"), None);
        assert_eq!(date_days("2023-11-14T00:00:00Z"), None);
    }
}
