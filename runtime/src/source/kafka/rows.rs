//! Records to columns: one copy of each value, and no work per row for what nobody wants.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BinaryBuilder, Int32Array, Int64Array, ListBuilder, StringArray,
    StringBuilder, StructBuilder, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::native::Message;
use crate::batch::{Batch, Origin, Partition, RAW_SCHEMA, record_batch};
use crate::config::{KafkaSourceConfig, Metadata, Tombstones};
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::source::Poll;

/// A batch ends once its values have so many bytes, whatever its rows.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// So much of a tombstone's key is in its dead letter.
const KEY_CHARACTERS: usize = 256;

/// The columns of undecoded records: `value`, then what is wanted beside it.
pub fn schema(config: &KafkaSourceConfig) -> SchemaRef {
    let nullable = config.tombstones == Tombstones::Keep;
    let mut fields = vec![Field::new("value", DataType::Binary, nullable)];
    fields.extend(config.metadata.columns().into_iter().map(|(what, name)| field(what, &name)));
    Arc::new(Schema::new(fields))
}

/// Any of them may be null: a dead letter that is replayed has the record's value only.
fn field(what: Metadata, name: &str) -> Field {
    let data_type = match what {
        Metadata::Key => DataType::Binary,
        Metadata::Headers => DataType::List(Arc::new(header())),
        Metadata::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Metadata::Topic => DataType::Utf8,
        Metadata::Partition => DataType::Int32,
        Metadata::Offset => DataType::Int64,
    };
    Field::new(name, data_type, true)
}

fn header() -> Field {
    Field::new("item", DataType::Struct(header_fields()), true)
}

fn header_fields() -> Fields {
    let key = Field::new("key", DataType::Utf8, true);
    Fields::from(vec![key, Field::new("value", DataType::Binary, true)])
}

/// Where records come from, as their columns have it.
#[derive(Debug, Clone)]
pub struct Place {
    pub partition: Arc<Partition>,
    pub topic: Arc<str>,
    pub number: i32,
}

/// What all batches of a source have in common.
#[derive(Debug)]
pub struct RowPlan {
    schema: SchemaRef,
    metadata: Vec<Metadata>,
    tombstones: Tombstones,
    refuser: Refuser,
}

impl RowPlan {
    pub fn new(source: &str, config: &KafkaSourceConfig) -> Self {
        Self {
            schema: schema(config),
            metadata: config.metadata.columns().into_iter().map(|(what, _)| what).collect(),
            tombstones: config.tombstones,
            refuser: Refuser { step: source.to_owned(), plugin: None },
        }
    }

    fn wants(&self, what: Metadata) -> bool {
        self.metadata.contains(&what)
    }
}

/// Records of one partition that become a batch.
pub struct Rows {
    values: Vec<u8>,
    ends: Vec<i32>,
    /// One for each row once there is a null.
    valid: Option<Vec<bool>>,
    /// The first row's offset, as long as the others follow without a gap.
    first: u64,
    numbers: Option<Vec<u64>>,
    keys: BinaryBuilder,
    headers: ListBuilder<StructBuilder>,
    times: Vec<Option<i64>>,
    /// Offset and key of records without a value that are to become dead letters.
    dead: Vec<(u64, Option<Vec<u8>>)>,
    skipped: u64,
    /// After the last record.
    next: u64,
    /// When the last record was written.
    last_ms: Option<i64>,
}

/// What has become of records.
pub struct Made {
    /// `None` if nothing is left of them.
    pub poll: Option<Poll>,
    /// The offset after the last one.
    pub next: u64,
    /// When the last one was written, in milliseconds since 1970.
    pub last_ms: Option<i64>,
    /// So many records these were.
    pub records: u64,
    /// So many of them had no value, and were left out.
    pub skipped: u64,
}

impl Rows {
    pub fn new() -> Self {
        let header = StructBuilder::from_fields(header_fields(), 0);
        Self {
            values: Vec::new(),
            ends: vec![0],
            valid: None,
            first: 0,
            numbers: None,
            keys: BinaryBuilder::new(),
            headers: ListBuilder::new(header).with_field(self::header()),
            times: Vec::new(),
            dead: Vec::new(),
            skipped: 0,
            next: 0,
            last_ms: None,
        }
    }

    /// Makes room for so many more rows and bytes.
    pub fn reserve(&mut self, rows: usize, bytes: usize) {
        self.ends.reserve_exact(rows);
        self.values.reserve_exact(bytes.min(BATCH_BYTES_MAX));
    }

    pub fn is_full(&self) -> bool {
        self.values.len() >= BATCH_BYTES_MAX
    }

    fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// Adds a record, whose offset is higher than those before.
    pub fn push(&mut self, message: &Message, plan: &RowPlan) {
        let offset = message.offset() as u64;
        self.next = offset + 1;
        let time = message.timestamp_ms();
        self.last_ms = time.or(self.last_ms);
        let value = message.value();
        match (value, plan.tombstones) {
            (Some(value), _) => {
                self.values.extend_from_slice(value);
                if let Some(valid) = &mut self.valid {
                    valid.push(true);
                }
            }
            (None, Tombstones::Keep) => {
                let rows = self.len();
                self.valid.get_or_insert_with(|| vec![true; rows]).push(false);
            }
            (None, Tombstones::Skip) => {
                self.skipped += 1;
                return;
            }
            (None, Tombstones::DeadLetter) => {
                self.dead.push((offset, message.key().map(<[u8]>::to_vec)));
                return;
            }
        }
        self.number(offset);
        self.ends.push(self.values.len() as i32);
        if plan.metadata.is_empty() {
            return;
        }
        if plan.wants(Metadata::Key) {
            self.keys.append_option(message.key());
        }
        if plan.wants(Metadata::Timestamp) {
            self.times.push(time.map(|ms| ms.saturating_mul(1000)));
        }
        if plan.wants(Metadata::Headers) {
            self.push_headers(message);
        }
    }

    fn number(&mut self, offset: u64) {
        let rows = self.len();
        if rows == 0 {
            self.first = offset;
        }
        match &mut self.numbers {
            Some(numbers) => numbers.push(offset),
            None if offset == self.first + rows as u64 => {}
            None => {
                let mut numbers: Vec<u64> = (self.first..self.first + rows as u64).collect();
                numbers.push(offset);
                self.numbers = Some(numbers);
            }
        }
    }

    fn push_headers(&mut self, message: &Message) {
        let items = self.headers.values();
        message.headers(|key, value| {
            if let Some(keys) = items.field_builder::<StringBuilder>(0) {
                keys.append_value(key);
            }
            if let Some(values) = items.field_builder::<BinaryBuilder>(1) {
                values.append_option(value);
            }
            items.append(true);
        });
        self.headers.append(true);
    }

    /// # Errors
    /// If the columns don't fit together, which would be a bug.
    pub fn finish(mut self, place: &Place, plan: &RowPlan) -> Result<Made> {
        let records = self.len() as u64 + self.dead.len() as u64 + self.skipped;
        let errors = self.letters(place, plan)?;
        let made = |poll| Made {
            poll,
            next: self.next,
            last_ms: self.last_ms,
            records,
            skipped: self.skipped,
        };
        let rows = self.len();
        if rows == 0 {
            return Ok(made(errors.map(Poll::Errors)));
        }
        let numbers = self.numbers.take();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(1 + plan.metadata.len());
        let nulls = self.valid.take().map(NullBuffer::from);
        let ends = OffsetBuffer::new(std::mem::take(&mut self.ends).into());
        let values = Buffer::from_vec(std::mem::take(&mut self.values));
        columns.push(Arc::new(BinaryArray::try_new(ends, values, nulls)?));
        for what in &plan.metadata {
            columns.push(match what {
                Metadata::Key => Arc::new(self.keys.finish()),
                Metadata::Headers => Arc::new(self.headers.finish()),
                Metadata::Timestamp => {
                    let times = TimestampMicrosecondArray::from(std::mem::take(&mut self.times));
                    Arc::new(times.with_timezone("UTC"))
                }
                Metadata::Topic => {
                    let topics = std::iter::repeat_n(&*place.topic, rows);
                    Arc::new(StringArray::from_iter_values(topics))
                }
                Metadata::Partition => Arc::new(Int32Array::from(vec![place.number; rows])),
                Metadata::Offset => Arc::new(match &numbers {
                    Some(numbers) => numbers.iter().map(|n| *n as i64).collect::<Int64Array>(),
                    None => Int64Array::from_iter_values(
                        (0..rows).map(|row| (self.first + row as u64) as i64),
                    ),
                }),
            });
        }
        let batch = record_batch(plan.schema.clone(), columns, rows)?;
        let origin = match numbers {
            Some(numbers) => Origin::numbered(place.partition.clone(), numbers),
            None => Origin::consecutive(place.partition.clone(), self.first),
        };
        let rows = Batch::new(batch, origin);
        Ok(made(Some(match errors {
            Some(errors) => Poll::Mixed { rows, errors },
            None => Poll::Batch(rows),
        })))
    }

    /// The dead letters of records without a value.
    fn letters(&mut self, place: &Place, plan: &RowPlan) -> Result<Option<Batch>> {
        if self.dead.is_empty() {
            return Ok(None);
        }
        let dead = std::mem::take(&mut self.dead);
        let refusals: Vec<Refusal> = dead.iter().enumerate().map(refusal).collect();
        let nothing = BinaryArray::from_iter_values(dead.iter().map(|_| b""));
        let rows = record_batch(RAW_SCHEMA.clone(), vec![Arc::new(nothing)], dead.len())?;
        let numbers = dead.iter().map(|(offset, _)| *offset).collect();
        let origin = Origin::numbered(place.partition.clone(), numbers);
        letters(&plan.refuser, &Batch::new(rows, origin), &refusals).map(Some)
    }
}

fn refusal((row, (_, key)): (usize, &(u64, Option<Vec<u8>>))) -> Refusal {
    let key = key.as_deref().map(String::from_utf8_lossy).map(|key| {
        let key: String = key.chars().take(KEY_CHARACTERS).collect();
        format!(" with the key `{key}`")
    });
    let message = format!(
        "the record{} has no value: `tombstones` says what becomes of such records",
        key.unwrap_or_default()
    );
    Refusal::new(row, "null_value", message)
}
