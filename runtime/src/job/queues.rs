//! Whether rows still wait to come to their steps again, once all sources are at their end.

use std::sync::Arc;

use crate::metrics::{Metrics, QueueMetrics};
use crate::plan::{NodeKind, Plan};

/// The queues of a job.
pub struct Queues {
    all: Vec<Arc<QueueMetrics>>,
    /// How many rows had gone into queues and out of them when the last barrier went out. `None`
    /// if sources were being read.
    noted: Option<u64>,
}

impl Queues {
    pub fn of(plan: &Plan, metrics: &Metrics) -> Self {
        let nodes = plan.nodes.iter().zip(&metrics.nodes);
        let queues = nodes.filter(|(node, _)| matches!(node.kind, NodeKind::Queue(_)));
        Self { all: queues.map(|(_, metrics)| metrics.queue.clone()).collect(), noted: None }
    }

    /// Whether there is no queue at all.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A barrier goes out; `ended` if all sources are at their end.
    pub fn note(&mut self, ended: bool) {
        self.noted = ended.then(|| self.moved());
    }

    /// Whether no row waits and none is on its way to a queue, now that all tasks have met the last
    /// barrier: rows that were before it have arrived, and none has set out since.
    pub fn are_quiet(&self) -> bool {
        let waiting: u64 = self.all.iter().map(|queue| queue.waiting()).sum();
        waiting == 0 && self.noted == Some(self.moved())
    }

    fn moved(&self) -> u64 {
        self.all.iter().map(|queue| queue.queued.get() + queue.retried.get()).sum()
    }
}
