//! Topics as sources: a pipeline file and records in, rows in files out.

mod records;

use millrace_tests::broker::Broker;

use crate::harness::{Sandbox, canonical_rows};

/// A source that reads all that there is and ends, and a sink for its rows; `more` are settings of
/// the source.
fn once(broker: &Broker, topics: &str, more: &str) -> String {
    format!("trigger = \"available_now\"\n{}", endless(broker, topics, more))
}

/// As [`once`], without an end.
fn endless(broker: &Broker, topics: &str, more: &str) -> String {
    let brokers = broker.address();
    let format = if more.contains("format =") { "" } else { "format = \"raw\"" };
    format!(
        "[source.s]\ntype = \"kafka\"\nbrokers = \"{brokers}\"\n{topics}\n{format}\n{more}\n{SINK}"
    )
}

/// `topics = [NAME]`.
fn named(topic: &str) -> String {
    format!("topics = [\"{topic}\"]")
}

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\n";

/// The values in the directory `out`, in order.
fn values(sandbox: &Sandbox) -> Vec<String> {
    let mut values: Vec<String> = sandbox
        .files("out")
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    values.sort();
    values
}

/// `texts` as rows of the only column `value`.
fn expected<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
    canonical_rows(texts.into_iter().map(|text| {
        let value = serde_json::Value::from(text.as_ref());
        format!("{{\"value\": {value}}}")
    }))
}
