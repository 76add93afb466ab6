//! Rows to the records of a Kafka sink: key, value, headers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Field, FieldRef, Int32Type};
use arrow::json::EncoderOptions;
use arrow::json::writer::make_encoder;
use datafusion::physical_expr::PhysicalExpr;

use crate::batch::{Batch, record_batch};
use crate::codec::{Instants, isolate};
use crate::dead_letter::{self, Refusal, Refuser, letters};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::plan::{RecordValue, RecordsPlan};

const MAIN: usize = 0;
const ERRORS: usize = 1;

const TOPIC_BYTES_MAX: usize = 249;
/// About what a record's frame takes, beside its parts.
const FRAME_BYTES: usize = 64;

/// How many partitions a topic has; `None` if there is no such topic.
pub type Partitions = Arc<dyn Fn(&str) -> Result<Option<i32>> + Send + Sync>;

pub struct Records {
    plan: RecordsPlan,
    refuser: Refuser,
    partitions: Partitions,
}

impl Records {
    pub fn new(sink: &str, plan: &RecordsPlan, partitions: Partitions) -> Self {
        let refuser = Refuser { step: sink.to_owned(), plugin: None };
        Self { plan: plan.clone(), refuser, partitions }
    }

    /// Sends on the records of `rows` that a topic takes; the others' rows become dead letters.
    fn send(&self, rows: &Batch, records: RecordBatch, out: &mut Outputs) -> Result<()> {
        let refusals = self.refusals(&records)?;
        if refusals.is_empty() {
            out.emit(MAIN, Batch::new(records, rows.origin.clone()));
            return Ok(());
        }
        let mut kept = vec![true; records.num_rows()];
        refusals.iter().for_each(|refusal| kept[refusal.row as usize] = false);
        out.emit(ERRORS, letters(&self.refuser, rows, &refusals)?);
        let records = Batch::new(records, rows.origin.clone());
        out.emit(MAIN, records.filter(&kept.into())?);
        Ok(())
    }

    /// The records that no broker would take, and why.
    fn refusals(&self, records: &RecordBatch) -> Result<Vec<Refusal>> {
        let topics = records.column_by_name("topic").map(|column| column.as_string::<i32>());
        let partitions =
            records.column_by_name("partition").map(|column| column.as_primitive::<Int32Type>());
        let max = self.plan.bytes_max;
        let counts = self.counts(topics, partitions.is_some())?;
        let refusal = |(row, size): (usize, usize)| {
            let topic = topics.and_then(|column| column.is_valid(row).then(|| column.value(row)));
            let partition =
                partitions.and_then(|column| column.is_valid(row).then(|| column.value(row)));
            if let Some(name) = topic.filter(|name| !is_topic(name)) {
                let message = format!(
                    "no topic can be called `{name}`: a name has up to {TOPIC_BYTES_MAX} letters, \
                     digits, dots, dashes and underscores"
                );
                Some(Refusal::new(row, "invalid_topic", message))
            } else if let Some(name) = topic.filter(|name| counts.get(name) == Some(&None)) {
                let message = format!("there is no topic `{name}`");
                Some(Refusal::new(row, "unknown_topic", message))
            } else if let Some(number) = partition.filter(|number| {
                let count = counts.get(topic.unwrap_or(&self.plan.default_topic));
                !(0..count.copied().flatten().unwrap_or(i32::MAX)).contains(number)
            }) {
                let topic = topic.unwrap_or(&self.plan.default_topic);
                let message = format!("topic `{topic}` has no partition {number}");
                Some(Refusal::new(row, "invalid_partition", message))
            } else if size > max {
                let message = format!(
                    "the record has {size} bytes and the sink sends at most {max}: raise its \
                     property `message.max.bytes`, and the topic's `max.message.bytes`"
                );
                Some(Refusal::new(row, "record_too_large", message))
            } else {
                None
            }
        };
        Ok(sizes(records).into_iter().enumerate().filter_map(refusal).collect())
    }

    /// How many partitions the topics have that rows choose, and the default one if rows choose
    /// its partition.
    fn counts<'a>(
        &'a self,
        topics: Option<&'a StringArray>,
        default: bool,
    ) -> Result<HashMap<&'a str, Option<i32>>> {
        let mut counts = HashMap::new();
        let chosen = topics.into_iter().flat_map(|topics| topics.iter().flatten());
        let chosen = chosen.filter(|name| is_topic(name));
        for topic in chosen.chain(default.then_some(self.plan.default_topic.as_str())) {
            if !counts.contains_key(topic) {
                counts.insert(topic, (self.partitions)(topic)?);
            }
        }
        Ok(counts)
    }
}

/// Whether a topic can have this name, by Kafka's rules.
fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !matches!(name, "" | "." | "..") && name.len() <= TOPIC_BYTES_MAX && name.bytes().all(legal)
}

impl Operator for Records {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let make =
            |range: Range<usize>| records(&self.plan, &batch.slice(range.start, range.len()).rows);
        let (made, refused) = isolate(batch.len(), make);
        for (range, records) in made {
            self.send(&batch.slice(range.start, range.len()), records, out)?;
        }
        let refusal =
            |(row, error): (usize, Error)| Refusal::new(row, "sql_error", error.to_string());
        let refusals: Vec<Refusal> = refused.into_iter().map(refusal).collect();
        if !refusals.is_empty() {
            out.emit(ERRORS, letters(&self.refuser, &batch, &refusals)?);
        }
        Ok(())
    }
}

/// The bytes of each record.
fn sizes(records: &RecordBatch) -> Vec<usize> {
    let mut sizes = vec![FRAME_BYTES; records.num_rows()];
    for (field, column) in records.schema().fields().iter().zip(records.columns()) {
        if let Some(values) = column.as_binary_opt::<i32>() {
            let name = if field.name().starts_with("header.") { field.name().len() } else { 0 };
            for (size, ends) in sizes.iter_mut().zip(values.value_offsets().windows(2)) {
                *size += name + (ends[1] - ends[0]) as usize;
            }
        }
    }
    sizes
}

fn records(plan: &RecordsPlan, rows: &RecordBatch) -> Result<RecordBatch> {
    let evaluate = |expr: &Arc<dyn PhysicalExpr>| -> Result<ArrayRef> {
        Ok(expr.evaluate(rows)?.into_array(rows.num_rows())?)
    };
    let mut columns = Vec::with_capacity(plan.schema.fields().len());
    for expr in [&plan.topic, &plan.partition, &plan.key, &plan.timestamp].into_iter().flatten() {
        columns.push(evaluate(expr)?);
    }
    columns.push(match &plan.value {
        RecordValue::Json => Arc::new(json(rows)?),
        RecordValue::Expr(expr) => evaluate(expr)?,
        RecordValue::Payload => Arc::new(payloads(rows)?),
    });
    for (_, expr) in &plan.headers {
        columns.push(evaluate(expr)?);
    }
    record_batch(plan.schema.clone(), columns, rows.num_rows())
}

/// Each row as a JSON object; nulls are left out, as in files.
fn json(rows: &RecordBatch) -> Result<BinaryArray> {
    let options = EncoderOptions::default().with_encoder_factory(Arc::new(Instants));
    let row = StructArray::from(rows.clone());
    let field: FieldRef = Arc::new(Field::new("row", row.data_type().clone(), false));
    let mut encoder = make_encoder(&field, &row, &options)?;
    let mut bytes = Vec::with_capacity(rows.get_array_memory_size().min(1 << 20));
    let mut ends = Vec::with_capacity(rows.num_rows() + 1);
    ends.push(0_i32);
    for at in 0..rows.num_rows() {
        encoder.encode(at, &mut bytes);
        let end = i32::try_from(bytes.len());
        ends.push(end.map_err(|_| Error::internal("a batch makes over 2 GiB of records"))?);
    }
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    Ok(BinaryArray::try_new(ends, Buffer::from_vec(bytes), None)?)
}

/// What dead letters were before.
fn payloads(letters: &RecordBatch) -> Result<BinaryArray> {
    let column = |name: &str| {
        let column = letters.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        column.ok_or_else(|| Error::internal("a dead letter without its payload"))
    };
    let (encodings, payloads) = (column("encoding")?, column("payload")?);
    let mut values = BinaryBuilder::with_capacity(letters.num_rows(), payloads.value_data().len());
    for row in 0..letters.num_rows() {
        values.append_value(dead_letter::bytes(encodings.value(row), payloads.value(row))?);
    }
    Ok(values.finish())
}
