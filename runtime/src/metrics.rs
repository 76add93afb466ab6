//! Counters of a running job, shared by all lanes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::batch::Partition;
use crate::time::Watermark;
use crate::watermark::InputTime;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What went through one node of the plan.
#[derive(Debug)]
pub struct NodeMetrics {
    pub name: String,
    pub rows_in: Counter,
    /// Rows out by port, in the order of the plan's ports.
    pub ports: Vec<(String, Counter)>,
    /// Of nodes that declare event time, and of steps with state.
    pub time: TimeMetrics,
    /// Of sources and sinks.
    pub health: Arc<Health>,
}

/// How far event time has come at a node, and who holds it back.
#[derive(Debug, Default)]
pub struct TimeMetrics {
    lanes: Mutex<BTreeMap<usize, LaneTime>>,
}

/// A lane's event time, and the partition that holds it back.
type LaneTime = (InputTime, Option<Arc<Partition>>);

impl TimeMetrics {
    /// What one lane says, with the partition that holds it back.
    pub fn set(&self, lane: usize, time: InputTime, holder: Option<Arc<Partition>>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.insert(lane, (time, holder));
    }

    /// The lowest watermark of the lanes that are not idle, with the partition that holds it
    /// back, where one does. `None` if event time does not matter here, or all are idle.
    pub fn get(&self) -> Option<(Watermark, Option<Arc<Partition>>)> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let times = lanes.values().filter_map(|(time, holder)| match time {
            InputTime::At(watermark) => Some((*watermark, holder.clone())),
            InputTime::Idle => None,
        });
        times.min_by_key(|(watermark, _)| *watermark)
    }
}

/// Whether what a source or sink needs of the outside answers.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<Down>>);

/// Something that does not answer.
#[derive(Debug, Clone)]
pub struct Down {
    pub since: Instant,
    pub reason: String,
}

impl Health {
    /// It answers.
    pub fn up(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// It does not answer, for this reason.
    pub fn down(&self, reason: impl Into<String>) {
        let mut down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = down.as_ref().map_or_else(Instant::now, |down| down.since);
        *down = Some(Down { since, reason: reason.into() });
    }

    /// `None` as long as it answers.
    pub fn get(&self) -> Option<Down> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One entry per node of the plan, by its index.
#[derive(Debug)]
pub struct Metrics {
    pub nodes: Vec<NodeMetrics>,
}
