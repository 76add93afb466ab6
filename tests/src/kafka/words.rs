//! What a user is told: on standard error, while a broker is away.

use std::fs;

use millrace_tests::broker::Broker;

use super::fixture::{Process, quick_ids, ready, sink};
use crate::harness::{Sandbox, wait_until};

/// The client speaks of a lost broker many times a second, to whoever listens or not. The log says
/// it for each source and sink when it begins, and why; and the tries of the job.
#[test]
fn the_log_says_when_no_broker_answers_and_not_again_and_again() {
    let broker = Broker::own();
    let (from, to) = (broker.topic("from", 1), broker.topic("to", 1));
    let sandbox = Sandbox::new();
    let address = broker.address();
    let sink = sink("out", "\"orders\"", address, &to, "format = \"raw\"");
    sandbox.pipeline(&format!(
        "[checkpoint]\ninterval = \"20ms\"\n[restart]\ndelay_max = \"100ms\"\n\
         [source.orders]\ntype = \"kafka\"\nbrokers = \"{address}\"\ntopics = [\"{from}\"]\n\
         format = \"raw\"\n{sink}"
    ));
    let log = sandbox.path("log");
    let process = Process::start_to(&sandbox, &log);
    broker.produce(&from, ["{\"id\": 0}"]);
    wait_until(|| quick_ids(&broker, &to) == [0] && ready(&sandbox, &[]).1);
    broker.kill();
    let told = || ready(&sandbox, &[]).0;
    wait_until(|| {
        let told = told();
        told.contains("orders: ") && told.contains("sink.out: no broker answers")
    });
    broker.start();
    broker.produce(&from, ["{\"id\": 1}"]);
    wait_until(|| quick_ids(&broker, &to) == [0, 1] && ready(&sandbox, &[]).1);
    process.signal("-INT");
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
    for name in ["orders", "sink.out"] {
        let start = format!("{name}: no broker answers");
        let said = lines.iter().filter(|line| line.contains(&start)).count();
        // A broker that starts may answer, and be away once more.
        assert!((1..=3).contains(&said), "{name}: {text}");
    }
    assert!(lines.iter().any(|line| line.contains(address)), "{text}");
    assert!(lines.len() <= 8, "{text}");
}

/// A broker that is there but speaks otherwise is a mistake in the file: what the client makes of it
/// is told, by source and sink.
#[test]
fn why_no_connection_is_made_is_told() {
    let broker = Broker::shared();
    let topic = broker.topic("why", 1);
    let brokers = format!("brokers = \"{}\"", broker.address());
    let tls = "properties = { \"security.protocol\" = \"ssl\" }";
    let rows = "[source.orders]\ntype = \"generator\"\nfields = { id = { sequence = \"\" } }\n";
    let sink = format!(
        "{rows}[sink.out]\ntype = \"kafka\"\nfrom = \"orders\"\n{brokers}\ntopic = \"{topic}\"\n\
         {tls}\n"
    );
    let source = format!(
        "[source.orders]\ntype = \"kafka\"\n{brokers}\ntopics = [\"{topic}\"]\nformat = \"raw\"\n\
         {tls}\n[sink.out]\ntype = \"null\"\nfrom = \"orders\"\n"
    );
    for text in [sink, source] {
        let sandbox = Sandbox::new();
        sandbox.pipeline(&format!("[restart]\nattempts = 0\n{text}"));
        let output = sandbox.millrace(&["run", "pipeline.toml", "--quiet"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{said}");
        let error = said.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(error.contains("SSL"), "{said}");
    }
}
