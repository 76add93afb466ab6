//! The contract of what stands between sources and sinks.

use crate::batch::Batch;
use crate::error::Result;
use crate::plan::Deployment;
use crate::state::Changes;
use crate::time::Watermark;

/// One transformation, in one task.
///
/// The task calls one method at a time and sends on what is in `out` before the next call. An
/// operator never sees a barrier, a channel or a clock.
pub trait Operator: Send {
    /// Transforms a batch that has at least one row.
    ///
    /// # Errors
    /// Ends the job. What is wrong with single rows leaves on a port instead.
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()>;

    /// Event time has moved on, over all inputs: called with growing values, after all rows that
    /// came before. What it emits goes on before the watermark does.
    ///
    /// # Errors
    /// Ends the job.
    fn watermark(&mut self, _: Watermark, _: &mut Outputs) -> Result<()> {
        Ok(())
    }

    /// An epoch ends: called once per epoch, after its last row. An operator with state writes
    /// what has changed since the last call; the modes `update` and `complete` emit here.
    ///
    /// # Errors
    /// Ends the job.
    fn freeze(&mut self, _: &mut Changes, _: &mut Outputs) -> Result<()> {
        Ok(())
    }

    /// When it wants to be called with the clock's time, in microseconds since 1970: the next of
    /// its timers of processing time.
    fn wakes_at(&self) -> Option<i64> {
        None
    }

    /// The clock has come to `now`, which is not before the time that it asked for.
    ///
    /// # Errors
    /// Ends the job.
    fn wake(&mut self, _now: i64, _: &mut Outputs) -> Result<()> {
        Ok(())
    }

    /// Other versions of a part run from here on: called of all operators, between two epochs and,
    /// where the checkpoint says so, before the first batch.
    ///
    /// # Errors
    /// Ends the job.
    fn deploy(&mut self, _: &Deployment) -> Result<()> {
        Ok(())
    }

    /// Up to where it has acted on event time, for the checkpoint: given to it again when it is
    /// opened after a restart. `None` if it has no state.
    fn reached(&self) -> Option<Watermark> {
        None
    }
}

/// Batches on their way out, each with the index of its port.
#[derive(Debug, Default)]
pub struct Outputs {
    pub emitted: Vec<(usize, Batch)>,
}

impl Outputs {
    /// Sends rows to a port. Nothing is sent for no rows.
    pub fn emit(&mut self, port: usize, batch: Batch) {
        if !batch.is_empty() {
            self.emitted.push((port, batch));
        }
    }
}
