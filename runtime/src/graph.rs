//! A plan to tasks: which source lane runs which nodes. Pure.

use std::collections::BTreeSet;

use crate::config::SourceConfig;
use crate::plan::{Node, NodeKind, Plan, SourcePlan};

/// All tasks of a job.
#[derive(Debug)]
pub struct Graph {
    pub groups: Vec<Group>,
}

/// The lanes of one source, which run the same chain of nodes side by side.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// The plan's node of the source.
    pub source: usize,
    pub lanes: usize,
    /// The nodes that the source's rows reach, in the plan's order, the source not among them.
    pub nodes: Vec<usize>,
}

impl Graph {
    pub fn new(plan: &Plan) -> Self {
        let group = |(at, node): (usize, &Node)| {
            let NodeKind::Source(source) = &node.kind else { return None };
            let lanes = plan.parallelism.min(lanes_max(&source.plan));
            Some(Group { source: at, lanes, nodes: reached(plan, at) })
        };
        Self { groups: plan.nodes.iter().enumerate().filter_map(group).collect() }
    }
}

/// Without keyed state no row has to leave its lane: all that a source's rows pass through runs
/// in one task, and rows move from operator to operator without a queue.
fn reached(plan: &Plan, source: usize) -> Vec<usize> {
    let mut reached = BTreeSet::from([source]);
    for (at, node) in plan.nodes.iter().enumerate() {
        if node.inputs.iter().any(|input| reached.contains(&input.node)) {
            reached.insert(at);
        }
    }
    reached.remove(&source);
    reached.into_iter().collect()
}

/// How many lanes can read the source at the same time.
fn lanes_max(source: &SourcePlan) -> usize {
    match source {
        SourcePlan::Config(SourceConfig::File(_) | SourceConfig::Generator(_)) => usize::MAX,
        SourcePlan::Config(SourceConfig::Stdin(_) | SourceConfig::Socket(_)) => 1,
        SourcePlan::Replay(_) => 1,
    }
}
