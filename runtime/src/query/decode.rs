//! Entries of state as JSON, by the shape that the checkpoint has of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Fields, Schema};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::operators::{entry, names};
use crate::plan::{Layout, RETRY_QUEUE, Shape};
use crate::state::{EncodedRows, RowCodec};

/// Makes sense of the bytes of one step.
pub struct Decoder<'a> {
    shape: &'a Shape,
    key: RowCodec,
    value: RowCodec,
}

impl<'a> Decoder<'a> {
    /// # Errors
    /// `Corrupt` if the shape is not that of any state.
    pub fn new(shape: &'a Shape) -> Result<Self> {
        let unknown = |what: String| Error::corrupt(format!("the shape of a step's state: {what}"));
        let key = RowCodec::new(&shape.key).map_err(unknown)?;
        let value = RowCodec::exact(&shape.value).map_err(unknown)?;
        Ok(Self { shape, key, value })
    }

    /// An entry as it is shown. `None` for what only helps to find others.
    pub fn entry(&self, key: &[u8], value: &[u8]) -> Option<Value> {
        match self.shape.layout {
            Layout::Key => Some(self.plain(Map::new(), key, value)),
            Layout::Windows(times) => self.windowed(times, key, value),
            Layout::Plugin => Some(self.of_plugin(key, value)),
        }
    }

    fn windowed(&self, times: usize, key: &[u8], value: &[u8]) -> Option<Value> {
        let (prefix, user) = key.split_at_checked(8 * times)?;
        // The notes of which windows there are.
        if prefix.starts_with(&[0; 8]) {
            return None;
        }
        let mut shown = Map::new();
        for (name, time) in ["start", "first_end"].into_iter().zip(prefix.as_chunks::<8>().0) {
            let micros = (u64::from_be_bytes(*time) ^ 1 << 63) as i64;
            let time = jiff::Timestamp::from_microsecond(micros);
            shown.insert(name.to_owned(), time.map_or(json!(micros), |t| json!(t.to_string())));
        }
        Some(self.plain(shown, user, value))
    }

    fn of_plugin(&self, key: &[u8], value: &[u8]) -> Value {
        let mut shown = Map::new();
        let Some((kind, rest)) = key.split_first() else { return bytes(key) };
        match *kind {
            names::ENTRY => {
                shown.insert("key".to_owned(), self.key(rest));
                match entry::Entry::read(value) {
                    Ok(entry) => {
                        shown.insert("version".to_owned(), entry.version.into());
                        shown.insert("timers".to_owned(), entry.timers().count().into());
                        shown.insert("value".to_owned(), entry.state.map_or(Value::Null, bytes));
                    }
                    Err(_) => drop(shown.insert("value".to_owned(), bytes(value))),
                }
            }
            names::MAP | names::LIST => {
                let part = if *kind == names::MAP { "map" } else { "list" };
                let user = sized(rest).and_then(|(user, rest)| Some((user, sized(rest)?)));
                match user {
                    Some((user, (name, place))) => {
                        shown.insert("key".to_owned(), self.key(user));
                        shown.insert(part.to_owned(), bytes(name));
                        shown.insert("entry".to_owned(), bytes(place));
                    }
                    None => drop(shown.insert("key".to_owned(), bytes(key))),
                }
                shown.insert("value".to_owned(), bytes(value));
            }
            other => {
                let part = char::from(other).to_string();
                shown.insert("part".to_owned(), part.into());
                shown.insert("key".to_owned(), bytes(rest));
                shown.insert("bytes".to_owned(), value.len().into());
            }
        }
        Value::Object(shown)
    }

    fn plain(&self, mut shown: Map<String, Value>, key: &[u8], value: &[u8]) -> Value {
        shown.insert("key".to_owned(), self.key(key));
        let mut value = match self.shape.value.is_empty() {
            true => bytes(value),
            false => row(&self.value, value).unwrap_or_else(|| bytes(value)),
        };
        if let Value::Object(fields) = &mut value
            && self.shape.kind == RETRY_QUEUE
        {
            // The payload shows the same.
            for hidden in ["columns", "bytes"] {
                fields.remove(hidden);
            }
        }
        shown.insert("value".to_owned(), value);
        Value::Object(shown)
    }

    fn key(&self, key: &[u8]) -> Value {
        row(&self.key, key).unwrap_or_else(|| bytes(key))
    }

    /// The bytes of a key that the user has written: the text of its only column, or a JSON array
    /// of all.
    ///
    /// # Errors
    /// `Config` if it is no such key.
    pub fn read_key(&self, text: &str) -> Result<Vec<u8>> {
        let fields = &self.shape.key;
        let wrong = |why: String| {
            let columns: Vec<String> =
                fields.iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
            Error::config(format!(
                "`{text}` is no key of the step: {why}; a key is {}",
                columns.join(", ")
            ))
        };
        let texts: Vec<Option<String>> = match fields.len() {
            1 => vec![Some(text.to_owned())],
            columns => {
                let values: Vec<Value> =
                    serde_json::from_str(text).map_err(|e| wrong(format!("no JSON array: {e}")))?;
                if values.len() != columns {
                    return Err(wrong(format!("it has {} values", values.len())));
                }
                let text = |value: Value| match value {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    other => Some(other.to_string()),
                };
                values.into_iter().map(text).collect()
            }
        };
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let columns = texts.into_iter().zip(fields).map(|(text, field)| {
            let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
            cast_with_options(&text, field.data_type(), &strict).map_err(|e| wrong(e.to_string()))
        });
        let mut encoded = EncodedRows::default();
        self.key.encode(&columns.collect::<Result<Vec<_>>>()?, 1, &mut encoded)?;
        Ok(encoded.row(0).to_vec())
    }
}

/// A row as a JSON object; `None` if the bytes are no row.
fn row(codec: &RowCodec, encoded: &[u8]) -> Option<Value> {
    let columns = codec.decode(std::iter::once(encoded)).ok()?;
    let names = named(codec.fields());
    let rows = RecordBatch::try_new(Arc::new(Schema::new(names)), columns).ok()?;
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    let written = writer.write(&rows).and_then(|()| writer.finish());
    match written {
        Ok(()) => serde_json::from_slice(&writer.into_inner()).ok(),
        // Not every type has a form in JSON.
        Err(_) => {
            let text = |column: &ArrayRef| {
                arrow::util::display::array_value_to_string(column, 0).unwrap_or_default()
            };
            let fields = rows.schema().fields().clone();
            let texts = fields.iter().zip(rows.columns());
            Some(texts.map(|(f, c)| (f.name().clone(), Value::String(text(c)))).collect())
        }
    }
}

/// The fields, all of which may be null, with names that differ.
fn named(fields: &Fields) -> Fields {
    let again = |at: usize| fields.iter().take(at).any(|f| f.name() == fields[at].name());
    let field = |(at, field): (usize, &Arc<arrow::datatypes::Field>)| {
        let name = if again(at) { format!("{} {at}", field.name()) } else { field.name().clone() };
        arrow::datatypes::Field::new(name, field.data_type().clone(), true)
    };
    fields.iter().enumerate().map(field).collect()
}

/// Bytes as the JSON or the text that they are, or else as base64.
fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => match serde_json::from_str(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ if text.chars().any(char::is_control) => {
                json!({ "base64": BASE64_STANDARD.encode(bytes) })
            }
            _ => text.into(),
        },
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

/// What has its length before it, and the rest.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}
