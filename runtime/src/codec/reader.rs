//! One reader per format. A record that does not fit is named, the others are read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BinaryArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::csv;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::json;
use arrow::json::reader::Decoder as JsonDecoder;

use super::exact::ExactIntegers;
use super::isolate::isolate;
use crate::batch::record_batch;
use crate::config::{CsvConfig, Format};
use crate::dead_letter::Refusal;
use crate::error::{Error, Result};
use crate::plan::columns::cast_batch;

/// Rows that a JSON decoder has room for at first.
const INITIAL_CAPACITY: usize = 1024;

/// All records of a file as one batch: for tables, where a bad row is the file's fault.
///
/// # Errors
/// Names the first record that does not fit.
pub fn decode_all(
    format: Format,
    csv: &CsvConfig,
    read_as: &SchemaRef,
    schema: &SchemaRef,
    records: &BinaryArray,
) -> Result<RecordBatch> {
    let mut decoded = Decoded::default();
    RecordReader::new(format, csv, read_as)?.decode(records, &mut decoded)?;
    if let Some(first) = decoded.refusals.iter().min_by_key(|r| r.row) {
        return Err(Error::config(format!("record {}: {}", first.row + 1, first.message)));
    }
    cast_batch(&concat_batches(read_as, &decoded.parts)?, schema)
}

/// The payloads of dead letters as the rows that they were.
///
/// # Errors
/// Names the first that does not fit.
pub fn decode_payloads(schema: &SchemaRef, payloads: BinaryArray) -> Result<RecordBatch> {
    match schema.fields().as_ref() {
        [only] if *only.data_type() == DataType::Binary => {
            let rows = payloads.len();
            record_batch(schema.clone(), vec![Arc::new(payloads)], rows)
        }
        _ => decode_all(Format::Ndjson, &CsvConfig::default(), schema, schema, &payloads),
    }
}

/// Arrow's settings for this kind of CSV.
///
/// # Errors
/// If the delimiter is not one byte.
pub fn csv_format(config: &CsvConfig) -> Result<csv::reader::Format> {
    let delimiter = u8::try_from(config.delimiter)
        .map_err(|_| Error::config("the delimiter of CSV must be an ASCII character"))?;
    let format =
        csv::reader::Format::default().with_header(config.header).with_delimiter(delimiter);
    if config.nulls.is_empty() {
        return Ok(format);
    }
    let texts: Vec<String> = config.nulls.iter().map(|text| regex::escape(text)).collect();
    let nulls = regex::Regex::new(&format!("^({})?$", texts.join("|")))
        .map_err(|e| Error::config("`nulls` can't be matched").with(e))?;
    Ok(format.with_null_regex(nulls))
}

/// What became of a batch of records.
#[derive(Default)]
pub struct Decoded {
    pub parts: Vec<RecordBatch>,
    /// The records that are in `parts`, in order.
    pub good: Vec<u32>,
    pub refusals: Vec<Refusal>,
}

/// A reader of records of one format and schema.
pub enum RecordReader {
    /// The decoder holds at most `capacity` rows.
    Json {
        schema: SchemaRef,
        decoder: Box<JsonDecoder>,
        capacity: usize,
        exact: ExactIntegers,
    },
    Csv {
        schema: SchemaRef,
        format: csv::reader::Format,
    },
}

impl RecordReader {
    /// # Errors
    /// If Arrow's reader does not know a type of the schema.
    pub fn new(format: Format, csv: &CsvConfig, read_as: &SchemaRef) -> Result<Self> {
        let schema = read_as.clone();
        Ok(match format {
            Format::Csv => {
                let format = csv_format(csv)?.with_header(false);
                Self::Csv { schema, format }
            }
            _ => {
                let capacity = INITIAL_CAPACITY;
                let exact = ExactIntegers::new(schema.fields());
                Self::Json { decoder: json_decoder(&schema, capacity)?, schema, capacity, exact }
            }
        })
    }

    /// Reads `records`; what does not fit is refused.
    ///
    /// # Errors
    /// If a reader can't be made.
    pub fn decode(&mut self, records: &BinaryArray, out: &mut Decoded) -> Result<()> {
        if let Self::Json { capacity, .. } = self
            && *capacity < records.len()
        {
            *capacity = records.len();
            self.reset()?;
        }
        if self.feed_together(records)? {
            return self.typed(records, 0..records.len(), false, out);
        }
        let mut start = 0;
        while start < records.len() {
            let (end, broken) = self.feed(records, start..records.len())?;
            if end > start {
                self.typed(records, start..end, broken.is_some(), out)?;
            }
            if let Some(refusal) = broken {
                out.refusals.push(refusal);
                self.reset()?;
            }
            start = end + 1;
        }
        Ok(())
    }

    /// Reads all records in one go, if each is sure to be one row; twice as fast as one by one.
    fn feed_together(&mut self, records: &BinaryArray) -> Result<bool> {
        let Self::Json { decoder, exact, .. } = self else { return Ok(false) };
        let offsets = records.value_offsets();
        let (first, last) = (offsets[0] as usize, offsets[records.len()] as usize);
        let bytes = &records.values()[first..last];
        let alone = (0..records.len()).all(|row| is_one_object_at_most(records.value(row)));
        if !alone || exact.is_suspect(bytes) {
            return Ok(false);
        }
        let read = decoder.decode(bytes);
        let whole = !decoder.has_partial_record() && decoder.len() == records.len();
        if read.is_ok_and(|read| read == bytes.len()) && whole {
            return Ok(true);
        }
        self.reset()?;
        Ok(false)
    }

    /// Reads records that are well formed, up to the first that is not, and why.
    fn feed(
        &mut self,
        records: &BinaryArray,
        range: Range<usize>,
    ) -> Result<(usize, Option<Refusal>)> {
        let end = range.end;
        match self {
            Self::Json { decoder, exact, .. } => {
                let malformed =
                    |row, error| Ok((row, Some(Refusal::new(row, "malformed", reason(&error)))));
                for (count, row) in range.enumerate() {
                    let read = decoder.decode(records.value(row));
                    let whole = !decoder.has_partial_record() && decoder.len() == count + 1;
                    match read {
                        Ok(_) if whole => {}
                        Ok(_) => return malformed(row, not_one_object()),
                        Err(error) => return malformed(row, error),
                    }
                    if let Some(column) = exact.fraction(records.value(row)) {
                        let message = "is a number with a fraction or an exponent, not an integer";
                        let mut refusal = Refusal::new(row, "wrong_type", message);
                        refusal.column = Some(column);
                        return Ok((row, Some(refusal)));
                    }
                }
                Ok((end, None))
            }
            // CSV knows well formed from ill formed only together with the types.
            Self::Csv { .. } => Ok((end, None)),
        }
    }

    /// Gives well-formed records their types. `again`: the decoder broke off and must be fed anew.
    fn typed(
        &mut self,
        records: &BinaryArray,
        range: Range<usize>,
        again: bool,
        out: &mut Decoded,
    ) -> Result<()> {
        let offset = range.start;
        let mut fresh = !again;
        let (done, refused) = isolate(range.len(), |part| {
            let part = part.start + offset..part.end + offset;
            self.batch(records, part, std::mem::take(&mut fresh))
        });
        for (part, rows) in done {
            out.good.extend((part.start + offset..part.end + offset).map(|row| row as u32));
            out.parts.push(rows);
        }
        let refusals = refused.into_iter().map(|(row, error)| {
            let code =
                if matches!(self, Self::Csv { .. }) { csv_code(&error) } else { "wrong_type" };
            Refusal::new(row + offset, code, reason(&error))
        });
        let before = out.refusals.len();
        out.refusals.extend(refusals);
        // A decoder that failed still holds the rows that it failed on.
        if out.refusals.len() > before { self.reset() } else { Ok(()) }
    }

    fn batch(
        &mut self,
        records: &BinaryArray,
        range: Range<usize>,
        fed: bool,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = range.len();
        let batch = match self {
            Self::Json { decoder, schema, capacity, .. } => {
                if !fed {
                    *decoder = json_decoder(schema, *capacity)?;
                    for row in range {
                        decoder.decode(records.value(row))?;
                    }
                }
                decoder.flush()?
            }
            Self::Csv { schema, format } => {
                let mut decoder = csv::ReaderBuilder::new(schema.clone())
                    .with_format(format.clone())
                    .with_batch_size(rows + 1)
                    .build_decoder();
                for row in range {
                    decoder.decode(records.value(row))?;
                    decoder.decode(b"\n")?;
                }
                decoder.flush()?
            }
        };
        match batch {
            Some(batch) if batch.num_rows() == rows => Ok(batch),
            _ => Err(not_one_object()),
        }
    }

    fn reset(&mut self) -> Result<()> {
        if let Self::Json { decoder, schema, capacity, .. } = self {
            *decoder = json_decoder(schema, *capacity)?;
        }
        Ok(())
    }
}

/// Whether a record can't end one object and begin another, nor be a part of one that others go
/// on with: where it begins with a brace and ends with one, only a whole row can be followed by
/// the next record, and without a brace after a brace it holds no more than one row.
fn is_one_object_at_most(record: &[u8]) -> bool {
    let [b'{', rest @ .., b'}'] = record else { return false };
    let mut closing = memchr::memchr_iter(b'}', rest);
    !closing.any(|at| rest[at + 1..].trim_ascii_start().first().is_some_and(|next| *next == b'{'))
}

fn json_decoder(schema: &SchemaRef, rows: usize) -> Result<Box<JsonDecoder>, ArrowError> {
    let builder = json::ReaderBuilder::new(Arc::clone(schema)).with_batch_size(rows);
    Ok(Box::new(builder.build_decoder()?))
}

fn not_one_object() -> ArrowError {
    ArrowError::JsonError("the record is not exactly one row".to_owned())
}

fn csv_code(error: &ArrowError) -> &'static str {
    match error {
        ArrowError::CsvError(text) if text.contains("incorrect number of fields") => "malformed",
        ArrowError::ParseError(_) => "wrong_type",
        _ => "malformed",
    }
}

/// Arrow's text without what it says of rows: it counts within a part of a batch.
fn reason(error: &ArrowError) -> String {
    let text = match error {
        ArrowError::JsonError(text)
        | ArrowError::CsvError(text)
        | ArrowError::ParseError(text)
        | ArrowError::InvalidArgumentError(text) => text.clone(),
        other => other.to_string(),
    };
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
