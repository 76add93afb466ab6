//! Rows as JSON objects, and back.

use std::io;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::Row;
use crate::batch::record_batch;
use crate::codec::decode_all;
use crate::config::{CsvConfig, Format};
use crate::error::{Error, Result};
use crate::plan::Probed;

/// Marks bytes that are not text.
const BASE64_PREFIX: &str = "base64:";

/// The rows as columns, read as a source would read them but for columns of bytes, which are given
/// as text.
///
/// # Errors
/// Names the first row that does not fit.
pub fn read_rows(rows: &[Row], types: &Probed) -> Result<RecordBatch> {
    for (at, row) in rows.iter().enumerate() {
        // Arrow would pass over it, and the column would be null.
        if let Some(unknown) = row.keys().find(|key| types.schema.index_of(key).is_err()) {
            let message = format!("record {}: schema.json has no column `{unknown}`", at + 1);
            return Err(Error::config(message));
        }
    }
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(types.schema.clone()));
    }
    let records: Vec<String> = rows.iter().map(write_row).collect();
    let records: BinaryArray = records.iter().map(|record| Some(record.as_bytes())).collect();
    let (read_as, schema) = (bytes_as_text(&types.read_as), bytes_as_text(&types.schema));
    let read = decode_all(Format::Ndjson, &CsvConfig::default(), &read_as, &schema, &records)?;
    let columns = read.columns().iter().zip(types.schema.fields());
    let columns = columns.map(|(column, field)| match field.data_type() {
        DataType::Binary => to_bytes(column.as_string()),
        _ => Ok(column.clone()),
    });
    record_batch(types.schema.clone(), columns.collect::<Result<_>>()?, rows.len())
}

/// The rows of a batch; bytes as text.
///
/// # Errors
/// If a column has a type that JSON can't hold.
pub fn to_rows(batch: &RecordBatch) -> Result<Vec<Row>> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Binary => to_text(column.as_binary()),
        _ => column.clone(),
    });
    let schema = bytes_as_text(&batch.schema());
    let batch = record_batch(schema, columns.collect(), batch.num_rows())?;
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let lines = writer.into_inner();
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter();
    let broken = |e| Error::internal("cannot read the JSON of a row").with(e);
    rows.map(|row: serde_json::Result<Row>| row.map_err(broken)).collect()
}

/// A row on one line.
pub fn write_row(row: &Row) -> String {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Spaced);
    // Neither a map with keys of text nor a buffer in memory can fail to be written.
    let _ = row.serialize(&mut serializer);
    String::from_utf8_lossy(&line).into_owned()
}

fn bytes_as_text(schema: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| match field.data_type() {
        DataType::Binary => Field::new(field.name(), DataType::Utf8, field.is_nullable()),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn to_bytes(texts: &StringArray) -> Result<ArrayRef> {
    let bytes = |text: Option<&str>| match text.map(|t| (t, t.strip_prefix(BASE64_PREFIX))) {
        None => Ok(None),
        Some((text, None)) => Ok(Some(text.as_bytes().to_vec())),
        Some((text, Some(coded))) => match BASE64.decode(coded) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(Error::config(format!("`{text}` is not base64")).with(error)),
        },
    };
    let bytes = texts.iter().map(bytes).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(BinaryArray::from_iter(bytes)))
}

fn to_text(bytes: &BinaryArray) -> ArrayRef {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{BASE64_PREFIX}{}", BASE64.encode(bytes)),
    };
    Arc::new(bytes.iter().map(|bytes| bytes.map(text)).collect::<StringArray>())
}

/// One line with a space after each colon and comma, for people to read.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}
