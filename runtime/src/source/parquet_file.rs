//! One Parquet file, from a row onwards.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::Position;
use crate::batch::{Batch, Origin, Partition};
use crate::error::{Error, Result};
use crate::plan::columns::canonical_batch;

pub struct ParquetFile {
    reader: ParquetRecordBatchReader,
    partition: Arc<Partition>,
    rows: u64,
}

impl ParquetFile {
    pub fn open(
        path: &Path,
        partition: Arc<Partition>,
        position: Position,
        batch_rows: usize,
    ) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let wrong = |e| Error::config(format!("{} is no Parquet file", path.display())).with(e);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(|e| wrong(Box::new(e)))?
            .with_batch_size(batch_rows)
            .with_offset(position.rows as usize)
            .build()
            .map_err(|e| wrong(Box::new(e)))?;
        Ok(Self { reader, partition, rows: position.rows })
    }

    pub fn next(&mut self) -> Result<Option<Batch>> {
        let Some(rows) = self.reader.next() else { return Ok(None) };
        let name = &self.partition.name;
        let rows = rows.map_err(|e| Error::corrupt(format!("cannot read {name}")).with(e))?;
        let rows = canonical_batch(&rows)?;
        let origin = Origin::consecutive(self.partition.clone(), self.rows);
        self.rows += rows.num_rows() as u64;
        Ok(Some(Batch::new(rows, origin)))
    }

    pub fn position(&self) -> Position {
        Position { rows: self.rows, offset: 0, done: false }
    }
}

/// The columns of a Parquet file.
///
/// # Errors
/// If it can't be read as one.
pub fn schema(path: &Path) -> Result<arrow::datatypes::Schema> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|e| Error::config(format!("{} is no Parquet file", path.display())).with(e))?;
    Ok(builder.schema().as_ref().clone())
}

/// All rows of a Parquet file.
///
/// # Errors
/// If it can't be read.
pub fn rows(path: &Path) -> Result<Vec<arrow::array::RecordBatch>> {
    let partition = Partition { source: String::new(), name: path.display().to_string() };
    let start = Position { rows: 0, offset: 0, done: false };
    let mut file = ParquetFile::open(path, Arc::new(partition), start, 65_536)?;
    let mut parts = Vec::new();
    while let Some(batch) = file.next()? {
        parts.push(batch.rows);
    }
    Ok(parts)
}
