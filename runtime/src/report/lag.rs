//! How far sources are behind what there is to read, as progress tells it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::HumanCount;
use schemars::JsonSchema;
use serde::Serialize;

use crate::metrics::{Lag, Metrics, SourceMetrics};
use crate::plan::{NodeKind, Plan};

/// A source that knows how far it is behind. Names as in Kafka's consumer metrics and in Spark's
/// StreamingQueryProgress.
#[derive(Serialize, JsonSchema)]
pub struct SourceReport {
    /// Records that are there and not read, over all partitions.
    records_lag: u64,
    /// The most of any partition.
    records_lag_max: u64,
    /// The age of the last record that was read, where records are left; the highest of all
    /// partitions. `null` if nothing was read yet.
    seconds_lag: Option<f64>,
    tombstones_skipped: u64,
    /// Gone before they were read, as far as they can be counted.
    records_lost: u64,
    partitions: BTreeMap<String, PartitionReport>,
}

#[derive(Serialize, JsonSchema)]
struct PartitionReport {
    /// The offset that is read next.
    end_offset: u64,
    /// The offset that the next record will have.
    latest_offset: u64,
    records_lag: u64,
    seconds_lag: Option<f64>,
}

impl SourceReport {
    fn of(metrics: &SourceMetrics) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = now.as_millis() as u64;
        let partition = |(name, lag): (String, std::sync::Arc<Lag>)| {
            let report = PartitionReport {
                end_offset: lag.next(),
                latest_offset: lag.end(),
                records_lag: lag.records(),
                seconds_lag: lag.seconds(now_ms),
            };
            (name, report)
        };
        let partitions: BTreeMap<_, _> = metrics.partitions().into_iter().map(partition).collect();
        if partitions.is_empty() {
            return None;
        }
        let seconds = partitions.values().map(|partition| partition.seconds_lag);
        Some(Self {
            records_lag: partitions.values().map(|partition| partition.records_lag).sum(),
            records_lag_max: partitions.values().map(|p| p.records_lag).max().unwrap_or_default(),
            seconds_lag: seconds.flatten().reduce(f64::max),
            tombstones_skipped: metrics.tombstones_skipped.get(),
            records_lost: metrics.records_lost.get(),
            partitions,
        })
    }
}

/// The sources that know how far they are behind, by name.
pub fn sources<'a>(plan: &'a Plan, metrics: &Metrics) -> BTreeMap<&'a str, SourceReport> {
    let nodes = plan.nodes.iter().zip(&metrics.nodes);
    let report = nodes.filter_map(|(node, counted)| match &node.kind {
        NodeKind::Source(source) => {
            Some((source.name.as_str(), SourceReport::of(&counted.source)?))
        }
        _ => None,
    });
    report.collect()
}

/// All of it in a few words; `None` where no source knows.
pub fn behind(plan: &Plan, metrics: &Metrics) -> Option<String> {
    let sources = sources(plan, metrics);
    if sources.is_empty() {
        return None;
    }
    let records = sources.values().map(|source| source.records_lag).sum();
    let seconds = sources.values().filter_map(|source| source.seconds_lag);
    let seconds = seconds.reduce(f64::max).filter(|_| records > 0);
    let seconds = seconds.map(|s| format!(" ({s:.1} s)")).unwrap_or_default();
    Some(format!("  behind {}{seconds}", HumanCount(records)))
}
