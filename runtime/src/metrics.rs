//! Counters of a running job, shared by all lanes.

use std::sync::atomic::{AtomicU64, Ordering};

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
}

/// One entry per node of the plan, by its index.
#[derive(Debug)]
pub struct Metrics {
    pub nodes: Vec<NodeMetrics>,
}
