//! Dead letters of one step, as rows for that step.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};
use serde::Deserialize;

use super::{Activity, OpenContext, Poll, Position, Positions, Reading, Source};
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::codec::decode_payloads;
use crate::dead_letter::{self, Encoding};
use crate::error::{Error, Result};
use crate::plan::ReplayPlan;

/// What a replay needs of a dead letter.
#[derive(Debug, Deserialize)]
struct Letter {
    step: String,
    code: String,
    encoding: String,
    payload: String,
}

/// Dead letters whose payload is only a part of the row.
const CUT_CODES: [&str; 1] = ["too_long"];

pub fn open(name: &str, plan: &ReplayPlan, context: &OpenContext) -> Result<ReplayReader> {
    let position = |path: &PathBuf| context.positions.get(&partition(path));
    let left = |path: &&PathBuf| position(path).is_none_or(|position| !position.done);
    Ok(ReplayReader {
        source: name.to_owned(),
        step: plan.step.clone(),
        files: plan.files.iter().filter(left).cloned().collect(),
        schema: context.schema.clone(),
        batch_rows: context.batch_rows,
        before: context.positions.clone(),
        waiting: VecDeque::new(),
        changed: Positions::new(),
    })
}

/// The files of dead letters that a source of this name has not replayed yet.
pub fn partition(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub struct ReplayReader {
    source: String,
    step: String,
    files: VecDeque<PathBuf>,
    schema: SchemaRef,
    batch_rows: usize,
    /// How far earlier replays came.
    before: Positions,
    waiting: VecDeque<(Batch, Position)>,
    changed: Positions,
}

impl Source for ReplayReader {
    fn poll(&mut self, _: Duration) -> Result<Poll> {
        loop {
            if let Some((batch, position)) = self.waiting.pop_front() {
                self.changed.insert(batch.origin.partition.name.clone(), position);
                return Ok(Poll::Batch(batch));
            }
            let Some(path) = self.files.pop_front() else { return Ok(Poll::Finished) };
            self.read(&path)?;
        }
    }

    fn activity(&self) -> Activity {
        let waiting = self.waiting.front().map(|(batch, _)| batch.origin.partition.clone());
        let reading = waiting.into_iter().map(Reading::busy).collect();
        Activity { reading, unread: !self.files.is_empty() }
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }
}

impl ReplayReader {
    fn read(&mut self, path: &std::path::Path) -> Result<()> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        let mut are_records = true;
        for line in text.lines() {
            let letter: Letter = serde_json::from_str(line).map_err(|e| {
                Error::corrupt(format!("{} holds no dead letters", path.display())).with(e)
            })?;
            if letter.step == self.step && !CUT_CODES.contains(&letter.code.as_str()) {
                are_records &= letter.encoding != Encoding::Json.name();
                payloads.push(dead_letter::bytes(&letter.encoding, &letter.payload)?);
            }
        }
        let name = partition(path);
        let partition = Arc::new(Partition { source: self.source.clone(), name: name.clone() });
        let total = payloads.len();
        let mut first = self.before.get(&name).map_or(0, |position| position.rows as usize);
        if first >= total {
            // Nothing of this step is left: the file is done without a row.
            let position = Position { rows: total as u64, offset: 0, done: true, id: None };
            self.changed.insert(name, position);
            return Ok(());
        }
        let payloads = &payloads[first..];
        for part in payloads.chunks(self.batch_rows) {
            let payloads = BinaryArray::from_iter_values(part);
            let rows = match are_records {
                true => records(&self.schema, payloads)?,
                false => decode_payloads(&self.schema, payloads)?,
            };
            let origin = Origin::consecutive(partition.clone(), first as u64);
            first += part.len();
            let position =
                Position { rows: first as u64, offset: 0, done: first == total, id: None };
            self.waiting.push_back((Batch::new(rows, origin), position));
        }
        Ok(())
    }
}

/// Records as they came in. What stood beside them is not in their dead letters.
fn records(schema: &SchemaRef, payloads: BinaryArray) -> Result<RecordBatch> {
    let rows = payloads.len();
    match schema.fields().as_ref() {
        [record, beside @ ..] if *record.data_type() == DataType::Binary => {
            let beside = beside.iter().map(|field| new_null_array(field.data_type(), rows));
            let columns = std::iter::once(Arc::new(payloads) as ArrayRef).chain(beside);
            record_batch(schema.clone(), columns.collect(), rows)
        }
        _ => decode_payloads(schema, payloads),
    }
}
