//! One output column while it grows, row by row, with a way back.

use std::sync::Arc;

use arrow_array::types::Decimal128Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, PrimitiveArray,
    StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use millrace_plugin::Failure;

use crate::config::{Declared, Kind};

/// A column that grows by one value per row and can be cut back to an earlier row.
///
/// Arrow's own builders can't be cut back, and a row is only known to be good at its end.
pub struct Column {
    pub name: String,
    pub nullable: bool,
    pub values: Values,
    nulls: NullBufferBuilder,
}

/// The values of a column, by what it holds.
pub enum Values {
    Text(TextValues),
    Bool(BooleanBufferBuilder),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Decimal(DecimalValues),
    Date(DateValues),
    Timestamp(TimestampValues),
    Epoch(EpochValues),
    Json(TextValues),
}

/// Texts one after the other.
pub struct TextValues {
    bytes: Vec<u8>,
    /// Where each text begins, and where the last ends.
    offsets: Vec<i32>,
}

/// Unscaled decimals.
pub struct DecimalValues {
    pub values: Vec<i128>,
    pub precision: u8,
    pub scale: u8,
}

/// Days since 1970-01-01.
#[derive(Default)]
pub struct DateValues(pub Vec<i32>);

/// Microseconds since 1970-01-01T00:00:00Z, from text.
#[derive(Default)]
pub struct TimestampValues(pub Vec<i64>);

/// Microseconds since 1970-01-01T00:00:00Z, from numbers.
pub struct EpochValues {
    pub values: Vec<i64>,
    pub unit_us: i64,
}

impl Column {
    pub fn new(declared: Declared) -> Self {
        let values = match declared.kind {
            Kind::Text => Values::Text(TextValues::new()),
            Kind::Bool => Values::Bool(BooleanBufferBuilder::new(0)),
            Kind::Int32 => Values::Int32(Vec::new()),
            Kind::Int64 => Values::Int64(Vec::new()),
            Kind::Float64 => Values::Float64(Vec::new()),
            Kind::Decimal { precision, scale } => {
                Values::Decimal(DecimalValues { values: Vec::new(), precision, scale })
            }
            Kind::Date => Values::Date(DateValues::default()),
            Kind::Timestamp => Values::Timestamp(TimestampValues::default()),
            Kind::Epoch { unit_us } => Values::Epoch(EpochValues { values: Vec::new(), unit_us }),
            Kind::Json => Values::Json(TextValues::new()),
        };
        let nulls = NullBufferBuilder::new(0);
        Self { name: declared.name, nullable: declared.nullable, values, nulls }
    }

    /// Number of complete rows.
    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Makes room for `rows` more rows.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            Values::Text(text) | Values::Json(text) => text.offsets.reserve(rows),
            Values::Bool(values) => values.reserve(rows),
            Values::Int32(values) | Values::Date(DateValues(values)) => values.reserve(rows),
            Values::Int64(values)
            | Values::Timestamp(TimestampValues(values))
            | Values::Epoch(EpochValues { values, .. }) => values.reserve(rows),
            Values::Float64(values) => values.reserve(rows),
            Values::Decimal(decimals) => decimals.values.reserve(rows),
        }
        self.nulls = NullBufferBuilder::new(rows);
    }

    /// Notes that a value was pushed to `values`.
    pub fn complete(&mut self) {
        self.nulls.append_non_null();
    }

    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Text(text) | Values::Json(text) => text.push(""),
            Values::Bool(values) => values.append(false),
            Values::Int32(values) | Values::Date(DateValues(values)) => values.push(0),
            Values::Int64(values)
            | Values::Timestamp(TimestampValues(values))
            | Values::Epoch(EpochValues { values, .. }) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(decimals) => decimals.values.push(0),
        }
        self.nulls.append_null();
    }

    /// Forgets all rows from `rows` on, if there are any.
    #[cold]
    pub fn truncate(&mut self, rows: usize) {
        if self.len() <= rows {
            return;
        }
        match &mut self.values {
            Values::Text(text) | Values::Json(text) => text.truncate(rows),
            Values::Bool(values) => values.truncate(rows),
            Values::Int32(values) | Values::Date(DateValues(values)) => values.truncate(rows),
            Values::Int64(values)
            | Values::Timestamp(TimestampValues(values))
            | Values::Epoch(EpochValues { values, .. }) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Decimal(decimals) => decimals.values.truncate(rows),
        }
        self.nulls.truncate(rows);
    }

    /// The rows so far as an array; the column is then empty.
    ///
    /// # Errors
    /// If Arrow finds a column inconsistent, which would be a bug here.
    pub fn finish(&mut self) -> Result<ArrayRef, Failure> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.values {
            Values::Text(text) | Values::Json(text) => {
                let (offsets, bytes) = text.finish();
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::try_new(taken(values), nulls)?),
            Values::Int64(values) => Arc::new(Int64Array::try_new(taken(values), nulls)?),
            Values::Float64(values) => Arc::new(Float64Array::try_new(taken(values), nulls)?),
            Values::Decimal(DecimalValues { values, precision, scale }) => {
                let array = PrimitiveArray::<Decimal128Type>::try_new(taken(values), nulls)?;
                Arc::new(array.with_precision_and_scale(*precision, *scale as i8)?)
            }
            Values::Date(DateValues(values)) => {
                Arc::new(Date32Array::try_new(taken(values), nulls)?)
            }
            Values::Timestamp(TimestampValues(values))
            | Values::Epoch(EpochValues { values, .. }) => {
                let array = TimestampMicrosecondArray::try_new(taken(values), nulls)?;
                Arc::new(array.with_timezone("UTC"))
            }
        })
    }
}

impl TextValues {
    fn new() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }

    /// Adds a text. Its end fits an `i32`, because a batch's raw text does and no value is longer
    /// than its JSON.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.offsets.push(self.bytes.len() as i32);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.offsets[rows] as usize);
    }

    /// Offsets and bytes; the next batch begins with room for as many bytes.
    fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let room = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, room);
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes))
    }
}

fn taken<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    ScalarBuffer::from(std::mem::take(values))
}
