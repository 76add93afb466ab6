//! Input that is read once more, into an output of its own.

use crate::harness::Sandbox;

const PIPELINE: &str = r#"
parallelism = 1
batch_rows = 10

[source.a]
type = "file"
path = "in/*.ndjson"
format = "ndjson"
schema = { ts = "timestamp[ms]", k = "string", n = "int64" }
limit_per_epoch = { rows = 10 }
event_time = { column = "ts", delay = "1s" }

[step.totals]
sql = "SELECT k, cast(w.start AS bigint) AS s, sum(n) AS n FROM (SELECT k, n, tumble(ts, INTERVAL '10 seconds') AS w FROM a) GROUP BY k, w"

[sink.totals]
type = "file"
path = "out/totals"
from = "totals"
"#;

/// 20 rows in each ten seconds, from 1970 on.
fn input(sandbox: &Sandbox, rows: usize) {
    let line = |n: usize| format!("{{\"ts\":{},\"k\":\"k{}\",\"n\":{n}}}\n", n * 500, n % 3);
    sandbox.write("in/0.ndjson", (0..rows).map(line).collect::<String>());
}

fn run(sandbox: &Sandbox, arguments: &[&str]) {
    let output = sandbox.millrace(&[&["run", "pipeline.toml", "--quiet"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whoever mends a pipeline wants the results since a certain time again, and the old ones kept.
#[test]
fn rows_since_a_time_are_read_once_more() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(PIPELINE);
    input(&sandbox, 200);
    run(&sandbox, &[]);
    let all = sandbox.rows("out/totals");
    run(&sandbox, &["--into", "again", "--since", "1970-01-01T00:00:50Z"]);
    let since = all.iter().filter(|row| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        row["s"].as_i64().unwrap() >= 50_000_000
    });
    assert_eq!(sandbox.rows("again/out/totals"), since.cloned().collect::<Vec<_>>());
    assert_eq!(sandbox.rows("out/totals"), all);
}

/// From an epoch on, with the state that it had: what was sent on until then and what comes once
/// more are the whole.
#[test]
fn rows_since_an_epoch_are_read_once_more() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(&format!("{PIPELINE}\n[checkpoint]\ninterval = \"10ms\"\nkeep = 50\n"));
    input(&sandbox, 200);
    run(&sandbox, &[]);
    let all = sandbox.rows("out/totals");
    let listed = sandbox.millrace(&["checkpoint", "list", "pipeline.toml", "--json"]);
    let text = String::from_utf8(listed.stdout).unwrap();
    let epochs: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(epochs.len() > 5, "{text}");
    let middle = epochs[epochs.len() / 2]["epoch"].as_u64().unwrap();
    run(&sandbox, &["--into", "again", "--epoch", &middle.to_string()]);
    let before = |path: &std::path::PathBuf| {
        // Files are called part-ID-EPOCH-...
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.split('-').nth(2).unwrap().parse::<u64>().unwrap() <= middle
    };
    let mut rows = sandbox.rows("again/out/totals");
    assert!(!rows.is_empty() && rows.len() < all.len());
    for path in sandbox.files("out/totals").iter().filter(|path| before(path)) {
        let text = std::fs::read_to_string(path).unwrap();
        rows.extend(text.lines().map(crate::harness::canonical));
    }
    rows.sort();
    assert_eq!(rows, all);
    assert_eq!(sandbox.rows("out/totals"), all);
    // An epoch that is not remembered is refused before anything starts.
    let refused = sandbox.millrace(&["run", "pipeline.toml", "--into", "no", "--epoch", "9999"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("does not remember epoch 9999"));
}
