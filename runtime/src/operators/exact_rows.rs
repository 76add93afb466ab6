//! Rows that wait, to the bit.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Batch, record_batch};
use crate::error::Result;
use crate::plan::QUEUED;
use crate::state::{EncodedRows, RowCodec};

/// Encodes rows of one schema.
pub struct ExactRows {
    schema: SchemaRef,
    /// `None` if there is a type that has no encoding: such rows wait as JSON alone.
    codec: Option<RowCodec>,
    /// Tells the schema from others.
    columns: u64,
}

impl ExactRows {
    pub fn of(schema: &SchemaRef) -> Self {
        let fields = schema.fields().iter();
        let text: Vec<String> =
            fields.map(|f| format!("{} {} {}", f.name(), f.data_type(), f.is_nullable())).collect();
        Self {
            schema: schema.clone(),
            codec: RowCodec::exact(schema.fields()).ok(),
            columns: xxh3_64(text.join("\n").as_bytes()),
        }
    }

    /// The dead letters of `rows` with the rows themselves.
    ///
    /// # Errors
    /// If the columns are not those of the schema.
    pub fn queued(&self, letters: Batch, rows: &RecordBatch) -> Result<Batch> {
        let count = rows.num_rows();
        let bytes = match &self.codec {
            None => BinaryArray::new_null(count),
            Some(codec) => {
                let mut encoded = EncodedRows::default();
                codec.encode(rows.columns(), count, &mut encoded)?;
                BinaryArray::from_iter_values(encoded.iter())
            }
        };
        let own: [ArrayRef; 2] =
            [Arc::new(UInt64Array::from_value(self.columns, count)), Arc::new(bytes)];
        let columns = letters.rows.columns().iter().cloned().chain(own).collect();
        letters.with_columns(QUEUED.clone(), columns)
    }

    /// Whether [`decode`](Self::decode) makes rows of the schema of what has this in `columns`.
    pub fn is_own(&self, columns: u64) -> bool {
        self.codec.is_some() && columns == self.columns
    }

    /// The rows that were encoded.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged.
    pub fn decode<'a>(&self, rows: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
        let count = rows.len();
        let columns = self.codec.as_ref().map_or(Ok(Vec::new()), |codec| codec.decode(rows))?;
        record_batch(self.schema.clone(), columns, count)
    }
}
