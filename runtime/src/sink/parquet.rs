//! Parquet files: written, and several joined to one.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::format::Counted;
use crate::error::{Error, Result};

/// Rows of a row group, at most.
const ROW_GROUP_ROWS: usize = 1 << 20;

pub type ParquetWriter = ArrowWriter<Counted>;

/// # Errors
/// If Parquet can't hold the schema.
pub fn writer(schema: &SchemaRef, file: Counted) -> Result<Box<ParquetWriter>> {
    let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties()));
    Ok(Box::new(writer.map_err(|e| Error::config("Parquet can't hold these columns").with(e))?))
}

/// # Errors
/// If the file can't be written.
pub fn write(writer: &mut ParquetWriter, rows: &RecordBatch) -> Result<()> {
    writer.write(rows).map_err(writing)
}

/// About how many bytes the file will have.
pub fn size(writer: &ParquetWriter) -> u64 {
    (writer.bytes_written() + writer.in_progress_size()) as u64
}

/// # Errors
/// If the file can't be written.
pub fn finish(writer: ParquetWriter) -> Result<Counted> {
    writer.into_inner().map_err(writing)
}

/// Writes the row groups of `parts` into one file, as they are.
///
/// # Errors
/// If a part is no Parquet file, or the new file can't be written.
pub fn join(parts: Vec<Bytes>, file: Counted) -> Result<Counted> {
    let corrupt = |e| Error::corrupt("a staged Parquet file can't be read").with(e);
    let metadata =
        |part: &Bytes| ParquetMetaDataReader::new().parse_and_finish(part).map_err(corrupt);
    let parts = parts.into_iter().map(|part| Ok((metadata(&part)?, part)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let Some((first, _)) = parts.first() else {
        return Err(Error::internal("no files to join"));
    };
    let metadata = first.file_metadata();
    let schema = metadata.schema_descr().root_schema_ptr();
    let properties = WriterProperties::builder()
        .set_key_value_metadata(metadata.key_value_metadata().cloned())
        .build();
    let mut writer =
        SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(writing)?;
    for (metadata, part) in &parts {
        for group in metadata.row_groups() {
            let mut out = writer.next_row_group().map_err(writing)?;
            for column in group.columns() {
                let closed = ColumnCloseResult {
                    bytes_written: column.compressed_size() as u64,
                    rows_written: group.num_rows() as u64,
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                out.append_column(part, closed).map_err(writing)?;
            }
            out.close().map_err(writing)?;
        }
    }
    writer.into_inner().map_err(writing)
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build()
}

fn writing(error: parquet::errors::ParquetError) -> Error {
    Error::unavailable("cannot write a Parquet file").with(error)
}
