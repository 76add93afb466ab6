//! Moments as JSON, in Arrow's own form and several times as fast: neighbours in a column are
//! mostly of the same day, and in a window's results the same moment.

use arrow::array::{Array, AsArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::json::writer::NullableEncoder;
use arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use jiff::{SignedDuration, civil};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// From 0001-01-01 to the end of 9999: years of four digits.
const YEARS: std::ops::Range<i64> = -719_162 * DAY..2_932_897 * DAY;

/// Gives encoders for columns of microseconds in UTC.
#[derive(Debug)]
pub struct Instants;

impl EncoderFactory for Instants {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) = array.data_type() else {
            return Ok(None);
        };
        let values = array.as_primitive::<TimestampMicrosecondType>();
        let usual = |value: Option<i64>| value.is_none_or(|value| YEARS.contains(&value));
        if &**zone != "UTC" || !usual(min(values)) || !usual(max(values)) {
            return Ok(None);
        }
        let encoder = InstantEncoder {
            values: values.values().clone(),
            text: *b"\"0001-01-01T00:00:00.000000Z\"",
            length: 0,
            value: 0,
            day: i64::MIN,
        };
        Ok(Some(NullableEncoder::new(Box::new(encoder), values.nulls().cloned())))
    }
}

struct InstantEncoder {
    values: ScalarBuffer<i64>,
    /// The last moment as text, of which `length` bytes count; 0: there was none.
    text: [u8; 29],
    length: usize,
    value: i64,
    /// The day of which the text's date is, counted from 1970.
    day: i64,
}

impl Encoder for InstantEncoder {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let value = self.values[idx];
        if value != self.value || self.length == 0 {
            self.write(value);
        }
        out.extend_from_slice(&self.text[..self.length]);
    }
}

impl InstantEncoder {
    fn write(&mut self, value: i64) {
        let (day, within) = (value.div_euclid(DAY), value.rem_euclid(DAY));
        if day != self.day {
            let since = SignedDuration::from_hours(24 * day);
            let date = civil::date(1970, 1, 1).saturating_add(since);
            digits(&mut self.text[1..5], date.year() as u32);
            digits(&mut self.text[6..8], date.month() as u32);
            digits(&mut self.text[9..11], date.day() as u32);
            self.day = day;
        }
        let (seconds, micros) = ((within / SECOND) as u32, (within % SECOND) as u32);
        digits(&mut self.text[12..14], seconds / 3600);
        digits(&mut self.text[15..17], seconds / 60 % 60);
        digits(&mut self.text[18..20], seconds % 60);
        let end = match (micros, micros % 1000) {
            (0, _) => 20,
            (_, 0) => 24,
            (_, _) => 27,
        };
        self.text[20] = b'.';
        digits(&mut self.text[21..27], micros);
        self.text[end..end + 2].copy_from_slice(b"Z\"");
        (self.value, self.length) = (value, end + 2);
    }
}

/// Fills `text` with the last digits of a number.
fn digits(text: &mut [u8], mut number: u32) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
    use arrow::json::writer::LineDelimited;
    use arrow::json::{LineDelimitedWriter, WriterBuilder};

    use super::*;

    /// The form must not depend on who wrote it.
    #[test]
    fn moments_are_written_as_arrow_writes_them() {
        let mut values =
            vec![YEARS.start, YEARS.end - 1, 0, -1, 1, DAY - 1, DAY, 1_709_164_800 * SECOND];
        let mut value = 1_i64;
        for _ in 0..2000 {
            value =
                value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            let value = value % YEARS.end;
            if YEARS.contains(&value) {
                values.extend([value, value - value % 1000, value - value % SECOND, value]);
            }
        }
        let values = values.into_iter().map(Some).chain([None, Some(5)]);
        let values = TimestampMicrosecondArray::from_iter(values).with_timezone("UTC");
        let values: ArrayRef = Arc::new(values);
        let rows = RecordBatch::try_from_iter([("at", values)]).unwrap();
        let mut arrow = LineDelimitedWriter::new(Vec::new());
        arrow.write(&rows).unwrap();
        let builder = WriterBuilder::new().with_encoder_factory(Arc::new(Instants));
        let mut own = builder.build::<_, LineDelimited>(Vec::new());
        own.write(&rows).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(own.into_inner()), text(arrow.into_inner()));
    }
}
