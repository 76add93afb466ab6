//! Rows that could not go on: what a dead letter holds, and how it becomes a row again.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, BinaryArray, RecordBatch, StringBuilder, UInt32Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::batch::{Batch, record_batch};
use crate::error::{Error, Result};

pub use millrace_output::is_code;

/// Backtraces and messages longer than this are cut.
const TEXT_BYTES_MAX: usize = 4096;

/// The columns of every port `errors`.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("step", false),
        text("code", false),
        text("column", true),
        text("message", false),
        text("backtrace", true),
        text("plugin", true),
        text("digest", true),
        text("source", false),
        text("partition", false),
        Field::new("row", DataType::UInt64, false),
        text("encoding", false),
        text("payload", false),
    ]))
});

/// How the payload of a dead letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes of the row's only column, which are text.
    Text,
    /// The bytes of the row's only column, in base64.
    Base64,
    /// The row as a JSON object.
    Json,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Base64 => "base64",
            Self::Json => "json",
        }
    }
}

/// Who refused the rows.
#[derive(Debug, Clone, Default)]
pub struct Refuser {
    pub step: String,
    /// The plugin's name and the digest of its component.
    pub plugin: Option<(String, String)>,
}

/// One refused row of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub row: u32,
    pub code: String,
    pub message: String,
    pub column: Option<String>,
    pub backtrace: Option<String>,
}

impl Refusal {
    pub fn new(row: usize, code: &str, message: impl Into<String>) -> Self {
        Self {
            row: row as u32,
            code: code.to_owned(),
            message: message.into(),
            column: None,
            backtrace: None,
        }
    }
}

/// The refused rows of `batch` as rows of the port `errors`.
///
/// # Errors
/// If a row can't be written as JSON.
pub fn letters(refuser: &Refuser, batch: &Batch, refusals: &[Refusal]) -> Result<Batch> {
    let rows = UInt32Array::from_iter_values(refusals.iter().map(|r| r.row));
    let origin = batch.take_origin(&rows);
    let payloads = payloads(&batch.take(&rows)?.rows)?;
    let mut texts: [StringBuilder; 11] = std::array::from_fn(|_| StringBuilder::new());
    let mut numbers = UInt64Builder::with_capacity(refusals.len());
    for (i, (refusal, (encoding, payload))) in refusals.iter().zip(payloads).enumerate() {
        let plugin = refuser.plugin.as_ref();
        let values = [
            Some(refuser.step.as_str()),
            Some(&refusal.code),
            refusal.column.as_deref(),
            Some(cut(&refusal.message)),
            refusal.backtrace.as_deref().map(cut),
            plugin.map(|p| p.0.as_str()),
            plugin.map(|p| p.1.as_str()),
            Some(origin.partition.source.as_str()),
            Some(origin.partition.name.as_str()),
            Some(encoding.name()),
            Some(&payload),
        ];
        for (builder, value) in texts.iter_mut().zip(values) {
            builder.append_option(value);
        }
        numbers.append_value(origin.row(i));
    }
    let mut columns: Vec<ArrayRef> =
        texts.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
    columns.insert(9, Arc::new(numbers.finish()));
    Ok(Batch::new(record_batch(SCHEMA.clone(), columns, refusals.len())?, origin))
}

/// A row's bytes, from a payload that was written as text or base64.
///
/// # Errors
/// If it is neither.
pub fn bytes(encoding: &str, payload: &str) -> Result<Vec<u8>> {
    match encoding {
        "base64" => BASE64
            .decode(payload)
            .map_err(|e| Error::corrupt("the payload of a dead letter is not base64").with(e)),
        _ => Ok(payload.as_bytes().to_vec()),
    }
}

fn payloads(rows: &RecordBatch) -> Result<Vec<(Encoding, String)>> {
    if let [column] = rows.columns()
        && let Some(values) = column.as_any().downcast_ref::<BinaryArray>()
    {
        return Ok(values.iter().map(|value| raw(value.unwrap_or_default())).collect());
    }
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(rows)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner())
        .map_err(|e| Error::internal("a row as JSON is not text").with(e))?;
    Ok(text.lines().map(|line| (Encoding::Json, line.to_owned())).collect())
}

fn raw(bytes: &[u8]) -> (Encoding, String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Encoding::Text, text.to_owned()),
        Err(_) => (Encoding::Base64, BASE64.encode(bytes)),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
