//! The running parts of a plan: operators and sinks for every lane.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::metrics::{Metrics, NodeMetrics};
use crate::operator::Operator;
use crate::operators::{
    Decode, DedupStep, KeyedStep, Letters, Lookup, Lookups, Project, Records, RetryQueue,
    VersionedStep, WindowStep,
};
use crate::plan::{Node, NodeKind, Plan};
use crate::plugin::PluginHost;
use crate::query::Status;
use crate::sink::{self, SinkContext};
use crate::state::StepState;
use crate::task::{Stage, now};
use crate::time::Watermark;

/// What all lanes of a job share.
pub struct Shared<'a> {
    plan: &'a Plan,
    plugins: &'a Arc<PluginHost>,
    pub lookups: Arc<Lookups>,
}

impl<'a> Shared<'a> {
    /// Loads the tables and indexes them.
    ///
    /// # Errors
    /// If a table can't be read.
    pub fn new(plan: &'a Plan, plugins: &'a Arc<PluginHost>) -> Result<Self> {
        Ok(Self { plan, plugins, lookups: Arc::new(Lookups::new(plan)?) })
    }

    /// What runs at the node `at`, a step with state, in one task.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn keyed(
        &self,
        at: usize,
        state: StepState,
        reached: Watermark,
        metrics: &NodeMetrics,
    ) -> Result<Box<dyn Operator>> {
        let node: &Node = &self.plan.nodes[at];
        let name = &node.name;
        Ok(match &node.kind {
            NodeKind::Window(plan) => Box::new(WindowStep::open(name, plan, state, reached)?),
            NodeKind::Dedup(plan) => Box::new(DedupStep::open(name, plan, state, reached)?),
            NodeKind::Keyed(plan) => {
                Box::new(KeyedStep::open(plan, self.plugins, state, (reached, now))?)
            }
            NodeKind::Queue(plan) => {
                let metrics = metrics.queue.clone();
                Box::new(RetryQueue::open(plan, self.plugins, state, (metrics, now))?)
            }
            NodeKind::Source(_)
            | NodeKind::Decode(_)
            | NodeKind::Plugin(_)
            | NodeKind::Project(_)
            | NodeKind::Lookup(_)
            | NodeKind::Letters(_)
            | NodeKind::Records(_)
            | NodeKind::Sink(_) => {
                return Err(Error::internal("a step without state in a keyed task"));
            }
        })
    }

    /// What runs at the node `at` in one lane.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn stage(&self, at: usize, context: &SinkContext) -> Result<Stage> {
        let node: &Node = &self.plan.nodes[at];
        let name = &node.name;
        Ok(match &node.kind {
            NodeKind::Decode(plan) => Stage::Operator(Box::new(Decode::new(name, plan)?)),
            NodeKind::Project(plan) => Stage::Operator(Box::new(Project::new(name, plan))),
            NodeKind::Plugin(plan) => {
                Stage::Operator(Box::new(VersionedStep::new(plan, self.plugins)?))
            }
            NodeKind::Lookup(plan) => {
                let table = &self.plan.tables[plan.table];
                let lookups = self.lookups.clone();
                Stage::Operator(Box::new(Lookup::new(name, at, table, lookups)?))
            }
            NodeKind::Sink(plan) => {
                let input = node.inputs[0];
                let port = &self.plan.nodes[input.node].ports[input.port];
                Stage::Sink(sink::open(name, plan, port, context)?)
            }
            NodeKind::Letters(plan) => Stage::Operator(Box::new(Letters::new(plan))),
            NodeKind::Records(plan) => {
                let sink = name.trim_end_matches("#records").to_owned();
                let connections = context.connections.clone();
                let partitions = move |topic: &str| connections.partitions(&sink, topic);
                Stage::Operator(Box::new(Records::new(name, plan, Arc::new(partitions))))
            }
            NodeKind::Window(_) | NodeKind::Dedup(_) | NodeKind::Keyed(_) | NodeKind::Queue(_) => {
                return Err(Error::internal("a step with state outside of a keyed task"));
            }
            NodeKind::Source(_) => return Err(Error::internal("a source within a chain")),
        })
    }
}

/// Counters for every node and port.
pub fn metrics(plan: &Plan, plugins: &PluginHost, status: &Status) -> Arc<Metrics> {
    let node = |(at, node): (usize, &Node)| NodeMetrics {
        name: node.name.clone(),
        rows_in: Default::default(),
        busy: Default::default(),
        plugin: node.kind.plugin().map(|plugin| plugins.metrics(&plugin.step)),
        queue: Default::default(),
        time: Default::default(),
        health: status.health(at),
        source: Default::default(),
        tap: status.tap(at),
        ports: node.ports.iter().map(|port| (port.name.clone(), Default::default())).collect(),
    };
    let functions = plan.functions.iter().map(|f| (f.name.clone(), f.metrics.clone()));
    Arc::new(Metrics {
        nodes: plan.nodes.iter().enumerate().map(node).collect(),
        functions: functions.collect(),
    })
}
