//! Records to columns; those that do not fit go to `errors`.

use arrow::array::{AsArray, UInt32Array};
use arrow::compute::concat_batches;

use crate::batch::Batch;
use crate::codec::{Decoded, RecordReader};
use crate::dead_letter::{Refuser, letters};
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
        let mut decoded = Decoded::default();
        self.reader.decode(records, &mut decoded)?;
        let rows = match decoded.parts.as_slice() {
            [only] => only.clone(),
            parts => concat_batches(&self.plan.read_as, parts)?,
        };
        let rows = cast_batch(&rows, &self.plan.schema)?;
        if decoded.refusals.is_empty() {
            out.emit(MAIN, Batch::new(rows, batch.origin));
            return Ok(());
        }
        decoded.refusals.sort_by_key(|refusal| refusal.row);
        let good = UInt32Array::from(decoded.good);
        out.emit(MAIN, Batch::new(rows, batch.take_origin(&good)));
        out.emit(ERRORS, letters(&self.refuser, &batch, &decoded.refusals)?);
        Ok(())
    }
}
