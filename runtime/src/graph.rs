//! A plan to tasks: which group of tasks runs which nodes. Pure.

use std::collections::BTreeSet;

use crate::config::{GENERATOR_PARTITIONS, OutputMode, SourceConfig};
use crate::plan::{NodeKind, Plan, SourcePlan};

/// All tasks of a job: groups that read sources first, then each group after those that feed it.
#[derive(Debug)]
pub struct Graph {
    pub groups: Vec<Group>,
}

/// Tasks that run the same nodes side by side: the lanes of a source, or the tasks among which
/// the keys of a step with state are divided.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// The plan's node of the source or of the step with state.
    pub head: usize,
    pub tasks: usize,
    /// The nodes that the head's rows reach without passing a step with state, in the plan's
    /// order, the head not among them.
    pub nodes: Vec<usize>,
    /// The steps with state that they reach next.
    pub outlets: Vec<Outlet>,
}

/// Where rows leave a group for a step with state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    pub node: usize,
    /// The nodes of the group whose event time the rows have: on each path the last that
    /// declares it.
    pub clocks: Vec<usize>,
    /// Whether there is a path without one from the head, whose own event time counts then.
    pub head: bool,
}

impl Graph {
    pub fn new(plan: &Plan) -> Self {
        let sources = plan.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
            NodeKind::Source(source) => Some((at, plan.parallelism.min(lanes_max(&source.plan)))),
            _ => None,
        });
        let mut groups: Vec<Group> =
            sources.map(|(head, tasks)| Group::new(plan, head, tasks)).collect();
        for (at, node) in plan.nodes.iter().enumerate() {
            // Where dead letters take the place of sources, some steps get no rows.
            let is_fed = |group: &Group| group.outlets.iter().any(|outlet| outlet.node == at);
            if node.kind.keys().is_some() && groups.iter().any(is_fed) {
                let tasks = plan.parallelism.min(tasks_max(&node.kind));
                groups.push(Group::new(plan, at, tasks));
            }
        }
        Self { groups }
    }
}

impl Group {
    /// Rows move from operator to operator without a queue: only on their way to a step with
    /// state do they leave their task.
    fn new(plan: &Plan, head: usize, tasks: usize) -> Self {
        let mut reached = BTreeSet::from([head]);
        let mut nodes = Vec::new();
        let mut fed = Vec::new();
        for (at, node) in plan.nodes.iter().enumerate() {
            if at == head || !node.inputs.iter().any(|input| reached.contains(&input.node)) {
                continue;
            }
            if node.kind.keys().is_some() {
                fed.push(at);
            } else {
                reached.insert(at);
                nodes.push(at);
            }
        }
        let mut group = Self { head, tasks, nodes, outlets: Vec::new() };
        group.outlets = fed.into_iter().map(|node| group.outlet(plan, node)).collect();
        group
    }

    fn outlet(&self, plan: &Plan, node: usize) -> Outlet {
        let mut outlet = Outlet { node, clocks: Vec::new(), head: false };
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<usize> = plan.nodes[node].inputs.iter().map(|i| i.node).collect();
        while let Some(at) = waiting.pop() {
            let own = at == self.head || self.nodes.contains(&at);
            if !own || !seen.insert(at) {
                continue;
            }
            if plan.nodes[at].event_time.is_some() {
                outlet.clocks.push(at);
            } else if at == self.head {
                outlet.head = plan.nodes[at].kind.keys().is_some();
            } else {
                waiting.extend(plan.nodes[at].inputs.iter().map(|input| input.node));
            }
        }
        outlet
    }
}

/// Among how many tasks the keys of a step with state can be divided.
fn tasks_max(step: &NodeKind) -> usize {
    match step {
        // Whether anything has changed in an epoch is known by one task that has all keys.
        NodeKind::Window(plan) if plan.mode == OutputMode::Complete => 1,
        _ => usize::MAX,
    }
}

/// How many lanes can read the source at the same time.
fn lanes_max(source: &SourcePlan) -> usize {
    match source {
        SourcePlan::Config(SourceConfig::File(_) | SourceConfig::Kafka(_)) => usize::MAX,
        SourcePlan::Config(SourceConfig::Generator(_)) => GENERATOR_PARTITIONS,
        SourcePlan::Config(SourceConfig::Stdin(_) | SourceConfig::Socket(_)) => 1,
        SourcePlan::Replay(_) => 1,
    }
}
