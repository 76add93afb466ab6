//! How a job is getting on, as a document: for `run --json` and for whoever asks the running process.

mod lag;

pub use lag::behind;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::epoch::Epoch;
use crate::metrics::{Metrics, NodeMetrics, PluginCounts, QueueMetrics};
use crate::plan::{Node, NodeKind, Plan, SinkPlan};
use crate::query::Restarts;
use crate::time::Watermark;
use lag::SourceReport;

/// Rows in and out of a whole pipeline.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Totals {
    pub rows_in: u64,
    pub rows_out: u64,
    pub errors: u64,
}

impl Totals {
    pub fn of(plan: &Plan, metrics: &Metrics) -> Self {
        let mut totals = Self::default();
        for (node, counted) in plan.nodes.iter().zip(&metrics.nodes) {
            for (name, rows) in &counted.ports {
                totals.errors += if name == "errors" { rows.get() } else { 0 };
            }
            match &node.kind {
                NodeKind::Source(_) => totals.rows_in += counted.ports[0].1.get(),
                NodeKind::Sink(SinkPlan::File(file)) if file.dead_letters => {}
                NodeKind::Sink(_) => totals.rows_out += counted.rows_in.get(),
                _ => {}
            }
        }
        totals
    }
}

/// A pipeline and its nodes.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    name: &'a str,
    epoch: u64,
    elapsed_ms: u64,
    #[serde(flatten)]
    totals: Totals,
    rows_in_per_second: f64,
    /// Most memory that the process ever had, where the system tells.
    memory_peak_bytes: Option<u64>,
    /// How often the job started again.
    restarts: u64,
    last_restart: Option<LastRestart<'a>>,
    nodes: BTreeMap<&'a str, NodeReport<'a>>,
    /// The plugins that SQL calls, as `function.NAME`.
    functions: BTreeMap<&'a str, PluginCounts>,
    /// Those that know how far they are behind.
    sources: BTreeMap<&'a str, SourceReport>,
}

impl<'a> Report<'a> {
    pub fn new(
        plan: &'a Plan,
        metrics: &'a Metrics,
        restarts: &'a Restarts,
        (epoch, elapsed): (Epoch, Duration),
        rate: f64,
    ) -> Self {
        let node = |(planned, node): (&Node, &'a NodeMetrics)| {
            let ports = node.ports.iter().map(|(name, rows)| (name.as_str(), rows.get())).collect();
            let outside = matches!(planned.kind, NodeKind::Source(_) | NodeKind::Sink(_));
            let is_queue = matches!(planned.kind, NodeKind::Queue(_));
            let report = NodeReport {
                rows_in: node.rows_in.get(),
                ports,
                busy_ms: node.busy.get() / 1000,
                event_time: EventTime::of(node),
                health: outside.then(|| HealthReport::of(node)),
                queue: is_queue.then(|| QueueReport::of(&node.queue)),
                plugin: node.plugin.as_ref().map(|plugin| plugin.counts()),
                plugin_versions: VersionReport::all(node),
            };
            (node.name.as_str(), report)
        };
        let functions = metrics.functions.iter();
        Self {
            name: &plan.name,
            epoch: epoch.0,
            elapsed_ms: elapsed.as_millis() as u64,
            totals: Totals::of(plan, metrics),
            rows_in_per_second: rate.round(),
            memory_peak_bytes: memory_peak_bytes(),
            restarts: restarts.count,
            last_restart: LastRestart::of(restarts),
            nodes: plan.nodes.iter().zip(&metrics.nodes).map(node).collect(),
            functions: functions.map(|(name, counted)| (name.as_str(), counted.counts())).collect(),
            sources: lag::sources(plan, metrics),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct NodeReport<'a> {
    rows_in: u64,
    ports: BTreeMap<&'a str, u64>,
    /// At work, summed over all lanes: who holds back the others is busy all the time.
    busy_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<EventTime>,
    /// Of sources and sinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthReport>,
    /// Of the queue of a step with `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueReport>,
    /// Of what runs a plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginCounts>,
    /// While several versions of the plugin run, each by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugin_versions: Vec<VersionReport>,
}

/// What one version of a plugin does.
#[derive(Serialize, JsonSchema)]
struct VersionReport {
    digest: String,
    #[serde(flatten)]
    counts: PluginCounts,
}

impl VersionReport {
    /// Of a node; none where there is but one.
    fn all(node: &NodeMetrics) -> Vec<Self> {
        let versions = node.plugin.as_ref().map(|plugin| plugin.by_version());
        let versions = versions.filter(|versions| versions.len() > 1).unwrap_or_default();
        versions.into_iter().map(|(digest, counts)| Self { digest, counts }).collect()
    }
}

/// Rows that come to their step again.
#[derive(Serialize, JsonSchema)]
struct QueueReport {
    waiting: u64,
    retried: u64,
    given_up: u64,
}

impl QueueReport {
    fn of(queue: &QueueMetrics) -> Self {
        Self {
            waiting: queue.waiting(),
            retried: queue.retried.get(),
            given_up: queue.given_up.get(),
        }
    }
}

/// Whether what a source or sink needs of the outside answers.
#[derive(Serialize, JsonSchema)]
struct HealthReport {
    up: bool,
    /// Since when it is down, in RFC 3339, and why.
    since: Option<String>,
    reason: Option<String>,
}

impl HealthReport {
    fn of(node: &NodeMetrics) -> Self {
        let down = node.health.get();
        let since = down.as_ref().and_then(|down| {
            let elapsed = jiff::SignedDuration::try_from(down.since.elapsed()).ok()?;
            Some(jiff::Timestamp::now().checked_sub(elapsed).ok()?.to_string())
        });
        Self { up: down.is_none(), since, reason: down.map(|down| down.reason) }
    }
}

/// What the job started again for.
#[derive(Serialize, JsonSchema)]
struct LastRestart<'a> {
    /// RFC 3339.
    at: Option<String>,
    /// The node that failed, if one did.
    node: Option<&'a str>,
    error: &'a str,
}

impl<'a> LastRestart<'a> {
    fn of(restarts: &'a Restarts) -> Option<Self> {
        let last = restarts.last.as_ref()?;
        let at = jiff::Timestamp::try_from(last.at).ok().map(|at| at.to_string());
        Some(Self { at, node: last.node.as_deref(), error: &last.error })
    }
}

/// How far event time has come at a node.
#[derive(Serialize, JsonSchema)]
struct EventTime {
    /// RFC 3339; `end` once no more rows can come. `null` before the first row.
    watermark: Option<String>,
    /// The partition with the lowest watermark, as `source/partition`.
    held_back_by: Option<String>,
}

impl EventTime {
    fn of(node: &NodeMetrics) -> Option<Self> {
        let (watermark, holder) = node.time.get()?;
        let held_back_by = holder.map(|holder| format!("{}/{}", holder.source, holder.name));
        let watermark = match watermark {
            Watermark::NONE => None,
            Watermark::END => Some("end".to_owned()),
            Watermark(micros) => {
                jiff::Timestamp::from_microsecond(micros).ok().map(|t| t.to_string())
            }
        };
        Some(Self { watermark, held_back_by })
    }
}

/// Linux keeps it in the process's status, in kB.
pub fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
