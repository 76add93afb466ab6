//! Counters of a running job, shared by all lanes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

/// One entry per node of the plan, by its index.
#[derive(Debug)]
pub struct Metrics {
    pub nodes: Vec<NodeMetrics>,
}
