//! What each kind of column accepts of JSON.

use std::fmt;

use arrow_buffer::BooleanBufferBuilder;
use serde::de::{DeserializeSeed, Deserializer, Error, Unexpected, Visitor};
use serde_json::value::RawValue;

use crate::column::{
    Column, DateValues, DecimalValues, EpochValues, TextValues, TimestampValues, Values,
};
use crate::decimal::{DecimalError, decimal};
use crate::problem::{Code, Problem, shortened};
use crate::time::{TIMESTAMP_US_MAX, TIMESTAMP_US_MIN, date_days, timestamp_us};

/// Reads one JSON value into a column. What is wrong with it goes to `problem`, unless the parser
/// words it.
pub struct Value<'a> {
    pub column: &'a mut Column,
    pub problem: &'a mut Option<Problem>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Self { column, problem } = self;
        let present = match &mut column.values {
            Values::Text(text) => json.deserialize_any(Scalar { into: text, problem }),
            Values::Bool(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Int32(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Int64(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Float64(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Date(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Timestamp(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Epoch(values) => json.deserialize_any(Scalar { into: values, problem }),
            Values::Decimal(values) => from_source(json, problem, |text| values.source(text)),
            Values::Json(text) => from_source(json, problem, |json| {
                text.push(json);
                Ok(())
            }),
        }?;
        if present {
            column.complete();
        } else if column.nullable {
            column.push_null();
        } else {
            *problem = Some(Problem::new(Code::Missing, "is null and must have a value".into()));
            return Err(D::Error::custom(""));
        }
        Ok(())
    }
}

/// Hands on the value as it was written; false if it is null.
fn from_source<'de, D: Deserializer<'de>>(
    json: D,
    problem: &mut Option<Problem>,
    take: impl FnOnce(&str) -> Result<(), Problem>,
) -> Result<bool, D::Error> {
    let source = <&RawValue as serde::Deserialize>::deserialize(json)?.get();
    if source == "null" {
        return Ok(false);
    }
    take(source).map_err(|found| {
        *problem = Some(found);
        D::Error::custom("")
    })?;
    Ok(true)
}

/// What a kind of column does with JSON's scalars. All but what it overrides are of the wrong
/// type, as lists and objects always are.
trait Accept {
    /// What belongs here, for a message.
    const EXPECTED: &'static str;

    fn boolean(&mut self, _: bool) -> Result<(), Problem> {
        Err(Problem::WrongType)
    }

    fn integer(&mut self, _: i64) -> Result<(), Problem> {
        Err(Problem::WrongType)
    }

    /// A number with a fraction or an exponent, or an integer beyond 64 bits.
    fn float(&mut self, _: f64) -> Result<(), Problem> {
        Err(Problem::WrongType)
    }

    fn text(&mut self, _: &str) -> Result<(), Problem> {
        Err(Problem::WrongType)
    }
}

/// Gives a scalar to a column; its value says whether there was one, rather than null.
struct Scalar<'a, A> {
    into: &'a mut A,
    problem: &'a mut Option<Problem>,
}

impl<A: Accept> Scalar<'_, A> {
    #[inline]
    fn done<E: Error>(self, found: Unexpected<'_>, result: Result<(), Problem>) -> Result<bool, E> {
        match result {
            Ok(()) => Ok(true),
            Err(Problem::WrongType) => Err(E::invalid_type(found, &self)),
            Err(told) => {
                *self.problem = Some(told);
                Err(E::custom(""))
            }
        }
    }
}

impl<A: Accept> Visitor<'_> for Scalar<'_, A> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(A::EXPECTED)
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        let result = self.into.boolean(value);
        self.done(Unexpected::Bool(value), result)
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        let result = self.into.integer(value);
        self.done(Unexpected::Signed(value), result)
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        let result = match i64::try_from(value) {
            Ok(value) => self.into.integer(value),
            Err(_) => self.into.float(value as f64),
        };
        self.done(Unexpected::Unsigned(value), result)
    }

    #[inline]
    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        let result = self.into.float(value);
        self.done(Unexpected::Float(value), result)
    }

    #[inline]
    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        let result = self.into.text(value);
        self.done(Unexpected::Str(value), result)
    }
}

impl Accept for TextValues {
    const EXPECTED: &'static str = "a string";

    #[inline]
    fn text(&mut self, value: &str) -> Result<(), Problem> {
        self.push(value);
        Ok(())
    }
}

impl Accept for BooleanBufferBuilder {
    const EXPECTED: &'static str = "a boolean";

    fn boolean(&mut self, value: bool) -> Result<(), Problem> {
        self.append(value);
        Ok(())
    }
}

impl Accept for Vec<i32> {
    const EXPECTED: &'static str = "an integer";

    fn integer(&mut self, value: i64) -> Result<(), Problem> {
        match i32::try_from(value) {
            Ok(value) => {
                self.push(value);
                Ok(())
            }
            Err(_) => Err(out_of_range(format!("{value} does not fit int32"))),
        }
    }

    fn float(&mut self, value: f64) -> Result<(), Problem> {
        self.integer(whole(value)?)
    }
}

impl Accept for Vec<i64> {
    const EXPECTED: &'static str = "an integer";

    #[inline]
    fn integer(&mut self, value: i64) -> Result<(), Problem> {
        self.push(value);
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), Problem> {
        self.integer(whole(value)?)
    }
}

impl Accept for Vec<f64> {
    const EXPECTED: &'static str = "a number";

    #[inline]
    fn integer(&mut self, value: i64) -> Result<(), Problem> {
        self.push(value as f64);
        Ok(())
    }

    #[inline]
    fn float(&mut self, value: f64) -> Result<(), Problem> {
        self.push(value);
        Ok(())
    }
}

impl Accept for DateValues {
    const EXPECTED: &'static str = "a date as text";

    fn text(&mut self, value: &str) -> Result<(), Problem> {
        let days = date_days(value).ok_or_else(|| no_timestamp(value, "a date as YYYY-MM-DD"))?;
        self.0.push(days);
        Ok(())
    }
}

impl Accept for TimestampValues {
    const EXPECTED: &'static str = "a timestamp as text";

    fn text(&mut self, value: &str) -> Result<(), Problem> {
        let us = timestamp_us(value)
            .ok_or_else(|| no_timestamp(value, "a timestamp as YYYY-MM-DDTHH:MM:SSZ"))?;
        self.0.push(us);
        Ok(())
    }
}

impl Accept for EpochValues {
    const EXPECTED: &'static str = "a timestamp as a number";

    #[inline]
    fn integer(&mut self, value: i64) -> Result<(), Problem> {
        match value.checked_mul(self.unit_us) {
            Some(us @ TIMESTAMP_US_MIN..=TIMESTAMP_US_MAX) => {
                self.values.push(us);
                Ok(())
            }
            _ => Err(out_of_years(&value)),
        }
    }

    fn float(&mut self, value: f64) -> Result<(), Problem> {
        let us = (value * self.unit_us as f64).round();
        if us < TIMESTAMP_US_MIN as f64 || us > TIMESTAMP_US_MAX as f64 {
            return Err(out_of_years(&value));
        }
        self.values.push(us as i64);
        Ok(())
    }
}

impl DecimalValues {
    /// Takes a number, or a string that holds one, as many producers write exact amounts.
    fn source(&mut self, json: &str) -> Result<(), Problem> {
        let text = json.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(json);
        let (precision, scale) = (self.precision, self.scale);
        let value = decimal(text, precision, scale).map_err(|e| match e {
            DecimalError::NoNumber => {
                let message = format!("invalid type: {}, expected a decimal", shortened(json));
                Problem::new(Code::WrongType, message)
            }
            DecimalError::TooLarge => out_of_range(format!(
                "{} does not fit decimal({precision},{scale})",
                shortened(text)
            )),
            DecimalError::TooFine => out_of_range(format!(
                "{} has more than the {scale} decimals of decimal({precision},{scale})",
                shortened(text)
            )),
        })?;
        self.values.push(value);
        Ok(())
    }
}

/// The integer that the parser gave as a float: `-0`, or one beyond 64 bits.
#[cold]
fn whole(value: f64) -> Result<i64, Problem> {
    /// 2^63, the first value beyond int64.
    const INT64_END: f64 = 9_223_372_036_854_775_808.0;
    if value == 0.0 && value.is_sign_negative() {
        return Ok(0);
    }
    if value.abs() >= INT64_END {
        return Err(out_of_range(format!("{value:e} does not fit int64")));
    }
    Err(Problem::WrongType)
}

#[cold]
fn out_of_range(message: String) -> Problem {
    Problem::new(Code::OutOfRange, message)
}

#[cold]
fn out_of_years(value: &dyn fmt::Display) -> Problem {
    out_of_range(format!("{value} lies outside of the years 1 to 9999; check the unit"))
}

#[cold]
fn no_timestamp(text: &str, expected: &str) -> Problem {
    Problem::new(Code::BadTimestamp, format!("\"{}\" is not {expected}", shortened(text)))
}
