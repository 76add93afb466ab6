//! The operator of keyed plugins by itself: any cutting into batches, any steps of event time, and
//! restarts at any parallelism give the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{
    ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Int64Type, Schema};
use millrace::batch::{Batch, Origin, Partition};
use millrace::config::{LimitsConfig, OnFailure};
use millrace::epoch::Epoch;
use millrace::error::Result;
use millrace::operator::{Operator, Outputs};
use millrace::operators::KeyedStep;
use millrace::plan::{KeyedPlan, Order, PluginRequest};
use millrace::planner::plan_keyed;
use millrace::plugin::PluginHost;
use millrace::state::{
    Changes, CommittedState, EncodedRows, RowCodec, Segment, StateBackend, StateOptions, key_group,
    task_of_group,
};
use millrace::storage::LocalStorage;
use millrace::time::Watermark;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::harness::plugins;

const SECOND: i64 = 1_000_000;
/// The plugin reports a key so long after its last row.
const REPORT: i64 = 2 * SECOND;

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn clock() -> i64 {
    CLOCK.load(Ordering::Relaxed)
}

/// A row: key, number, time.
type Row = (String, i64, i64);

/// A row of output: key, sum. Reports have no number.
type Sum = (String, Option<i64>, i64);

fn plan(host: &PluginHost, mode: &str, order: Order) -> KeyedPlan {
    let limits = LimitsConfig::default();
    let config = format!("{{\"mode\": \"{mode}\"}}");
    let request = PluginRequest {
        plugin: "hostile",
        config: &config,
        input: &schema().fields().clone(),
        limits: &limits,
        grants: millrace::plan::Grants::EVERYTHING,
        deterministic: None,
    };
    let plan = plan_keyed("h", &request, OnFailure::Stop, &[0], host);
    let mut plan = plan.unwrap_or_else(|refusals| panic!("{refusals:?}"));
    plan.order = order;
    plan.late = Some(3);
    plan
}

fn host() -> Arc<PluginHost> {
    Arc::new(PluginHost::new(Path::new(""), &[plugins()]))
}

fn schema() -> Arc<Schema> {
    batch(&[], 0, "p").rows.schema()
}

fn batch(rows: &[Row], first: u64, partition: &str) -> Batch {
    let keys: ArrayRef = Arc::new(rows.iter().map(|row| Some(&row.0)).collect::<StringArray>());
    let numbers: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.1)).collect::<Int64Array>());
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.2)).collect();
    let columns = [("k", keys), ("n", numbers), ("at", Arc::new(times) as ArrayRef)];
    let columns = columns.map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let partition = Partition { source: "s".into(), name: partition.into() };
    Batch::new(rows, Origin::consecutive(Arc::new(partition), first))
}

/// The tasks of a step, with its state on disk.
struct Tasks {
    host: Arc<PluginHost>,
    plan: KeyedPlan,
    directory: TempDir,
    segments: Vec<Segment>,
    steps: Vec<KeyedStep>,
    epoch: u64,
    out: Outputs,
}

impl Tasks {
    fn new(plan: KeyedPlan, host: Arc<PluginHost>) -> Self {
        let directory = TempDir::new().unwrap();
        let (segments, steps) = (Vec::new(), Vec::new());
        Self { host, plan, directory, segments, steps, epoch: 0, out: Outputs::default() }
    }

    /// Starts so many tasks from what was last frozen.
    fn open(&mut self, tasks: usize, reached: Watermark) -> Result<()> {
        let segments = self.segments.clone();
        let committed =
            CommittedState { epoch: Epoch(self.epoch), segments, ..CommittedState::default() };
        let options = StateOptions { memory_max: 1 << 20, keep: 0 };
        let storage = Arc::new(LocalStorage);
        let backend = StateBackend::open(self.directory.path(), storage, committed, options)?;
        self.steps.clear();
        for task in 0..tasks {
            let state = backend.step("h", task, tasks)?;
            let times = (reached, clock as fn() -> i64);
            self.steps.push(KeyedStep::open(&self.plan, &self.host, state, times)?);
        }
        Ok(())
    }

    fn process(&mut self, batch: &Batch) -> Result<()> {
        let codec = RowCodec::new(&self.plan.key_fields).unwrap();
        let mut keys = EncodedRows::default();
        codec.encode(&batch.rows.columns()[..1], batch.len(), &mut keys).unwrap();
        let tasks = self.steps.len();
        for (task, step) in self.steps.iter_mut().enumerate() {
            let own = |row: &u32| task_of_group(key_group(keys.row(*row as usize)), tasks) == task;
            let rows: Vec<u32> = (0..batch.len() as u32).filter(own).collect();
            if !rows.is_empty() {
                step.process(batch.take(&UInt32Array::from(rows)).unwrap(), &mut self.out)?;
            }
        }
        Ok(())
    }

    fn watermark(&mut self, watermark: Watermark) -> Result<()> {
        self.steps.iter_mut().try_for_each(|step| step.watermark(watermark, &mut self.out))
    }

    fn freeze(&mut self) {
        self.epoch += 1;
        for (task, step) in self.steps.iter_mut().enumerate() {
            let mut changes = Changes::new();
            step.freeze(&mut changes, &mut self.out).unwrap();
            let name = format!("{}-{task}", self.epoch);
            let directory = self.directory.path();
            let sealed = changes.seal(&LocalStorage, directory, &name, Epoch(self.epoch)).unwrap();
            self.segments.extend(sealed);
        }
    }

    /// All rows so far, in order; none are late and none are refused.
    fn sums(&self) -> Vec<Sum> {
        let mut sums = Vec::new();
        for (port, batch) in &self.out.emitted {
            assert!(*port < 2, "port {port}: {:?}", batch.rows);
            let column = |name: &str| batch.rows.column_by_name(name);
            let keys = column("k").unwrap().as_string::<i32>();
            let totals = column("sum").unwrap().as_primitive::<Int64Type>();
            for row in 0..batch.len() {
                let number = column("n").map(|n| n.as_primitive::<Int64Type>().value(row));
                sums.push((keys.value(row).to_owned(), number, totals.value(row)));
            }
        }
        sums.sort();
        sums
    }
}

/// What the plugin must give for rows in the order of their times, in plain Rust; `ttl` after the
/// last row or timer of a key it is forgotten.
fn expected(rows: &[Row], ttl: Option<i64>) -> Vec<Sum> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| row.2);
    let mut known: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut sums = Vec::new();
    for (key, number, time) in sorted {
        let before = known.get(&key).copied();
        let mut sum = 0;
        if let Some((before, last)) = before {
            if last + REPORT <= time {
                sums.push((key.clone(), None, before));
            }
            let forgotten = ttl.is_some_and(|ttl| last + REPORT + ttl <= time);
            sum = if forgotten { 0 } else { before };
        }
        sum += number;
        known.insert(key.clone(), (sum, time));
        sums.push((key, Some(number), sum));
    }
    sums.extend(known.into_iter().map(|(key, (sum, _))| (key, None, sum)));
    sums.sort();
    sums
}

/// Rows with distinct times, out of order within a span.
fn rows(rng: &mut StdRng, count: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..count as i64)
        .map(|n| (format!("k{}", rng.random_range(0..12)), n + 1, n * 150_000 + 7))
        .collect();
    for chunk in rows.chunks_mut(10) {
        for at in (1..chunk.len()).rev() {
            chunk.swap(at, rng.random_range(0..=at));
        }
    }
    rows
}

fn run(seed: u64, mode: &str, ttl: Option<i64>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let rows = rows(&mut rng, 300);
    let host = host();
    let mut plan = plan(&host, mode, Order::EventTime { column: 2, lag: 0 });
    plan.state_ttl = ttl;
    let mut tasks = Tasks::new(plan, host);
    tasks.open(rng.random_range(1..5), Watermark::NONE).unwrap();
    let mut given = 0;
    let mut watermark = Watermark::NONE;
    while given < rows.len() {
        let end = rows.len().min(given + rng.random_range(1..60));
        // Two partitions take turns; a row has the same number wherever it is cut.
        tasks.process(&batch(&rows[given..end], given as u64, ["a", "b"][end % 2])).unwrap();
        given = end;
        if rng.random_bool(0.7) {
            let earliest = rows[given..].iter().map(|row| row.2).min();
            let earliest = earliest.unwrap_or(rows.len() as i64 * 150_000);
            let at = Watermark(rng.random_range(earliest - 3 * SECOND..=earliest));
            watermark = watermark.max(at);
            tasks.watermark(watermark).unwrap();
        }
        if rng.random_bool(0.3) {
            tasks.freeze();
            if rng.random_bool(0.7) {
                let reached = tasks.steps[0].reached().unwrap();
                tasks.open(rng.random_range(1..7), reached).unwrap();
            }
        }
    }
    tasks.watermark(Watermark::END).unwrap();
    let (sums, expected) = (tasks.sums(), expected(&rows, ttl));
    let wrong: Vec<&Sum> = sums.iter().filter(|sum| !expected.contains(sum)).collect();
    let missing: Vec<&Sum> = expected.iter().filter(|sum| !sums.contains(sum)).collect();
    assert!(wrong.is_empty() && missing.is_empty(), "{seed}: wrong {wrong:?} missing {missing:?}");
    assert_eq!(sums.len(), expected.len(), "seed {seed}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..Default::default() })]

    /// State, large state, timers and rows that wait: all of it at once.
    #[test]
    fn the_result_depends_on_the_rows_alone(seed: u64) {
        run(seed, "well_behaved", None);
    }

    /// When a key is forgotten is a matter of its own rows, and not of how far others have come.
    #[test]
    fn a_state_expires_at_the_same_row_in_every_run(seed: u64) {
        run(seed, "sums_only", Some(SECOND));
    }
}

/// A delay on the machine's clock passes when the clock says so.
#[test]
fn timers_of_processing_time_go_by_the_clock() {
    let host = host();
    let mut tasks = Tasks::new(plan(&host, "sums_only", Order::Arrival { lag: 0 }), host);
    tasks.open(1, Watermark::NONE).unwrap();
    assert_eq!(tasks.steps[0].wakes_at(), None);
    CLOCK.store(5_000_000, Ordering::Relaxed);
    let rows = [("a".to_owned(), 1, 0), ("b".to_owned(), 5, 0), ("a".to_owned(), 2, 0)];
    tasks.process(&batch(&rows, 0, "p")).unwrap();
    let reports = |tasks: &Tasks| tasks.sums().iter().filter(|sum| sum.1.is_none()).count();
    let wakes_at = tasks.steps[0].wakes_at();
    assert!(wakes_at.is_some_and(|at| at <= 5_001_000), "{wakes_at:?}");
    let mut out = std::mem::take(&mut tasks.out);
    tasks.steps[0].wake(5_000_999, &mut out).unwrap();
    tasks.out = out;
    assert_eq!(reports(&tasks), 0);
    tasks.freeze();
    tasks.open(1, Watermark::NONE).unwrap();
    let mut out = std::mem::take(&mut tasks.out);
    tasks.steps[0].wake(5_001_000, &mut out).unwrap();
    tasks.out = out;
    assert_eq!(reports(&tasks), 2);
    assert_eq!(tasks.steps[0].wakes_at(), None);
}

/// A plugin may bring the state of an older version to today's; any other is refused by name.
#[test]
fn state_of_an_older_version_is_migrated_or_refused() {
    let host = host();
    let order = Order::Arrival { lag: 0 };
    let mut tasks = Tasks::new(plan(&host, "sums_only", order), host);
    // The plugin of old, which kept twice the sum and called it version 1.
    tasks.plan.state_version = 1;
    tasks.open(1, Watermark::NONE).unwrap();
    tasks.process(&batch(&[("a".into(), 20, 0), ("b".into(), 40, 0)], 0, "p")).unwrap();
    tasks.freeze();
    tasks.plan.state_version = 2;
    tasks.open(1, Watermark::NONE).unwrap();
    tasks.process(&batch(&[("a".into(), 1, 0), ("c".into(), 1, 0)], 2, "p")).unwrap();
    let row = |key: &str, number, sum| (key.to_owned(), Some(number), sum);
    let expected = [row("a", 1, 11), row("a", 20, 20), row("b", 40, 40), row("c", 1, 1)];
    assert_eq!(tasks.sums(), expected);
    tasks.freeze();
    tasks.plan.reads_versions = Vec::new();
    tasks.open(1, Watermark::NONE).unwrap();
    tasks.process(&batch(&[("a".into(), 1, 0)], 4, "p")).unwrap();
    let error = tasks.process(&batch(&[("b".into(), 1, 0)], 5, "p")).unwrap_err();
    assert!(error.to_string().contains("state of version 1"), "{error}");
}
