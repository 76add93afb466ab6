//! The only unit that travels: columns, and where each row came from.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatchOptions;

use crate::config::BATCH_ROWS_MAX;
use crate::error::Result;

/// The columns of a raw source: `value`, the record's bytes without its line end.
pub static RAW_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("value", DataType::Binary, false)])));

/// A part of a source that is read in one order: a file, a connection, a generator's lane.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    pub source: String,
    pub name: String,
}

/// Where the rows of a batch came from. All rows of a batch are of one partition.
#[derive(Debug, Clone)]
pub struct Origin {
    pub partition: Arc<Partition>,
    rows: RowNumbers,
    /// The watermark that the partition had just before each row, in microseconds. `None` if no
    /// row of the batch is behind it, which is the rule: such rows are late for nothing.
    ///
    /// Rows are late by their own partition's watermark and not by what has been seen elsewhere,
    /// so that it depends on the input alone which rows are.
    watermarks: Option<ScalarBuffer<i64>>,
}

/// The numbers that the rows had in their partition, from 0.
#[derive(Debug, Clone)]
enum RowNumbers {
    /// Consecutive, from the first.
    From(u64),
    /// One for each row.
    Each(ScalarBuffer<u64>),
    /// Rows that a step has made of many: they have no number.
    Derived,
}

impl Origin {
    /// Consecutive rows of `partition`.
    pub fn consecutive(partition: Arc<Partition>, first: u64) -> Self {
        Self { partition, rows: RowNumbers::From(first), watermarks: None }
    }

    /// Rows that a step made of others, such as a window's sums; `partition` names the step.
    pub fn derived(partition: Arc<Partition>) -> Self {
        Self { partition, rows: RowNumbers::Derived, watermarks: None }
    }

    /// Rows of `partition` with these numbers.
    pub fn numbered(partition: Arc<Partition>, numbers: Vec<u64>) -> Self {
        Self { partition, rows: RowNumbers::Each(numbers.into()), watermarks: None }
    }

    /// Rows that are taken from several batches of one partition, that of the first row; there is
    /// at least one.
    pub fn gather(rows: &[(&Self, usize)]) -> Self {
        let (first, _) = rows[0];
        let is_derived = |(origin, _): &(&Self, usize)| matches!(origin.rows, RowNumbers::Derived);
        let numbers = match rows.iter().all(is_derived) {
            true => RowNumbers::Derived,
            false => RowNumbers::Each(rows.iter().map(|(origin, row)| origin.row(*row)).collect()),
        };
        let watermark = |(origin, row): &(&Self, usize)| {
            origin.watermarks.as_ref().map_or(i64::MIN, |watermarks| watermarks[*row])
        };
        let any = rows.iter().any(|(origin, _)| origin.watermarks.is_some());
        let watermarks = any.then(|| rows.iter().map(watermark).collect());
        Self { partition: first.partition.clone(), rows: numbers, watermarks }
    }

    /// Notes that some rows may be late: see [`watermarks`](Self::watermarks).
    #[must_use]
    pub fn with_watermarks(self, watermarks: Option<ScalarBuffer<i64>>) -> Self {
        Self { watermarks, ..self }
    }

    /// The watermark of the partition just before each row; `None` if no row is behind it.
    pub fn watermarks(&self) -> Option<&[i64]> {
        self.watermarks.as_deref()
    }

    /// The number that row `row` of the batch had in its partition.
    pub fn row(&self, row: usize) -> u64 {
        match &self.rows {
            RowNumbers::From(first) => first + row as u64,
            RowNumbers::Each(numbers) => numbers[row],
            RowNumbers::Derived => 0,
        }
    }

    /// What tells a row from the others of its partition: its number or, of rows that have none, its
    /// place in the batch.
    pub fn place(&self, row: usize) -> u64 {
        self.number(row).unwrap_or(row as u64)
    }

    /// As [`row`](Self::row); `None` for rows that a step has made of many.
    pub fn number(&self, row: usize) -> Option<u64> {
        match &self.rows {
            RowNumbers::Derived => None,
            RowNumbers::From(_) | RowNumbers::Each(_) => Some(self.row(row)),
        }
    }

    fn pick<I: Iterator<Item = usize>>(&self, rows: impl Fn() -> I) -> Self {
        let numbers = match &self.rows {
            RowNumbers::Derived => RowNumbers::Derived,
            _ => RowNumbers::Each(rows().map(|row| self.row(row)).collect()),
        };
        let watermarks = self.watermarks.as_ref();
        let watermarks = watermarks.map(|all| rows().map(|row| all[row]).collect());
        Self { partition: self.partition.clone(), rows: numbers, watermarks }
    }

    fn slice(&self, offset: usize, length: usize) -> Self {
        let rows = match &self.rows {
            RowNumbers::From(first) => RowNumbers::From(first + offset as u64),
            RowNumbers::Each(numbers) => RowNumbers::Each(numbers.slice(offset, length)),
            RowNumbers::Derived => RowNumbers::Derived,
        };
        let watermarks = self.watermarks.as_ref().map(|all| all.slice(offset, length));
        Self { partition: self.partition.clone(), rows, watermarks }
    }
}

/// Rows with their origin. Cloning shares the columns.
#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: RecordBatch,
    pub origin: Origin,
}

impl Batch {
    pub fn new(rows: RecordBatch, origin: Origin) -> Self {
        Self { rows, origin }
    }

    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same rows with other columns.
    ///
    /// # Errors
    /// If the columns don't fit the schema.
    pub fn with_columns(&self, schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<Self> {
        Ok(Self { rows: record_batch(schema, columns, self.len())?, origin: self.origin.clone() })
    }

    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self { rows: self.rows.slice(offset, length), origin: self.origin.slice(offset, length) }
    }

    /// The same rows in batches of at most [`BATCH_ROWS_MAX`].
    pub fn chunks(&self) -> impl Iterator<Item = Self> {
        let starts = (0..self.len()).step_by(BATCH_ROWS_MAX);
        starts.map(|start| self.slice(start, BATCH_ROWS_MAX.min(self.len() - start)))
    }

    /// The rows whose numbers are in `rows`, in that order.
    ///
    /// # Errors
    /// If a number is beyond the batch.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let columns = self.rows.columns().iter().map(|column| Ok(take(column, rows, None)?));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let taken = record_batch(self.rows.schema(), columns, rows.len())?;
        Ok(Self { rows: taken, origin: self.take_origin(rows) })
    }

    /// The origin of the rows whose numbers are in `rows`.
    pub fn take_origin(&self, rows: &UInt32Array) -> Origin {
        self.origin.pick(|| rows.values().iter().map(|row| *row as usize))
    }

    /// The rows for which `keep` is true; null is not true.
    ///
    /// # Errors
    /// If `keep` has another length.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        let kept = filter_record_batch(&self.rows, keep)?;
        if kept.num_rows() == self.len() {
            return Ok(self.clone());
        }
        let keep = match keep.nulls() {
            Some(nulls) => keep.values() & nulls.inner(),
            None => keep.values().clone(),
        };
        Ok(Self { rows: kept, origin: self.origin.pick(|| keep.set_indices()) })
    }
}

/// A record batch that knows its length even without columns.
///
/// # Errors
/// If the columns don't fit the schema.
pub fn record_batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
