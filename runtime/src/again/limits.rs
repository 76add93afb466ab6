//! What of a pipeline can't be run once more, or may come out otherwise. Pure.

use crate::config::SourceConfig;
use crate::plan::{Grants, NodeKind, Order, Plan, PluginPlan, SinkPlan, SourcePlan, step_of};
use crate::source::can_end_anywhere;

/// Why no epoch of this pipeline can be run once more. Empty if it can.
pub fn refusals(plan: &Plan) -> Vec<String> {
    let refusal = |node: &crate::plan::Node| match &node.kind {
        NodeKind::Source(source) if !can_end_anywhere(&source.plan) => {
            let (name, what) = (&source.name, what(&source.plan));
            Some(format!(
                "source `{name}` reads {what}, which can't be read again up to where an epoch \
                 ended: only files and generators can"
            ))
        }
        NodeKind::Queue(_) => Some(format!(
            "step `{}` has `retry`: when its rows come again is a matter of the clock",
            step_of(&node.name)
        )),
        _ => None,
    };
    plan.nodes.iter().filter_map(refusal).collect()
}

fn what(source: &SourcePlan) -> &'static str {
    match source {
        SourcePlan::Config(SourceConfig::Kafka(_)) => "Kafka",
        SourcePlan::Config(SourceConfig::Stdin(_)) => "standard input",
        SourcePlan::Config(SourceConfig::Socket(_)) => "a socket",
        SourcePlan::Config(SourceConfig::File(_)) => "files",
        SourcePlan::Config(SourceConfig::Generator(_)) => "made-up rows",
        SourcePlan::Replay(_) => "dead letters",
    }
}

/// What is not compared, and what may make the output differ without anything being wrong.
pub fn limits(plan: &Plan) -> Vec<String> {
    let mut limits = Vec::new();
    for node in &plan.nodes {
        let name = node.name.trim_start_matches("sink.");
        match &node.kind {
            NodeKind::Sink(SinkPlan::Kafka(_)) => limits.push(format!(
                "sink `{name}` writes to Kafka: it writes nothing this time, and is not compared"
            )),
            NodeKind::Sink(SinkPlan::Console(_)) => {
                limits.push(format!("sink `{name}` prints: it is not compared"));
            }
            NodeKind::Sink(SinkPlan::File(sink)) if sink.every.is_some() => limits.push(format!(
                "sink `{name}` joins the output of epochs (roll.every): it is not compared"
            )),
            NodeKind::Plugin(plugin) => limits.extend(of_plugin(plugin)),
            NodeKind::Keyed(keyed) => {
                limits.extend(of_plugin(&keyed.plugin));
                if matches!(keyed.order, Order::Arrival { .. }) {
                    limits.push(format!(
                        "step `{name}` takes rows in the order in which they arrive, which may be \
                         another one with several lanes; its timers of processing time go by \
                         today's clock"
                    ));
                }
            }
            _ => {}
        }
    }
    for table in &plan.tables {
        limits.push(format!("table `{}` is read as it is now", table.name));
    }
    limits
}

fn of_plugin(plugin: &PluginPlan) -> Option<String> {
    let impure: Grants = plugin.grants.iter().filter(|grant| grant.is_impure()).collect();
    (!impure.is_empty() && plugin.deterministic.is_none()).then(|| {
        format!(
            "step `{}` is granted {impure}: set deterministic = {{ seed = 1 }} to have the same \
             output every time",
            plugin.step
        )
    })
}
