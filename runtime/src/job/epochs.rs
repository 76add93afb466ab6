//! What an epoch has done, in numbers, for those who watch.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::epoch::Epoch;
use crate::plan::Input;
use crate::source::{Position, Positions};
use crate::state::StateTally;
use crate::task::{Tally, TimeTally};

/// A committed epoch.
#[derive(Debug)]
pub struct EpochReport {
    pub epoch: Epoch,
    /// When its first row could be read.
    pub begun: SystemTime,
    /// From then on until its barrier went out.
    pub reading: Duration,
    /// From then on until all tasks had made their part durable.
    pub staging: Duration,
    /// The checkpoint's transaction.
    pub committing: Duration,
    /// Until its output was in sight.
    pub publishing: Duration,
    /// Rows by the port that gave them; what a sink took is at its port 0.
    pub rows: BTreeMap<Input, u64>,
    /// The event times that were declared for its rows.
    pub times: TimeTally,
    /// What has changed in state, by node.
    pub states: BTreeMap<usize, StateTally>,
    /// By source: the partitions that have moved.
    pub moves: BTreeMap<String, Vec<Move>>,
}

/// How far a partition was read in an epoch.
#[derive(Debug, Clone)]
pub struct Move {
    pub partition: String,
    /// `None` if it was not begun before.
    pub start: Option<Position>,
    pub end: Position,
}

impl EpochReport {
    /// All of the epoch, from its first row to its output.
    pub fn duration(&self) -> Duration {
        self.reading + self.staging + self.committing + self.publishing
    }
}

/// Collects what the tasks report.
pub struct EpochRecorder {
    positions: BTreeMap<String, Positions>,
    /// When the epoch began that is being read.
    begun: (SystemTime, Instant),
    /// The epoch that is being collected: when it began, and when its barrier went out.
    collected: (SystemTime, Instant),
    barrier: Instant,
    rows: BTreeMap<Input, u64>,
    times: TimeTally,
    states: BTreeMap<usize, StateTally>,
}

impl EpochRecorder {
    /// Of a job that goes on at these positions.
    pub fn new(positions: BTreeMap<String, Positions>) -> Self {
        let begun = (SystemTime::now(), Instant::now());
        Self {
            positions,
            begun,
            collected: begun,
            barrier: begun.1,
            rows: BTreeMap::new(),
            times: TimeTally::default(),
            states: BTreeMap::new(),
        }
    }

    /// Sources are read from now on.
    pub fn begin(&mut self) {
        self.begun = (SystemTime::now(), Instant::now());
    }

    /// The barrier of an epoch goes out, and the next one begins.
    pub fn barrier(&mut self) {
        self.collected = self.begun;
        self.begin();
        self.barrier = self.begun.1;
    }

    /// One task's part of the epoch.
    pub fn add(&mut self, tally: Tally) {
        for (input, rows) in tally.rows {
            *self.rows.entry(input).or_default() += rows;
        }
        self.times.add(tally.times);
        if let Some((node, state)) = tally.state {
            self.states.entry(node).or_default().add(state);
        }
    }

    /// The epoch is complete: staged until `staged`, committed until `committed`, and published now.
    pub fn end(
        &mut self,
        epoch: Epoch,
        (staged, committed): (Instant, Instant),
        positions: &[(String, String, Position)],
    ) -> EpochReport {
        let mut moves: BTreeMap<String, Vec<Move>> = BTreeMap::new();
        for (source, partition, end) in positions {
            let known = self.positions.entry(source.clone()).or_default();
            let start = known.insert(partition.clone(), *end);
            let of_source = moves.entry(source.clone()).or_default();
            of_source.push(Move { partition: partition.clone(), start, end: *end });
        }
        let (begun, since) = self.collected;
        EpochReport {
            epoch,
            begun,
            reading: self.barrier.saturating_duration_since(since),
            staging: staged.saturating_duration_since(self.barrier),
            committing: committed.saturating_duration_since(staged),
            publishing: committed.elapsed(),
            rows: std::mem::take(&mut self.rows),
            times: std::mem::take(&mut self.times),
            states: std::mem::take(&mut self.states),
            moves,
        }
    }
}
