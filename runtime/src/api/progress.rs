//! Progress with the field names of Spark's StreamingQueryProgress, so that what reads the one can
//! read the other. What is not known is left out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::describe;
use crate::error::Error;
use crate::graph::{Graph, Group};
use crate::job::{EpochReport, Observer, Progress, Status};
use crate::metrics::{Metrics, Observed};
use crate::plan::{Input, NodeKind, Plan, SinkPlan, SourceNode};
use crate::source::Position;
use crate::time::Watermark;

/// So many are remembered.
pub const REMEMBERED: usize = 100;
/// Of a source with more partitions, only so many are named in one progress.
const PARTITIONS_MAX: usize = 100;

/// One committed epoch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamingQueryProgress {
    /// Of the checkpoint: the same over all runs of the pipeline.
    pub id: String,
    /// Of this run.
    pub run_id: String,
    pub name: String,
    /// When the epoch began, in UTC.
    pub timestamp: String,
    /// The epoch.
    pub batch_id: u64,
    /// Milliseconds from its first row to its output in sight.
    pub batch_duration: u64,
    pub num_input_rows: u64,
    pub input_rows_per_second: f64,
    pub processed_rows_per_second: f64,
    /// `getBatch`: while it was read, up to its barrier; `addBatch`: until every task had made its
    /// part durable; `walCommit`: the checkpoint's transaction; `commitBatch`: until its output
    /// was in sight; `triggerExecution`: all of it.
    pub duration_ms: BTreeMap<&'static str, u64>,
    /// `max`, `min` and `avg` of its rows, and the pipeline's `watermark`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub event_time: BTreeMap<&'static str, String>,
    pub state_operators: Vec<StateOperatorProgress>,
    pub sources: Vec<SourceProgress>,
    /// All sinks together, but for dead letters that nobody reads.
    pub sink: SinkProgress,
    /// What plugins count themselves, by step or function: totals, and the last values of gauges.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_metrics: BTreeMap<String, Map<String, Value>>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateOperatorProgress {
    /// The step, with `#` and a part's name behind it where it was split.
    pub operator_name: String,
    /// Entries that were written, and entries that were removed.
    pub num_rows_updated: u64,
    pub num_rows_removed: u64,
    pub memory_used_bytes: u64,
    /// Rows that came too late and left on the port `late`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_rows_dropped_by_watermark: Option<u64>,
    /// The tasks among which its keys are divided.
    pub num_shuffle_partitions: u64,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    pub description: String,
    /// By partition, of those that have moved; of Kafka by topic and partition.
    pub start_offset: Value,
    pub end_offset: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_offset: Option<Value>,
    pub num_input_rows: u64,
    pub input_rows_per_second: f64,
    pub processed_rows_per_second: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    pub description: String,
    pub num_output_rows: u64,
    /// The rows of each sink, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

/// Remembers the last epochs of a run.
pub struct ProgressLog {
    run: String,
    status: Arc<Status>,
    /// When the epoch before the next one began.
    before: Mutex<Option<SystemTime>>,
    recent: Mutex<VecDeque<Arc<StreamingQueryProgress>>>,
}

impl ProgressLog {
    /// Of the run with this id, whose job says in `status` how it is.
    pub fn new(run: &str, status: Arc<Status>) -> Self {
        let run = run.to_owned();
        Self { run, status, before: Mutex::default(), recent: Mutex::default() }
    }

    /// The last ones, the latest last.
    pub fn recent(&self, limit: usize) -> Vec<Arc<StreamingQueryProgress>> {
        let recent = lock(&self.recent);
        recent.iter().skip(recent.len().saturating_sub(limit)).cloned().collect()
    }

    pub fn last(&self) -> Option<Arc<StreamingQueryProgress>> {
        lock(&self.recent).back().cloned()
    }

    /// An epoch was committed.
    pub fn note(&self, plan: &Plan, metrics: &Metrics, epoch: &EpochReport) {
        let before = lock(&self.before).replace(epoch.begun);
        let since = before.and_then(|before| epoch.begun.duration_since(before).ok());
        let id = self.status.checkpoint_id().map(|id| describe::uuid(&plan.name, &id));
        let view = View { plan, metrics, epoch, since: since.unwrap_or(epoch.reading) };
        let progress = view.progress(id.unwrap_or_default(), self.run.clone());
        let mut recent = lock(&self.recent);
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(Arc::new(progress));
    }
}

/// Tells the log of what another observer hears.
pub struct Logged<'a> {
    pub log: &'a ProgressLog,
    pub other: &'a mut dyn Observer,
}

impl Observer for Logged<'_> {
    fn progress(&mut self, progress: &Progress) {
        if let Some(epoch) = progress.committed {
            self.log.note(progress.plan, progress.metrics, epoch);
        }
        self.other.progress(progress);
    }

    fn restart(&mut self, error: &Error, delay: Duration) {
        self.other.restart(error, delay);
    }
}

/// What a progress is made of.
struct View<'a> {
    plan: &'a Plan,
    metrics: &'a Metrics,
    epoch: &'a EpochReport,
    /// From the begin of the epoch before it to its own.
    since: Duration,
}

impl View<'_> {
    fn progress(&self, id: String, run_id: String) -> StreamingQueryProgress {
        let epoch = self.epoch;
        let rows: u64 = self.sources().map(|(at, _)| self.rows_of(at)).sum();
        let durations = [
            ("getBatch", epoch.reading),
            ("addBatch", epoch.staging),
            ("walCommit", epoch.committing),
            ("commitBatch", epoch.publishing),
            ("triggerExecution", epoch.duration()),
        ];
        StreamingQueryProgress {
            id,
            run_id,
            name: self.plan.name.clone(),
            timestamp: describe::time(epoch.begun),
            batch_id: epoch.epoch.0,
            batch_duration: epoch.duration().as_millis() as u64,
            num_input_rows: rows,
            input_rows_per_second: per_second(rows, self.since),
            processed_rows_per_second: per_second(rows, epoch.duration()),
            duration_ms: durations.map(|(name, time)| (name, time.as_millis() as u64)).into(),
            event_time: self.event_time(),
            state_operators: self.state_operators(),
            sources: self.sources().map(|(at, source)| self.source(at, source)).collect(),
            sink: self.sink(),
            observed_metrics: self.observed(),
        }
    }

    fn sources(&self) -> impl Iterator<Item = (usize, &SourceNode)> {
        self.plan.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
            NodeKind::Source(source) => Some((at, source)),
            _ => None,
        })
    }

    /// All that a node gave, or a sink took.
    fn rows_of(&self, node: usize) -> u64 {
        let first = Input { node, port: 0 };
        let last = Input { node, port: usize::MAX };
        self.epoch.rows.range(first..=last).map(|(_, rows)| rows).sum()
    }

    fn event_time(&self) -> BTreeMap<&'static str, String> {
        let mut times = BTreeMap::new();
        let seen = &self.epoch.times;
        if seen.rows > 0 {
            for (name, micros) in
                [("min", seen.min), ("max", seen.max), ("avg", seen.average as i64)]
            {
                times.extend(describe::micros(micros).map(|time| (name, time)));
            }
        }
        let watermarks = self.metrics.nodes.iter().filter_map(|node| node.time.get());
        if let Some(Watermark(micros)) = watermarks.map(|(watermark, _)| watermark).min() {
            times.extend(describe::micros(micros).map(|time| ("watermark", time)));
        }
        times
    }

    fn state_operators(&self) -> Vec<StateOperatorProgress> {
        let groups = Graph::new(self.plan).groups;
        let keyed = groups.iter().filter(|group| self.plan.nodes[group.head].kind.keys().is_some());
        let operator = |group: &Group| {
            let node = &self.plan.nodes[group.head];
            let state = self.epoch.states.get(&group.head).copied().unwrap_or_default();
            let late = node.ports.iter().position(|port| port.name == "late");
            let late = late.map(|port| Input { node: group.head, port });
            let late = late.map(|port| self.epoch.rows.get(&port).copied().unwrap_or_default());
            StateOperatorProgress {
                operator_name: node.name.clone(),
                num_rows_updated: state.updated,
                num_rows_removed: state.removed,
                memory_used_bytes: state.memory_bytes,
                num_rows_dropped_by_watermark: late,
                num_shuffle_partitions: group.tasks as u64,
            }
        };
        keyed.map(operator).collect()
    }

    /// What plugins count themselves: all of it, since the process was started.
    fn observed(&self) -> BTreeMap<String, Map<String, Value>> {
        let value = |observed: Observed| match observed {
            Observed::Counter(count) => json!(count),
            Observed::Gauge(value) => json!(value),
        };
        let plugins = self.metrics.plugins().into_iter();
        let plugins = plugins.map(|(name, counts)| {
            let observed = counts.observed.into_iter();
            (name, observed.map(|(name, observed)| (name, value(observed))).collect())
        });
        plugins.filter(|(_, observed): &(String, Map<_, _>)| !observed.is_empty()).collect()
    }

    fn source(&self, at: usize, source: &SourceNode) -> SourceProgress {
        let rows = self.rows_of(at);
        let none = Vec::new();
        let moves = self.epoch.moves.get(&source.name).unwrap_or(&none);
        let shown = &moves[..moves.len().min(PARTITIONS_MAX)];
        let is_kafka = describe::is_kafka(&source.plan);
        let lags = self.metrics.nodes[at].source.partitions();
        let latest = lags.iter().map(|(name, lag)| (name.as_str(), Value::from(lag.end())));
        let mut metrics = BTreeMap::new();
        if moves.len() > shown.len() {
            metrics.insert("partitionsNotShown", (moves.len() - shown.len()).to_string());
        }
        if !lags.is_empty() {
            let behind = lags.values().map(|lag| lag.records());
            let average = behind.clone().sum::<u64>() as f64 / lags.len() as f64;
            metrics.insert("avgOffsetsBehindLatest", average.to_string());
            let (min, max) = (behind.clone().min(), behind.max());
            metrics.extend(max.map(|max| ("maxOffsetsBehindLatest", max.to_string())));
            metrics.extend(min.map(|min| ("minOffsetsBehindLatest", min.to_string())));
        }
        let begun = shown.iter().filter(|moved| moved.start.is_some());
        let start = begun.map(|moved| (moved.partition.as_str(), position(moved.start, is_kafka)));
        let end = shown
            .iter()
            .map(|moved| (moved.partition.as_str(), position(Some(moved.end), is_kafka)));
        SourceProgress {
            description: describe::source(source),
            start_offset: offsets(start, is_kafka),
            end_offset: offsets(end, is_kafka),
            latest_offset: is_kafka.then(|| offsets(latest.take(PARTITIONS_MAX), true)),
            num_input_rows: rows,
            input_rows_per_second: per_second(rows, self.since),
            processed_rows_per_second: per_second(rows, self.epoch.duration()),
            metrics,
        }
    }

    fn sink(&self) -> SinkProgress {
        let nodes = self.plan.nodes.iter().enumerate();
        let sinks = nodes.filter_map(|(at, node)| match &node.kind {
            NodeKind::Sink(SinkPlan::File(file)) if file.dead_letters => None,
            NodeKind::Sink(plan) => Some((at, node.name.trim_start_matches("sink."), plan)),
            _ => None,
        });
        let sinks: Vec<_> = sinks.collect();
        let described: Vec<String> =
            sinks.iter().map(|(_, _, plan)| describe::sink(plan)).collect();
        let rows = sinks.iter().map(|(at, name, _)| ((*name).to_owned(), self.rows_of(*at)));
        let rows: BTreeMap<String, u64> = rows.collect();
        let total = rows.values().sum();
        let several = sinks.len() > 1;
        let each = rows.into_iter().filter(|_| several);
        SinkProgress {
            description: described.join(", "),
            num_output_rows: total,
            metrics: each.map(|(name, rows)| (name, rows.to_string())).collect(),
        }
    }
}

fn per_second(rows: u64, time: Duration) -> f64 {
    let rate = rows as f64 / time.as_secs_f64().max(1e-3);
    (rate * 10.0).round() / 10.0
}

fn position(at: Option<Position>, is_kafka: bool) -> Value {
    match at {
        Some(at) if is_kafka => at.offset.into(),
        Some(at) if at.offset == 0 => json!({ "rows": at.rows, "done": at.done }),
        Some(at) => json!({ "rows": at.rows, "bytes": at.offset, "done": at.done }),
        None => Value::Null,
    }
}

/// By partition; of Kafka by topic and then by partition, as Spark has it.
fn offsets<'a>(partitions: impl Iterator<Item = (&'a str, Value)>, is_kafka: bool) -> Value {
    let mut all = Map::new();
    for (name, at) in partitions {
        match name.rsplit_once('/') {
            Some((topic, partition)) if is_kafka => {
                let of_topic = all.entry(topic).or_insert_with(|| Value::Object(Map::new()));
                of_topic[partition] = at;
            }
            _ => drop(all.insert(name.to_owned(), at)),
        }
    }
    Value::Object(all)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
