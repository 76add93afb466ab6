//! What a plugin costs is counted, what it may use is bounded and granted.

mod counters;
mod deterministic;
mod grants;
mod limits;

use millrace::job::Summary;
use millrace::metrics::PluginCounts;

use crate::harness::Sandbox;

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n";
const ALL_GRANTS: &str = "grant = [\"log\", \"metrics\", \"clock\", \"random\"]\n";

/// A pipeline that runs the rows `n` = 1 to `rows`, one of each millisecond, through the plugin
/// `witness` with this configuration, batches of 16.
fn witness(sandbox: &Sandbox, rows: i64, config: &str, more: &str) -> String {
    let rows: Vec<String> =
        (1..=rows).map(|n| format!("{{\"n\": {n}, \"k\": \"k{}\", \"at\": {n}}}", n % 5)).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\", k = \"string\", at = \"timestamp[ms]\" }}\n\
         event_time = {{ column = \"at\", delay = \"0s\" }}\n\
         [step.h]\nfrom = \"s\"\nplugin = \"witness\"\n{ALL_GRANTS}\
         config = {{ {config} }}\n{more}\n{SINK}"
    )
}

/// What was counted of the plugin at a node.
fn counts(summary: &Summary, node: &str) -> PluginCounts {
    let nodes = &summary.metrics.nodes;
    nodes.iter().find(|of| of.name == node).unwrap().plugin.as_ref().unwrap().counts()
}
