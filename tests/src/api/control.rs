//! A pipeline is told what to do.

use std::net::TcpListener;

use serde_json::Value;

use super::fixture::{Pipeline, STEADY};
use crate::harness::{Sandbox, wait_until};

/// `stop` ends a pipeline in good order: exit code 0, and all that was read is out.
#[test]
fn stop_ends_a_pipeline_in_good_order() {
    let sandbox = Sandbox::new();
    let text = STEADY.replace("from = \"sums\"", "from = \"even\"");
    let text = text.replace("type = \"null\"\nfrom = \"even\"", "type = \"null\"\nfrom = \"sums\"");
    sandbox.pipeline(&text);
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| !sandbox.rows("out").is_empty());
    let output = sandbox.millrace(&["stop", "test"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "test has stopped\n");
    assert_eq!(pipeline.wait(), Some(0));
    let rows = sandbox.rows("out").len();
    let mut last = Value::Null;
    while last["event"] != "end" {
        last = serde_json::from_str(&pipeline.next_line()).unwrap();
    }
    assert_eq!(last["nodes"]["even"]["ports"]["main"], rows);
    // There is nothing left that could mislead anybody.
    assert_eq!(std::fs::read_dir(sandbox.path("run/millrace/running")).unwrap().count(), 0);
    assert!(!sandbox.path(".millrace/test/api.json").exists());
    let output = sandbox.millrace(&["stop", "pipeline.toml"]);
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is not running: start it with `millrace run pipeline.toml`"), "{said}");
}

/// An epoch can be had at once, however long the interval is.
#[test]
fn a_checkpoint_is_made_when_it_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(&format!("[checkpoint]\ninterval = \"1h\"\n{STEADY}"));
    let pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| pipeline.get("/ready").status == 200);
    let status = || pipeline.json("/v1/status")["counted"].clone();
    let rows = status()["rows_in"].as_u64();
    wait_until(|| status()["rows_in"].as_u64() > rows);
    let before = status()["epoch"].as_u64().unwrap();
    let output = sandbox.millrace(&["checkpoint", "now", "pipeline.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let epoch = said.trim().strip_prefix("epoch ").unwrap().strip_suffix(" is committed").unwrap();
    assert!(epoch.parse::<u64>().unwrap() > before, "{said} after {before}");
    assert_eq!(pipeline.json("/v1/progress")["batchId"], epoch.parse::<u64>().unwrap());
}

/// A job that waits for its next try has nothing to finish: it stops at once, however long it
/// would wait.
#[test]
fn a_pipeline_that_waits_for_something_outside_stops_too() {
    let sandbox = Sandbox::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.pipeline(&format!(
        "[source.lines]\ntype = \"socket\"\nconnect = \"{address}\"\nformat = \"ndjson\"\n\
         schema = {{ id = \"int64\" }}\n\
         [sink.out]\ntype = \"null\"\nfrom = \"lines\"\n"
    ));
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| {
        pipeline.get("/ready").status == 503 && {
            let ready = pipeline.get("/ready").json();
            ready["phase"] == "restarting" && ready["down"][0]["node"] == "lines"
        }
    });
    let refused = pipeline.post("/v1/checkpoint", "");
    assert_eq!(refused.status, 503, "{}", refused.body);
    let shown = sandbox.millrace(&["status", "test"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("NOT READY") && shown.contains("DOWN lines for"), "{shown}");
    assert_eq!(pipeline.post("/v1/stop", "").status, 202);
    assert_eq!(pipeline.wait(), Some(4), "it had not done its work");
}

/// A swap by command: what runs is another version from an epoch on, and the history says who.
#[test]
fn a_plugin_is_swapped_by_command() {
    let sandbox = Sandbox::new();
    let numbers = STEADY.replace("n = { sequence = \"\" }", "n = { int = { min = 1, max = 9 } }");
    let source = &numbers[..numbers.find("[step.even]").unwrap()];
    sandbox.pipeline(&format!(
        "{source}[step.p]\nfrom = \"ticks\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"well_behaved\" }}\n[sink.out]\ntype = \"null\"\nfrom = \"p\"\n"
    ));
    let pipeline = Pipeline::start(&sandbox, &[]);
    wait_until(|| pipeline.get("/ready").status == 200);
    let none = sandbox.millrace(&["swaps", "test"]);
    assert_eq!(none.status.code(), Some(0), "{none:?}");
    assert_eq!(String::from_utf8(none.stderr).unwrap(), "nothing was ever swapped\n");
    let config = r#"{"mode": "well_behaved", "poison": 10}"#;
    let swap = ["swap", "test", "p", "--config", config, "--watch", "0s", "--by", "ada", "--json"];
    let output = sandbox.millrace(&swap);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["part"], &record["by"]), (&"p".into(), &"ada".into()));
    assert_eq!(record["to"]["config"]["poison"], 10);
    let refused = sandbox.millrace(&["swap", "test", "nobody"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("nobody"));
    let back = sandbox.millrace(&["rollback", "test", "p", "--by", "bob"]);
    assert_eq!(back.status.code(), Some(0), "{back:?}");
    let swaps = sandbox.millrace(&["swaps", "pipeline.toml"]);
    let swaps = String::from_utf8(swaps.stdout).unwrap();
    assert!(swaps.contains("by ada") && swaps.contains("another config"), "{swaps}");
    assert_eq!(swaps.lines().filter(|line| line.starts_with('#')).count(), 2, "{swaps}");
    let missing = sandbox.millrace(&["swap", "test", "p", "--config", "{nonsense"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("the config of --config"));
}
