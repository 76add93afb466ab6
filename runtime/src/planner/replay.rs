//! A plan in which dead letters take the place of the sources.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::plan::{
    Input, Node, NodeKind, Plan, Port, REPLAY_PREFIX, ReplayPlan, SourceNode, SourcePlan,
};

/// The pipeline without its sources: each node of `steps` reads its dead letters from `files`
/// instead. What it can't place is returned beside it: steps that the pipeline does not have.
pub fn plan_replay(plan: Plan, steps: &[String], files: &[PathBuf]) -> (Plan, Vec<String>) {
    let is_target = |node: &Node| {
        steps.contains(&node.name) && !matches!(node.kind, NodeKind::Source(_) | NodeKind::Sink(_))
    };
    let known = |step: &&String| plan.nodes.iter().any(|n| n.name == **step && is_target(n));
    let unknown = steps.iter().filter(|step| !known(step)).cloned().collect();
    let mut nodes: Vec<Node> = Vec::new();
    for node in plan.nodes.iter().filter(|node| is_target(node)) {
        // All inputs of a node have the same columns.
        let input = node.inputs[0];
        let schema = plan.nodes[input.node].ports[input.port].schema.clone();
        nodes.push(Node {
            name: format!("{REPLAY_PREFIX}{}", node.name),
            kind: NodeKind::Source(SourceNode {
                name: format!("{REPLAY_PREFIX}{}", node.name),
                plan: SourcePlan::Replay(ReplayPlan {
                    step: node.name.clone(),
                    files: files.to_vec(),
                }),
                columns: schema.clone(),
            }),
            inputs: Vec::new(),
            ports: vec![
                Port::timeless("main", schema),
                Port::timeless("errors", crate::dead_letter::SCHEMA.clone()),
            ],
            event_time: None,
        });
    }
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    for (old, mut node) in plan.nodes.into_iter().enumerate() {
        if matches!(node.kind, NodeKind::Source(_)) {
            continue;
        }
        let keep = |input: &Input| moved.get(&input.node).map(|n| Input { node: *n, ..*input });
        node.inputs = node.inputs.iter().filter_map(keep).collect();
        let called = format!("{REPLAY_PREFIX}{}", node.name);
        if let Some(source) = nodes.iter().position(|n| n.name == called) {
            node.inputs.push(Input { node: source, port: 0 });
        }
        moved.insert(old, nodes.len());
        nodes.push(node);
    }
    (Plan { nodes, ..plan }, unknown)
}
