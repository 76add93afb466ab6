//! What the API's answers are made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::progress::ProgressLog;
use crate::error::{Error, Result};
use crate::job::{Remote, Status};
use crate::plan::{Input, Plan};
use crate::query::Readiness;
use crate::report::Report;
use crate::swap::TrialReport;

/// A run of a pipeline, for those who ask about it.
pub struct Desk {
    pub plan: Arc<Plan>,
    pub status: Arc<Status>,
    pub log: Arc<ProgressLog>,
    pub remote: Remote,
    pub run: Run,
    /// The run is over: what still passes rows on should end.
    pub ended: AtomicBool,
}

/// What tells one run of a pipeline from another.
#[derive(Debug, Clone)]
pub struct Run {
    pub id: String,
    pub file: PathBuf,
    /// When the process was started.
    pub started: String,
    pub since: Instant,
}

/// How a pipeline is.
#[derive(Serialize, JsonSchema)]
pub struct StatusAnswer<'a> {
    pub pipeline: &'a str,
    pub run_id: &'a str,
    pub pid: u32,
    /// Of Millrace.
    pub version: &'static str,
    pub started: &'a str,
    pub file: &'a str,
    pub checkpoint: String,
    pub readiness: Readiness,
    /// The digest of the component that runs in each step, and of each function's.
    pub plugins: BTreeMap<String, String>,
    /// The dataflow: nodes after those that they read.
    pub graph: Vec<GraphNode<'a>>,
    /// Candidates beside the current version, and swaps under watch.
    pub trials: Vec<TrialReport>,
    /// What was counted since the process or its last restart began; `null` before everything is
    /// open.
    pub counted: Option<Report<'a>>,
}

#[derive(Serialize, JsonSchema)]
pub struct GraphNode<'a> {
    pub name: &'a str,
    /// `source`, `plugin`, `sql`, `sink` and the like.
    pub kind: &'static str,
    /// As `node.port`.
    pub inputs: Vec<String>,
    pub ports: Vec<&'a str>,
}

impl Desk {
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The answer to GET /v1/status.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub fn status(&self) -> Result<Value> {
        let plan = &*self.plan;
        let restarts = self.status.restarts();
        let counted = self.status.metrics();
        let rate = self.log.last().map_or(0.0, |last| last.input_rows_per_second);
        let report = |metrics, epoch| {
            Report::new(plan, metrics, &restarts, (epoch, self.run.since.elapsed()), rate)
        };
        let file = self.run.file.display().to_string();
        let answer = StatusAnswer {
            pipeline: &plan.name,
            run_id: &self.run.id,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            started: &self.run.started,
            file: &file,
            checkpoint: plan.checkpoint.directory.display().to_string(),
            readiness: self.status.readiness(),
            plugins: self.remote.digests(),
            graph: graph(plan),
            trials: self.remote.trials(),
            counted: counted.as_ref().map(|(metrics, epoch)| report(metrics, *epoch)),
        };
        serde_json::to_value(answer).map_err(|e| Error::internal("an answer as JSON").with(e))
    }
}

fn graph(plan: &Plan) -> Vec<GraphNode<'_>> {
    let nodes = plan.nodes.iter().map(|node| {
        let input = |input: &Input| {
            let from = &plan.nodes[input.node];
            format!("{}.{}", from.name, from.ports[input.port].name)
        };
        GraphNode {
            name: &node.name,
            kind: node.kind.name(),
            inputs: node.inputs.iter().map(input).collect(),
            ports: node.ports.iter().map(|port| port.name.as_str()).collect(),
        }
    });
    nodes.collect()
}
