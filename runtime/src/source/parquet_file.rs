//! One Parquet file, from a row onwards.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Poll, Position};
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::error::{Error, Result};
use crate::plan::columns::{canonical_batch, canonical_schema};

pub struct ParquetFile {
    reader: ParquetRecordBatchReader,
    partition: Arc<Partition>,
    rows: u64,
    /// The columns to give, and where the file has them.
    columns: SchemaRef,
    picked: Vec<usize>,
}

impl ParquetFile {
    pub fn open(
        path: &Path,
        partition: Arc<Partition>,
        position: Position,
        batch_rows: usize,
        columns: Option<&SchemaRef>,
    ) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let wrong = |e| Error::config(format!("{} is no Parquet file", path.display())).with(e);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| wrong(Box::new(e)))?;
        let own = canonical_schema(builder.schema());
        let columns = columns.unwrap_or(&own).clone();
        let picked = columns.fields().iter().map(|field| pick(path, &own, field));
        let picked = picked.collect::<Result<_>>()?;
        let reader = builder
            .with_batch_size(batch_rows)
            .with_offset(position.rows as usize)
            .build()
            .map_err(|e| wrong(Box::new(e)))?;
        Ok(Self { reader, partition, rows: position.rows, columns, picked })
    }

    pub fn read_batch(&mut self) -> Result<Option<Poll>> {
        let Some(rows) = self.reader.next() else { return Ok(None) };
        let name = &self.partition.name;
        let rows = rows.map_err(|e| Error::corrupt(format!("cannot read {name}")).with(e))?;
        let rows = canonical_batch(&rows)?;
        let picked = self.picked.iter().map(|at| rows.column(*at).clone()).collect();
        let rows = record_batch(self.columns.clone(), picked, rows.num_rows())?;
        let origin = Origin::consecutive(self.partition.clone(), self.rows);
        self.rows += rows.num_rows() as u64;
        Ok(Some(Poll::Batch(Batch::new(rows, origin))))
    }

    pub fn position(&self) -> Position {
        Position { rows: self.rows, offset: 0, done: false, id: None }
    }
}

/// Where a file has a column. Its columns may stand in any order, and it may have more.
fn pick(path: &Path, own: &Schema, field: &Field) -> Result<usize> {
    let (name, wanted) = (field.name(), field.data_type());
    let is = match own.index_of(name) {
        Ok(at) if own.field(at).data_type() == wanted => return Ok(at),
        Ok(at) => format!("is {} there", own.field(at).data_type()),
        Err(_) => "is not there".to_owned(),
    };
    Err(Error::config(format!(
        "{}: column `{name}` of type {wanted} {is}: give files with other columns a source of \
         their own",
        path.display()
    )))
}

/// The columns of a Parquet file.
///
/// # Errors
/// If it can't be read as one.
pub fn schema(path: &Path) -> Result<Schema> {
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
    let start = Position { rows: 0, offset: 0, done: false, id: None };
    let mut file = ParquetFile::open(path, Arc::new(partition), start, 65_536, None)?;
    let mut parts = Vec::new();
    while let Some(Poll::Batch(batch)) = file.read_batch()? {
        parts.push(batch.rows);
    }
    Ok(parts)
}
