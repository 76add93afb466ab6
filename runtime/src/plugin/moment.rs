//! What a deterministic plugin hears of time and chance: both follow from the rows of its call.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::max;
use arrow::datatypes::TimestampMicrosecondType;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::Batch;

/// The moment of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970.
    pub now: i64,
    /// Random numbers follow from this and the seed.
    pub lineage: u64,
}

impl Moment {
    /// Of rows of one partition: the highest of their event times, which are in the column `time`,
    /// or 0; chance follows from the step, the partition and the number of the first row.
    pub fn of_rows(step: &str, batch: &Batch, time: Option<usize>) -> Self {
        let origin = &batch.origin;
        let first = if batch.is_empty() { 0 } else { origin.row(0) };
        let (source, partition) = (&origin.partition.source, &origin.partition.name);
        let parts = [step.as_bytes(), source.as_bytes(), partition.as_bytes()];
        Self { now: time.map_or(0, |at| latest(&batch.rows, at)), lineage: lineage(&parts, first) }
    }

    /// Of rows and timers of some keys, the latest of which is of the time `now`; chance follows
    /// from the step, its first key and the time of its first row or timer.
    pub fn of_key(step: &str, key: &[u8], first: i64, now: i64) -> Self {
        Self { now, lineage: lineage(&[step.as_bytes(), key], first as u64) }
    }
}

/// The highest time in a column of microseconds, or 0.
pub fn latest(rows: &RecordBatch, column: usize) -> i64 {
    let times = rows.column(column);
    let times = times.as_primitive_opt::<TimestampMicrosecondType>();
    times.filter(|times| !times.is_empty()).and_then(max).unwrap_or(0)
}

fn lineage(parts: &[&[u8]], first: u64) -> u64 {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(*part);
    }
    bytes.extend(first.to_le_bytes());
    xxh3_64(&bytes)
}
