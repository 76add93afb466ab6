//! Hour and weekday of a timestamp.

use arrow_array::Int32Array;
use arrow_array::builder::Int32Builder;
use millrace_plugin::prelude::*;

const US_PER_MINUTE: i64 = 60_000_000;
const US_PER_HOUR: i64 = 60 * US_PER_MINUTE;
const US_PER_DAY: i64 = 24 * US_PER_HOUR;
/// 1970-01-01 was a Thursday, three days after a Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// Splits a timestamp, in one offset from UTC.
pub struct Time {
    column: usize,
    offset_us: i64,
}

impl Time {
    /// Splits the column at the place `column` of those that are read.
    pub fn new(column: usize, utc_offset_minutes: i64) -> Self {
        Self { column, offset_us: utc_offset_minutes * US_PER_MINUTE }
    }

    /// Hours 0 to 23, and weekdays from 1 = Monday to 7 = Sunday.
    ///
    /// # Errors
    /// If the column is no timestamp.
    pub fn derive(&self, batch: &RecordBatch, rows: &[u32]) -> Result<[ArrayRef; 2], Failure> {
        let column = batch.column(self.column);
        let times: &TimestampMicrosecondArray = column
            .as_any()
            .downcast_ref()
            .ok_or_else(|| Failure(format!("a time can't be of type {}", column.data_type())))?;
        let part = |of: fn(i64) -> i32| -> Int32Array {
            let mut builder = Int32Builder::with_capacity(rows.len());
            for row in rows.iter().map(|row| *row as usize) {
                let local = times.is_valid(row).then(|| times.value(row));
                builder.append_option(local.map(|us| of(us.saturating_add(self.offset_us))));
            }
            builder.finish()
        };
        Ok([Arc::new(part(hour)), Arc::new(part(weekday))])
    }
}

fn hour(us: i64) -> i32 {
    (us.rem_euclid(US_PER_DAY) / US_PER_HOUR) as i32
}

fn weekday(us: i64) -> i32 {
    ((us.div_euclid(US_PER_DAY) + EPOCH_WEEKDAY).rem_euclid(7) + 1) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_weekdays_are_right_on_both_sides_of_1970() {
        for (us, expected) in [
            (0, (0, 4)),
            (-1, (23, 3)),
            (1_700_000_000_000_000, (22, 2)),
            (US_PER_DAY * 3, (0, 7)),
            (US_PER_DAY * 4, (0, 1)),
            (i64::MIN, (19, 7)),
            (i64::MAX, (4, 7)),
        ] {
            assert_eq!((hour(us), weekday(us)), expected, "{us}");
        }
    }
}
