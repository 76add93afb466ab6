//! Decimals from the text of a number, without a detour through floating point.

/// Why a text is no decimal of the wanted size.
#[derive(Debug, PartialEq, Eq)]
pub enum DecimalError {
    NoNumber,
    /// More digits before the point than precision and scale leave.
    TooLarge,
    /// A digit other than 0 beyond the scale.
    TooFine,
}

/// The number in `text`, in JSON's grammar, times 10^`scale`.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, DecimalError> {
    let number = Number::split(text).ok_or(DecimalError::NoNumber)?;
    let fraction = number.fraction.trim_end_matches('0');
    let mut digits: i128 = 0;
    for digit in number.whole.bytes().chain(fraction.bytes()) {
        let shifted = digits.checked_mul(10).ok_or(DecimalError::TooLarge)?;
        digits = shifted.checked_add(i128::from(digit - b'0')).ok_or(DecimalError::TooLarge)?;
    }
    if digits == 0 {
        return Ok(0);
    }
    let shift = i64::from(scale) + i64::from(number.exponent) - fraction.len() as i64;
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|by| 10_i128.checked_pow(by));
    let value = match power {
        Some(power) if shift >= 0 => digits.checked_mul(power).ok_or(DecimalError::TooLarge)?,
        Some(power) if digits % power == 0 => digits / power,
        None if shift >= 0 => return Err(DecimalError::TooLarge),
        Some(_) | None => return Err(DecimalError::TooFine),
    };
    if value >= 10_i128.pow(u32::from(precision)) {
        return Err(DecimalError::TooLarge);
    }
    Ok(if number.negative { -value } else { value })
}

/// The parts of a number in JSON's grammar.
struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Number<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let plain = whole == "0" || !(whole.is_empty() || whole.starts_with('0'));
        (plain && digits(whole) && digits(fraction)).then_some(Self {
            negative,
            whole,
            fraction,
            exponent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_digit_by_digit() {
        for (text, expected) in [
            ("0", 0),
            ("-0.00", 0),
            ("12.3", 1230),
            ("-12.30", -1230),
            ("0.07", 7),
            ("1.5e3", 150_000),
            ("150E-2", 150),
            ("1.00000000000000000000000000000000000000000000", 100),
            ("0e99999", 0),
            ("99999999.99", 9_999_999_999),
        ] {
            assert_eq!(decimal(text, 10, 2), Ok(expected), "{text}");
        }
        let nines = "9".repeat(38);
        assert_eq!(decimal(&nines, 38, 0), Ok(10_i128.pow(38) - 1));
    }

    #[test]
    fn what_would_lose_a_digit_is_refused() {
        for text in ["100000000", "1e8", "1e2000000000", &"9".repeat(60)] {
            assert_eq!(decimal(text, 10, 2), Err(DecimalError::TooLarge), "{text}");
        }
        for text in ["0.001", "1e-3", "1e-2000000000"] {
            assert_eq!(decimal(text, 10, 2), Err(DecimalError::TooFine), "{text}");
        }
        for text in ["", "-", "1.", ".5", "01", "+1", "1e", "1e99999999999", "0x1", "1 ", "--1"] {
            assert_eq!(decimal(text, 10, 2), Err(DecimalError::NoNumber), "{text}");
        }
    }
}
