//! The contract of what stands between sources and sinks.

use crate::batch::Batch;
use crate::error::Result;

/// One transformation, in one lane.
///
/// The task calls `process` for each batch of its input, one call at a time, and sends on what is
/// in `out` before the next call. An operator never sees a barrier, a channel or a clock.
pub trait Operator: Send {
    /// Transforms a batch that has at least one row.
    ///
    /// # Errors
    /// Ends the job. What is wrong with single rows leaves on a port instead.
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()>;
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
