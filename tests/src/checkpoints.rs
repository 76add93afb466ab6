//! Looking into checkpoints, going back, and pipelines that change under them.

use std::process::Output;

use serde_json::Value;

use crate::harness::Sandbox;

const SOURCE: &str = r#"
[checkpoint]
interval = "10ms"

[source.orders]
type = "file"
path = "orders/*.ndjson"
format = "ndjson"
schema = { user = "string", amount = "int64", at = "timestamp[us]" }
limit_per_epoch = { files = 1 }
FOLLOW

[sink.out]
type = "file"
from = "totals"
path = "out"
"#;

const TOTALS: &str = r#"
[step.totals]
sql = "SELECT user, count(*) AS n, sum(amount) AS total FROM orders GROUP BY user"
output_mode = "update"
"#;

fn pipeline(step: &str) -> String {
    format!("{}{step}", SOURCE.replace("FOLLOW", ""))
}

/// Three files, each an epoch of its own.
fn orders(sandbox: &Sandbox) {
    for file in 0..3 {
        let line = |user: &str, amount: u32| {
            format!(
                "{{\"user\":\"{user}\",\"amount\":{amount},\"at\":\"2024-01-01T00:00:0{file}Z\"}}\n"
            )
        };
        let lines = [line("ann", file + 1), line("bob", 10), line("ann", 100)].concat();
        sandbox.write(&format!("orders/{file}.ndjson"), lines);
    }
}

fn lines(output: &Output) -> Vec<Value> {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn ask(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec![arguments[0], arguments[1], "pipeline.toml", "--json"];
    all.extend(&arguments[2..]);
    lines(&sandbox.millrace(&all))
}

fn total(sandbox: &Sandbox, user: &str) -> Value {
    let found = ask(sandbox, &["state", "get", "totals", user]);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["value"].clone()
}

fn refusal(sandbox: &Sandbox, text: &str) -> String {
    let error = sandbox.try_run(text).unwrap_err();
    assert_eq!(error.kind, millrace::error::ErrorKind::Config, "{error}");
    error.to_string()
}

/// What a step remembers is shown in the step's own words.
#[test]
fn state_is_listed_by_step_and_key() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    sandbox.run(&pipeline(TOTALS));
    let steps = ask(&sandbox, &["state", "list"]);
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert_eq!(steps[0]["kind"], "aggregate");
    let step = steps[0]["step"].as_str().unwrap();
    let entries = ask(&sandbox, &["state", "list", step]);
    assert_eq!(entries.len(), 2, "{entries:?}");
    let users: Vec<&str> = entries.iter().filter_map(|e| e["key"]["user"].as_str()).collect();
    assert!(users.contains(&"ann") && users.contains(&"bob"), "{entries:?}");
    assert_eq!(ask(&sandbox, &["state", "list", step, "--limit", "1"]).len(), 1);
    let value = total(&sandbox, "ann");
    let numbers: Vec<i64> = value.as_object().unwrap().values().filter_map(Value::as_i64).collect();
    assert_eq!(numbers, [6, 306], "{value}");
    assert!(ask(&sandbox, &["state", "get", step, "eve"]).is_empty());
    let stats = ask(&sandbox, &["state", "stats"]);
    assert_eq!(stats[0]["entries"], 2);
    let text = sandbox.millrace(&["state", "list", "pipeline.toml", "nothing"]);
    assert_eq!(text.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&text.stderr).contains("steps with state are: totals"));
}

/// A pipeline need not be stopped to be looked into.
#[test]
fn a_running_pipeline_answers() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    let text = format!("{}{TOTALS}", SOURCE.replace("FOLLOW", "follow = \"10ms\""));
    let mut answered = false;
    sandbox.run_until(&text, || {
        let found = sandbox.millrace(&["state", "get", "pipeline.toml", "totals", "ann", "--json"]);
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        answered = text.contains("306");
        if answered {
            assert!(!ask(&sandbox, &["checkpoint", "list"]).is_empty());
            let parts = ask(&sandbox, &["checkpoint", "verify"]);
            assert!(parts.iter().all(|part| part["damage"].is_null()), "{parts:?}");
            let rewind = sandbox.millrace(&["checkpoint", "rewind", "pipeline.toml"]);
            assert_eq!(rewind.status.code(), Some(6), "it must be stopped first");
        }
        answered
    });
    assert!(answered);
}

/// After a rewind the same rows lead to the same state, under higher epochs.
#[test]
fn a_rewind_reads_the_input_again_from_an_epoch_on() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    sandbox.run(&pipeline(TOTALS));
    let before = total(&sandbox, "ann");
    let files = sandbox.files("out").len();
    let epochs = ask(&sandbox, &["checkpoint", "list"]);
    assert!(epochs.len() >= 3, "{epochs:?}");
    let first = epochs[0]["epoch"].as_u64().unwrap();
    let last = epochs.last().unwrap()["epoch"].as_u64().unwrap();
    assert_eq!(epochs.last().unwrap()["current"], true);
    let done = ask(&sandbox, &["checkpoint", "rewind", "--to", &first.to_string()]);
    assert_eq!((done[0]["from"].as_u64(), done[0]["to"].as_u64()), (Some(last), Some(first)));
    assert!(!done[0]["published"].as_array().unwrap().is_empty());
    assert_ne!(total(&sandbox, "ann"), before);
    let summary = sandbox.run(&pipeline(TOTALS));
    assert!(summary.epoch.0 > last, "a sink would take the new output for published");
    assert_eq!(total(&sandbox, "ann"), before);
    assert!(sandbox.files("out").len() > files, "what was published stays and comes again");
    let text = sandbox.millrace(&["checkpoint", "rewind", "pipeline.toml", "--to", "99"]);
    assert_eq!(text.status.code(), Some(2));
}

/// Damage is named, and the next start says what it does about it.
#[test]
fn damaged_changes_are_named_and_recovered_from() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    sandbox.run(&pipeline(TOTALS));
    let state = sandbox.path(".millrace/test/state");
    let entries = std::fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "changes")).collect();
    segments.sort();
    let last = segments.last().unwrap();
    let mut bytes = std::fs::read(last).unwrap();
    bytes[20] ^= 1;
    std::fs::write(last, bytes).unwrap();
    let verify = sandbox.millrace(&["checkpoint", "verify", "pipeline.toml"]);
    assert_eq!(verify.status.code(), Some(5));
    let name = last.file_name().unwrap().to_str().unwrap();
    assert!(String::from_utf8_lossy(&verify.stdout).contains(name));
    let run = sandbox.millrace(&["run", "pipeline.toml"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("already published"), "{said}");
    let value = total(&sandbox, "ann");
    let numbers: Vec<i64> = value.as_object().unwrap().values().filter_map(Value::as_i64).collect();
    assert_eq!(numbers, [6, 306], "{value}");
}

/// State that no longer means what the pipeline takes it for must not be used.
#[test]
fn a_changed_step_is_refused_by_name_unless_its_state_may_go() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    sandbox.run(&pipeline(TOTALS));
    let changed = |from: &str, to: &str| refusal(&sandbox, &pipeline(&TOTALS.replace(from, to)));
    let key = changed("BY user", "BY user, at");
    assert!(key.contains("`totals`") && key.contains("key was `user Utf8`"), "{key}");
    let aggregate = changed("sum(amount)", "max(amount)");
    assert!(aggregate.contains("aggregate was") && aggregate.contains("max"), "{aggregate}");
    assert!(aggregate.contains("--forget totals"), "{aggregate}");
    let gone = SOURCE.replace("FOLLOW", "").replace("from = \"totals\"", "from = \"orders\"");
    let gone = refusal(&sandbox, &gone);
    assert!(gone.contains("`totals`") && gone.contains("--forget totals"), "{gone}");
    // What only adds a step goes on with the old one's state.
    let more = r#"
[step.large]
sql = "SELECT user, max(amount) AS high FROM orders GROUP BY user"
output_mode = "update"

[sink.large]
type = "null"
from = "large"
"#;
    sandbox.write("orders/3.ndjson", "{\"user\":\"ann\",\"amount\":1000}\n");
    sandbox.run(&format!("{}{more}", pipeline(TOTALS)));
    let value = total(&sandbox, "ann");
    assert!(value.to_string().contains("1306"), "{value}");
}

/// Forgotten state is gone, for the step itself too, and stays gone.
#[test]
fn forgotten_state_is_gone() {
    let sandbox = Sandbox::new();
    orders(&sandbox);
    sandbox.run(&pipeline(TOTALS));
    let highest = TOTALS.replace("sum(amount)", "max(amount)");
    sandbox.write("orders/3.ndjson", "{\"user\":\"ann\",\"amount\":7}\n");
    sandbox.pipeline(&pipeline(&highest));
    let refused = sandbox.millrace(&["run", "pipeline.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    let run = sandbox.millrace(&["run", "pipeline.toml", "--forget", "totals"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let entries = ask(&sandbox, &["state", "list", "totals"]);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let numbers = entries[0]["value"].as_object().unwrap().values();
    assert_eq!(numbers.filter_map(Value::as_i64).collect::<Vec<_>>(), [1, 7], "{entries:?}");
    sandbox.run(&pipeline(&highest));
}
