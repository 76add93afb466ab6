//! Rows on their way to the task that has their key's state.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::Fields;
use crossbeam_channel::{Receiver, Sender, bounded};
use datafusion::physical_expr::PhysicalExpr;

use super::{Barrier, Message};
use crate::batch::Batch;
use crate::codec::isolate;
use crate::error::{Error, Result};
use crate::operators::evaluate;
use crate::state::{EncodedRows, RowCodec, key_group, task_of_group};
use crate::watermark::InputTime;

/// So many messages wait between two tasks; then the sender waits, and with it the source.
const IN_FLIGHT_MAX: usize = 8;

/// A channel from one task to another.
pub fn channel() -> (Sender<Message>, Receiver<Message>) {
    bounded(IN_FLIGHT_MAX)
}

/// The end of a chain before a step with state.
pub struct Exchange {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    codec: RowCodec,
    encoded: EncodedRows,
    tasks: Vec<Sender<Message>>,
    /// For each task the rows of a batch that are its own.
    rows: Vec<Vec<u32>>,
    time: InputTime,
}

/// The job is over, and why was reported by someone else.
pub struct Closed;

impl Exchange {
    /// # Errors
    /// If a key's type can't be a key.
    pub fn new(
        step: &str,
        keys: &[Arc<dyn PhysicalExpr>],
        fields: &Fields,
        tasks: Vec<Sender<Message>>,
    ) -> Result<Self> {
        let codec = RowCodec::new(fields)
            .map_err(|e| Error::config(format!("step `{step}` can't have such a key: {e}")))?;
        Ok(Self {
            keys: keys.to_vec(),
            codec,
            encoded: EncodedRows::default(),
            rows: vec![Vec::new(); tasks.len()],
            tasks,
            time: InputTime::At(crate::time::Watermark::NONE),
        })
    }

    /// Sends each row to the task of its key. Rows whose key can't be computed go to the first
    /// one: the step itself will refuse them.
    pub fn send(&mut self, batch: Batch) -> Result<Result<(), Closed>> {
        if self.tasks.len() == 1 {
            return Ok(self.tell(0, Message::Rows(batch)));
        }
        let Ok(keys) = evaluate(&self.keys, &batch.rows) else {
            return self.send_isolated(&batch);
        };
        self.send_with(&batch, &keys)
    }

    fn send_with(&mut self, batch: &Batch, keys: &[ArrayRef]) -> Result<Result<(), Closed>> {
        self.codec.encode(keys, batch.len(), &mut self.encoded)?;
        let tasks = self.tasks.len();
        self.rows.iter_mut().for_each(Vec::clear);
        for (row, key) in self.encoded.iter().enumerate() {
            self.rows[task_of_group(key_group(key), tasks)].push(row as u32);
        }
        for task in 0..tasks {
            let rows = &self.rows[task];
            if rows.is_empty() {
                continue;
            }
            let own = match rows.len() == batch.len() {
                true => batch.clone(),
                false => batch.take(&UInt32Array::from(rows.clone()))?,
            };
            if self.tell(task, Message::Rows(own)).is_err() {
                return Ok(Err(Closed));
            }
        }
        Ok(Ok(()))
    }

    fn send_isolated(&mut self, batch: &Batch) -> Result<Result<(), Closed>> {
        let keys = self.keys.clone();
        let part = |range: std::ops::Range<usize>| {
            evaluate(&keys, &batch.rows.slice(range.start, range.len()))
        };
        let (good, bad) = isolate(batch.len(), part);
        for (range, keys) in good {
            let part = batch.slice(range.start, range.len());
            if self.send_with(&part, &keys)?.is_err() {
                return Ok(Err(Closed));
            }
        }
        let bad: UInt32Array = bad.iter().map(|(row, _)| *row as u32).collect();
        Ok(self.tell(0, Message::Rows(batch.take(&bad)?)))
    }

    /// Whether nothing is to be waited for, as was said last.
    pub fn is_idle(&self) -> bool {
        self.time == InputTime::Idle
    }

    /// Says how far event time has come, if that is news.
    pub fn time(&mut self, time: InputTime) -> Result<(), Closed> {
        if time == self.time {
            return Ok(());
        }
        self.time = time;
        (0..self.tasks.len()).try_for_each(|task| self.tell(task, Message::Time(time)))
    }

    pub fn barrier(&self, barrier: &Barrier) -> Result<(), Closed> {
        (0..self.tasks.len())
            .try_for_each(|task| self.tell(task, Message::Barrier(barrier.clone())))
    }

    fn tell(&self, task: usize, message: Message) -> Result<(), Closed> {
        self.tasks[task].send(message).map_err(|_| Closed)
    }
}
