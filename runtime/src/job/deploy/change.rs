//! What takes effect at a barrier.

use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::error::{Error, Result};
use crate::plan::Deployment;
use crate::swap::{Placed, SwapRecord};

/// A swap, or the end of a trial, that takes effect at the next barrier.
pub struct Change {
    pub deployment: Arc<Deployment>,
    pub(super) placed: Placed,
    /// The last one is what the requester hears.
    pub(super) records: Vec<SwapRecord>,
    pub(super) reply: Option<Sender<Result<SwapRecord>>>,
    /// Of the deployments that it was made for.
    pub(super) made_for: Arc<()>,
    /// What ran of the part when this was made: something else by now makes it void.
    pub(super) generation: u64,
}

impl Change {
    /// Tells whoever asked how it ended.
    pub fn answer(&mut self, answer: Result<()>) {
        let Some(reply) = self.reply.take() else { return };
        let record = self.records.last().cloned();
        let record = record.ok_or_else(|| Error::internal("a change without a record"));
        // Whoever asked may be gone.
        let _ = reply.send(answer.and(record));
    }
}
