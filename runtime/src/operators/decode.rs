//! Records to columns; those that do not fit go to `errors`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::Schema;

use crate::batch::{Batch, record_batch};
use crate::codec::{self, RecordReader};
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::operator::{Operator, Outputs};
use crate::plan::DecodePlan;
use crate::plan::columns::cast_batch;

const MAIN: usize = 0;
const ERRORS: usize = 1;

pub struct Decode {
    plan: DecodePlan,
    refuser: Refuser,
    reader: RecordReader,
}

impl Decode {
    /// # Errors
    /// If Arrow's reader does not know a type of the schema.
    pub fn new(node: &str, plan: &DecodePlan) -> Result<Self> {
        let refuser = Refuser { step: node.to_owned(), plugin: None };
        let reader = RecordReader::new(plan.format, &plan.csv, &plan.read_as)?;
        Ok(Self { plan: plan.clone(), refuser, reader })
    }
}

impl Operator for Decode {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let records = batch.rows.column(0).as_binary::<i32>();
        let decoded = match records.nulls() {
            None => self.decode(records)?,
            Some(nulls) => self.decode_between(records, nulls)?,
        };
        let Decoded { rows, good, refusals } = decoded;
        if refusals.is_empty() {
            let rows = self.beside(rows, &batch)?;
            out.emit(MAIN, Batch::new(rows, batch.origin));
            return Ok(());
        }
        let kept = batch.take(&UInt32Array::from(good))?;
        out.emit(MAIN, Batch::new(self.beside(rows, &kept)?, kept.origin));
        // What can be replayed is the record alone.
        let records = Batch::new(batch.rows.project(&[0])?, batch.origin);
        out.emit(ERRORS, letters(&self.refuser, &records, &refusals)?);
        Ok(())
    }
}

/// What has become of a batch.
struct Decoded {
    /// One for each of `good`.
    rows: RecordBatch,
    /// The records that fit, in order; of no meaning if all do.
    good: Vec<u32>,
    /// The others, in order.
    refusals: Vec<Refusal>,
}

impl Decode {
    /// Records none of which is null.
    fn decode(&mut self, records: &BinaryArray) -> Result<Decoded> {
        let mut decoded = codec::Decoded::default();
        if !records.is_empty() {
            self.reader.decode(records, &mut decoded)?;
        }
        let rows = match decoded.parts.as_slice() {
            [only] => only.clone(),
            parts => concat_batches(&self.plan.read_as, parts)?,
        };
        decoded.refusals.sort_by_key(|refusal| refusal.row);
        Ok(Decoded { rows, good: decoded.good, refusals: decoded.refusals })
    }

    /// Where a record is null, all columns of its row are.
    fn decode_between(&mut self, records: &BinaryArray, nulls: &NullBuffer) -> Result<Decoded> {
        let valid: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
        let some = take(records, &UInt32Array::from(valid.clone()), None)?;
        let mut decoded = self.decode(some.as_binary::<i32>())?;
        let mut refused = decoded.refusals.iter_mut().map(|refusal| {
            refusal.row = valid[refusal.row as usize];
            refusal.row
        });
        let mut next_refused = refused.next();
        // For each row that goes on its row in `decoded`, if it has one.
        let mut rows: Vec<Option<u32>> = Vec::new();
        let mut good = Vec::new();
        let mut next = 0;
        for row in 0..records.len() as u32 {
            if next_refused == Some(row) {
                next_refused = refused.next();
                continue;
            }
            good.push(row);
            rows.push(nulls.is_valid(row as usize).then(|| {
                next += 1;
                next - 1
            }));
        }
        drop(refused);
        decoded.rows = take_record_batch(&decoded.rows, &UInt32Array::from(rows))?;
        decoded.good = good;
        Ok(decoded)
    }

    /// The decoded columns, and beside them what stands beside the records in `batch`.
    fn beside(&self, rows: RecordBatch, batch: &Batch) -> Result<RecordBatch> {
        let beside = &batch.rows.columns()[1..];
        let columns: Vec<_> = rows.columns().iter().chain(beside).cloned().collect();
        let fields = self.plan.read_as.fields().iter();
        let fields = fields.chain(&batch.rows.schema_ref().fields()[1..]).cloned();
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        cast_batch(&record_batch(schema, columns, batch.len())?, &self.plan.schema)
    }
}
