//! Counters of a running job, shared by all lanes.

mod observed;
mod plugin;

pub use observed::{Observations, Observed, SharedObservations, Unobserved};
pub use plugin::{FAILURE_CODES, PluginCounts, PluginMetrics};

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::Partition;
use crate::tap::Tap;
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
    /// Microseconds at work, summed over all lanes; of operators and sinks.
    pub busy: Counter,
    /// Of nodes that run a plugin: that of the step, over all versions of it and all tries of the
    /// job. A step and the queue behind it have one together.
    pub plugin: Option<Arc<PluginMetrics>>,
    /// Of the queue of a step with `retry`.
    pub queue: Arc<QueueMetrics>,
    /// Of nodes that declare event time, and of steps with state.
    pub time: TimeMetrics,
    /// Of sources and sinks.
    pub health: Arc<Health>,
    pub source: Arc<SourceMetrics>,
    /// To look at the rows that it gives. It outlives a restart of the job.
    pub tap: Arc<Tap>,
}

/// Rows that wait to come to their step again.
#[derive(Debug, Default)]
pub struct QueueMetrics {
    waiting: AtomicU64,
    /// Rows that were put into the queue, again and again counted.
    pub queued: Counter,
    /// Rows that were given to the step again.
    pub retried: Counter,
    /// Rows that became dead letters after that.
    pub given_up: Counter,
}

impl QueueMetrics {
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Makes room for up to `rows` more where at most `max` may wait. Returns for how many.
    pub fn reserve(&self, rows: u64, max: u64) -> u64 {
        let add = |waiting: u64| Some(waiting.saturating_add(rows).min(max.max(waiting)));
        let before = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        let before = before.unwrap_or_else(|same| same);
        max.saturating_sub(before).min(rows)
    }

    /// Rows that wait whatever the bound.
    pub fn add(&self, rows: u64) {
        self.waiting.fetch_add(rows, Ordering::AcqRel);
    }

    pub fn remove(&self, rows: u64) {
        self.waiting.fetch_sub(rows, Ordering::AcqRel);
    }
}

impl NodeMetrics {
    /// It has worked from `started` until now.
    pub fn worked_since(&self, started: Instant) {
        self.busy.add(started.elapsed().as_micros() as u64);
    }
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

/// How far a source is behind what there is to read, and what it left out. Only of sources that
/// can tell.
#[derive(Debug, Default)]
pub struct SourceMetrics {
    partitions: Mutex<BTreeMap<String, Arc<Lag>>>,
    /// Records without a value that the pipeline file says to skip.
    pub tombstones_skipped: Counter,
    /// Records that were gone before they were read, as far as they can be counted.
    pub records_lost: Counter,
}

impl SourceMetrics {
    /// The lag of a partition, at 0 at first.
    pub fn partition(&self, name: &str) -> Arc<Lag> {
        self.lock().entry(name.to_owned()).or_default().clone()
    }

    /// The partition is no longer read.
    pub fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    /// All partitions, by name.
    pub fn partitions(&self) -> BTreeMap<String, Arc<Lag>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Lag>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far one partition has been read, and how far it goes.
#[derive(Debug, Default)]
pub struct Lag {
    /// The offset of the next record to be read.
    next: AtomicU64,
    /// The offset that the next record to be written will have.
    end: AtomicU64,
    /// When the record was written that was read last, in milliseconds since 1970; 0: unknown.
    read_ms: AtomicU64,
}

impl Lag {
    /// All records before the offset `next` are read.
    pub fn read(&self, next: u64) {
        self.next.store(next, Ordering::Relaxed);
    }

    /// The record that was read last is of this time, in milliseconds since 1970.
    pub fn read_at(&self, ms: u64) {
        self.read_ms.store(ms, Ordering::Relaxed);
    }

    /// The partition ends before the offset `end`.
    pub fn ends(&self, end: u64) {
        self.end.store(end, Ordering::Relaxed);
    }

    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The end, which is never before what was read.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed).max(self.next())
    }

    pub fn records(&self) -> u64 {
        self.end() - self.next()
    }

    /// Seconds since the last record that was read was written, or 0 where nothing is left to
    /// read. `None` if nothing was read yet. `now_ms`: since 1970.
    pub fn seconds(&self, now_ms: u64) -> Option<f64> {
        match (self.records(), self.read_ms.load(Ordering::Relaxed)) {
            (0, _) => Some(0.0),
            (_, 0) => None,
            (_, read) => Some(now_ms.saturating_sub(read) as f64 / 1e3),
        }
    }
}

/// Whether what a source or sink needs of the outside answers. It outlives a restart of the job.
#[derive(Debug, Default)]
pub struct Health(Mutex<Faults>);

/// What is wrong is not said again in the log for so long.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Faults {
    /// When the log was told of what.
    told: HashMap<String, Instant>,
    /// What the source or sink says itself.
    down: Option<Down>,
    /// What the job restarted for, until it is seen to work again.
    failed: Option<Down>,
}

/// Something that does not answer.
#[derive(Debug, Clone)]
pub struct Down {
    pub since: Instant,
    pub reason: String,
}

impl Health {
    /// It answers.
    pub fn up(&self) {
        self.lock().down = None;
    }

    /// It does not answer, for this reason.
    pub fn down(&self, reason: impl Into<String>) {
        let mut faults = self.lock();
        let since = faults.down.as_ref().map_or_else(Instant::now, |down| down.since);
        faults.down = Some(Down { since, reason: reason.into() });
    }

    /// The job starts again for this reason.
    pub fn failed(&self, reason: impl Into<String>) {
        let mut faults = self.lock();
        let before = faults.failed.as_ref().or(faults.down.as_ref());
        let since = before.map_or_else(Instant::now, |down| down.since);
        faults.failed = Some(Down { since, reason: reason.into() });
    }

    /// What was the job's failure is over.
    pub fn works(&self) {
        self.lock().failed = None;
    }

    /// Whether the log is to be told of `what`: it may come up many times a second.
    pub fn is_news(&self, what: &str) -> bool {
        let mut faults = self.lock();
        let now = Instant::now();
        faults.told.retain(|_, at| now.duration_since(*at) < SILENCE);
        if faults.told.contains_key(what) {
            return false;
        }
        faults.told.insert(what.to_owned(), now);
        true
    }

    /// `None` as long as it answers.
    pub fn get(&self) -> Option<Down> {
        let faults = self.lock();
        faults.down.as_ref().or(faults.failed.as_ref()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a whole job.
#[derive(Debug)]
pub struct Metrics {
    /// One entry per node of the plan, by its index.
    pub nodes: Vec<NodeMetrics>,
    /// The plugins that SQL calls, by the functions' names; over all tries of the job.
    pub functions: Vec<(String, Arc<PluginMetrics>)>,
}

impl Metrics {
    /// The numbers of each plugin, by its step or function; what a step was split into has them
    /// together.
    pub fn plugins(&self) -> BTreeMap<String, PluginCounts> {
        let steps = self.nodes.iter().filter_map(|node| {
            let step = node.name.split('#').next().unwrap_or_default();
            Some((step.to_owned(), node.plugin.as_ref()?.counts()))
        });
        let functions = self.functions.iter();
        let functions = functions.map(|(name, plugin)| (name.clone(), plugin.counts()));
        steps.chain(functions).collect()
    }
}
