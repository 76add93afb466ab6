//! What is counted, for Prometheus.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::desk::Desk;
use crate::error::{Error, Result};
use crate::metrics::{Metrics, NodeMetrics, Observed, PluginCounts};
use crate::plan::{Node, NodeKind};
use crate::report::memory_peak_bytes;
use crate::time::Watermark;

/// Of the text that [`scrape`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// All numbers of a pipeline as they are now, in the OpenMetrics text format.
///
/// # Errors
/// If they can't be written.
pub fn scrape(desk: &Arc<Desk>) -> Result<String> {
    let labels = [(Cow::from("pipeline"), Cow::from(desk.plan.name.clone()))];
    let mut registry = Registry::with_prefix_and_labels("millrace", labels.into_iter());
    registry.register_collector(Box::new(Scrape(desk.clone())));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|e| Error::internal("cannot write metrics").with(e))?;
    Ok(text)
}

struct Scrape(Arc<Desk>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut out = Out(encoder);
        self.job(&mut out)?;
        if let Some((metrics, epoch)) = self.0.status.metrics() {
            out.gauge("epoch", "The last committed epoch.", [(vec![], epoch.0 as f64)])?;
            let view = View { nodes: &self.0.plan.nodes, metrics: &metrics };
            view.rows(&mut out)?;
            view.times(&mut out)?;
            view.sources(&mut out)?;
            plugins(&metrics, &mut out)?;
        }
        self.epoch(&mut out)?;
        self.trials(&mut out)
    }
}

impl Scrape {
    fn job(&self, out: &mut Out) -> fmt::Result {
        let readiness = self.0.status.readiness();
        let ready = f64::from(u8::from(readiness.ready));
        out.gauge("ready", "1 if everything does its work.", [(vec![], ready)])?;
        let version = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("run_id", self.0.run.id.clone()),
        ];
        out.gauge("build", "1, with the version and the run.", [(version, 1.0)])?;
        let restarts = [(vec![], readiness.restarts as f64)];
        out.counter("restarts", "How often the job started again.", restarts)?;
        let peak = memory_peak_bytes().map(|bytes| (vec![], bytes as f64));
        out.gauge("memory_peak_bytes", "Most memory that the process ever had.", peak)?;
        let uptime = self.0.run.since.elapsed().as_secs_f64();
        out.gauge("uptime_seconds", "Since the process was started.", [(vec![], uptime)])
    }

    fn epoch(&self, out: &mut Out) -> fmt::Result {
        let Some(last) = self.0.log.last() else { return Ok(()) };
        let phases = last.duration_ms.iter();
        let phases =
            phases.map(|(phase, ms)| (vec![("phase", (*phase).to_owned())], *ms as f64 / 1e3));
        out.gauge("epoch_duration_seconds", "Of the last epoch, by phase.", phases)?;
        let states = last.state_operators.iter();
        let memory = states.map(|state| {
            (vec![("node", state.operator_name.clone())], state.memory_used_bytes as f64)
        });
        out.gauge("state_memory_bytes", "What a step's state has in memory.", memory)
    }

    fn trials(&self, out: &mut Out) -> fmt::Result {
        let trials = self.0.remote.trials();
        if trials.is_empty() {
            return Ok(());
        }
        let sides = trials.iter().flat_map(|trial| {
            let labels = |side: &str| vec![("part", trial.part.clone()), ("side", side.to_owned())];
            [(labels("current"), trial.current), (labels("candidate"), trial.candidate)]
        });
        let each = |of: fn(&crate::swap::Counted) -> u64| {
            sides.clone().map(move |(labels, counted)| (labels, of(&counted) as f64))
        };
        out.counter("trial_rows", "Rows given to a side of a trial.", each(|c| c.rows))?;
        out.counter("trial_refused", "Rows that it refused.", each(|c| c.refused))?;
        out.counter("trial_failures", "Its calls that failed.", each(|c| c.failures))?;
        let busy = sides.clone().map(|(labels, counted)| (labels, counted.nanos as f64 / 1e9));
        out.counter("trial_busy_seconds", "Its time at work.", busy)?;
        let differing = trials.iter();
        let differing = differing
            .map(|trial| (vec![("part", trial.part.clone())], trial.differing_rows as f64));
        out.counter("trial_differing_rows", "Rows whose output differs in a shadow.", differing)
    }
}

/// The counters of a try at the job.
struct View<'a> {
    nodes: &'a [Node],
    metrics: &'a Metrics,
}

impl View<'_> {
    fn nodes(&self) -> impl Iterator<Item = (&Node, &NodeMetrics)> + Clone {
        self.nodes.iter().zip(&self.metrics.nodes)
    }

    fn rows(&self, out: &mut Out) -> fmt::Result {
        let taken = self.nodes().filter(|(node, _)| !matches!(node.kind, NodeKind::Source(_)));
        let taken = taken.map(|(node, counted)| (of(node), counted.rows_in.get() as f64));
        out.counter("rows_in", "Rows that a node was given.", taken)?;
        let given = self.nodes().flat_map(|(node, counted)| {
            let port = |port: &str| vec![("node", node.name.clone()), ("port", port.to_owned())];
            counted.ports.iter().map(move |(name, rows)| (port(name), rows.get() as f64))
        });
        out.counter("rows_out", "Rows that left a node, by port.", given)?;
        let busy = self.nodes().filter(|(node, _)| !matches!(node.kind, NodeKind::Source(_)));
        let busy = busy.map(|(node, counted)| (of(node), counted.busy.get() as f64 / 1e6));
        out.counter("busy_seconds", "A node's time at work, over all lanes.", busy)?;
        let queues = self.nodes().filter(|(node, _)| matches!(node.kind, NodeKind::Queue(_)));
        let waiting = queues.map(|(node, counted)| (of(node), counted.queue.waiting() as f64));
        out.gauge("retry_waiting", "Rows that wait to come to their step again.", waiting)
    }

    fn times(&self, out: &mut Out) -> fmt::Result {
        let times = self.nodes().filter_map(|(node, counted)| {
            let (watermark, _) = counted.time.get()?;
            let known = !matches!(watermark, Watermark::NONE | Watermark::END);
            known.then(|| (of(node), watermark.0 as f64 / 1e6))
        });
        out.gauge("watermark_seconds", "How far event time has come, since 1970.", times)
    }

    fn sources(&self, out: &mut Out) -> fmt::Result {
        let outside = self
            .nodes()
            .filter(|(node, _)| matches!(node.kind, NodeKind::Source(_) | NodeKind::Sink(_)));
        let up = outside
            .map(|(node, counted)| (of(node), f64::from(u8::from(counted.health.get().is_none()))));
        out.gauge("up", "1 if what a source or sink needs answers.", up)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = now.as_millis() as u64;
        let sources = self.nodes().filter(|(node, _)| matches!(node.kind, NodeKind::Source(_)));
        let lags: Vec<(Labels, _)> = sources
            .clone()
            .flat_map(|(node, counted)| {
                let partitions = counted.source.partitions().into_iter();
                partitions.map(move |(partition, lag)| {
                    (vec![("node", node.name.clone()), ("partition", partition)], lag)
                })
            })
            .collect();
        if lags.is_empty() {
            return Ok(());
        }
        let records = lags.iter().map(|(labels, lag)| (labels.clone(), lag.records() as f64));
        out.gauge("records_lag", "Records that are there and not read.", records)?;
        let seconds = lags.iter();
        let seconds =
            seconds.filter_map(|(labels, lag)| Some((labels.clone(), lag.seconds(now_ms)?)));
        out.gauge("seconds_lag", "The age of the record read last, if more are there.", seconds)?;
        let lost =
            sources.map(|(node, counted)| (of(node), counted.source.records_lost.get() as f64));
        out.counter("records_lost", "Records that were gone before they were read.", lost)
    }
}

/// What plugins take and do, by step or function.
fn plugins(metrics: &Metrics, out: &mut Out) -> fmt::Result {
    let plugins = metrics.plugins();
    if plugins.is_empty() {
        return Ok(());
    }
    let labels = |name: &str| vec![("plugin", name.to_owned())];
    let each = |of: fn(&PluginCounts) -> f64| {
        plugins.iter().map(move |(name, counts)| (labels(name), of(counts)))
    };
    out.counter("plugin_calls", "Calls of a plugin.", each(|c| c.calls as f64))?;
    out.counter("plugin_cpu_seconds", "Its processor time.", each(|c| c.cpu_nanos as f64 / 1e9))?;
    out.counter(
        "plugin_wall_seconds",
        "Its time by the clock.",
        each(|c| c.wall_nanos as f64 / 1e9),
    )?;
    out.counter("plugin_rows_in", "Rows given to it.", each(|c| c.rows_in as f64))?;
    out.counter("plugin_rows_out", "Rows that it returned.", each(|c| c.rows_out as f64))?;
    out.counter("plugin_bytes_in", "Bytes given to it.", each(|c| c.bytes_in as f64))?;
    out.counter("plugin_bytes_out", "Bytes that it returned.", each(|c| c.bytes_out as f64))?;
    let failures = plugins.iter().flat_map(|(name, counts)| {
        counts.failures.iter().map(move |(code, calls)| {
            (vec![("plugin", name.clone()), ("code", code.clone())], *calls as f64)
        })
    });
    out.counter("plugin_failures", "Its calls and starts that failed, by code.", failures)?;
    out.gauge("plugin_instances", "Its instances.", each(|c| c.instances as f64))?;
    let started = each(|c| c.instances_started as f64);
    out.counter("plugin_instances_started", "Instances that were started.", started)?;
    let peak = each(|c| c.memory_peak_bytes as f64);
    out.gauge("plugin_memory_peak_bytes", "Most memory of one instance.", peak)?;
    out.counter("plugin_log_lines", "Lines that it logged.", each(|c| c.log_lines as f64))?;
    let dropped = each(|c| c.log_lines_dropped as f64);
    out.counter("plugin_log_lines_dropped", "Lines beyond its limit.", dropped)?;
    let observed = plugins.iter().flat_map(|(name, counts)| {
        let labels = |metric: &str| vec![("plugin", name.clone()), ("name", metric.to_owned())];
        counts.observed.iter().map(move |(metric, observed)| (labels(metric), *observed))
    });
    let counters = observed.clone().filter_map(|(labels, observed)| match observed {
        Observed::Counter(count) => Some((labels, count as f64)),
        Observed::Gauge(_) => None,
    });
    out.counter("plugin_observed", "What a plugin counts itself.", counters)?;
    let gauges = observed.filter_map(|(labels, observed)| match observed {
        Observed::Gauge(value) => Some((labels, value)),
        Observed::Counter(_) => None,
    });
    out.gauge("plugin_observed_value", "What a plugin measures itself.", gauges)
}

fn of(node: &Node) -> Labels {
    vec![("node", node.name.clone())]
}

/// Where numbers go.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        numbers: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, number) in numbers {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, f64, f64>(&number, None)?;
        }
        Ok(())
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        numbers: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, number) in numbers {
            metric.encode_family(&labels)?.encode_gauge(&number)?;
        }
        Ok(())
    }
}
