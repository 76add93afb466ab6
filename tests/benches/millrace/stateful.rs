//! Steps with state on the reference input, parsing included: a checkpoint every second, output to
//! files.

use std::path::Path;

use serde_json::Value;

use crate::data::reference_input;
use crate::pipeline::{ROWS, rows_per_second, run_lines, run_once};
use crate::report::{Report, Target, median};

const TURNS: usize = 3;
/// Small enough that two lanes, each in a file of its own, are close in event time.
const FILES: usize = 60;
/// The checkpoint's cost is measured on so many rows, as it takes some seconds to show.
const ROWS_LONG: usize = 12_000_000;

const SOURCE: &str = r#"
[source.transactions]
type = "file"
path = "INPUT/*.json"
format = "ndjson"
in_order = true
schema = { txn_id = "string", user_id = "string", amount = "float64", merchant = "string", country = "string", ts = "timestamp[ms]" }
event_time = { column = "ts", delay = "2s" }
"#;

const SINK: &str = r#"
[sink.out]
type = "file"
from = "job"
path = "out"
"#;

struct Job {
    name: &'static str,
    step: &'static str,
    target: f64,
    others: &'static str,
}

const JOBS: &[Job] = &[
    Job {
        name: "filter and project",
        step: "sql = \"SELECT txn_id, user_id, amount * 1.1 AS gross, ts FROM transactions WHERE \
               amount > 100 AND country <> 'NG'\"",
        target: 4_000_000.0,
        others: "Spark 375,000, Flink 460,000-510,000",
    },
    Job {
        name: "velocity, tumbling 5 s",
        step: "sql = \"SELECT user_id, w, n, total FROM (SELECT user_id, \
               tumble(ts, INTERVAL '5 seconds') AS w, count(*) AS n, sum(amount) AS total \
               FROM transactions GROUP BY user_id, tumble(ts, INTERVAL '5 seconds')) WHERE n > 5\"",
        target: 2_000_000.0,
        others: "Spark 82,000-107,000, Flink 290,000-330,000",
    },
    Job {
        name: "rollup, tumbling 60 s",
        step: "sql = \"SELECT merchant, tumble(ts, INTERVAL '60 seconds') AS w, count(*) AS n, \
               sum(amount) AS total, approx_distinct(user_id) AS users FROM transactions \
               GROUP BY merchant, tumble(ts, INTERVAL '60 seconds')\"",
        target: 2_500_000.0,
        others: "Spark 243,000-397,000, Flink 430,000-457,000",
    },
    Job {
        name: "sliding, 60 s by 1 s",
        step: "sql = \"SELECT merchant, hop(ts, INTERVAL '1 second', INTERVAL '60 seconds') AS w, \
               count(*) AS n, sum(amount) AS total FROM transactions \
               GROUP BY merchant, hop(ts, INTERVAL '1 second', INTERVAL '60 seconds')\"",
        target: 2_000_000.0,
        others: "Flink 157,000-165,000",
    },
    Job {
        name: "deduplication within 60 s",
        step: "from = \"transactions\"\ndeduplicate = [\"txn_id\"]\nwithin = \"60s\"",
        target: 1_500_000.0,
        others: "Spark 126,000-145,000",
    },
    Job {
        name: "velocity as a keyed plugin",
        step: "from = \"transactions\"\nplugin = \"velocity\"\nkey = [\"user_id\"]\n\
               config = { amount = \"amount\", within = \"60s\", max_count = 5 }",
        target: 1_000_000.0,
        others: "no other can",
    },
];

pub fn run(report: &mut Report) {
    let input = reference_input(ROWS, FILES);
    let mut rates = vec![Vec::new(); JOBS.len()];
    for _ in 0..TURNS {
        for (job, rates) in JOBS.iter().zip(&mut rates) {
            rates.push(rate(&input, job.step, "1s"));
        }
    }
    for (job, rates) in JOBS.iter().zip(rates) {
        let target = Target::AtLeast(job.target);
        report.add(job.name, median(rates), "rows/s", target, job.others);
    }
    checkpoints(report);
    many_keys(report);
}

/// What checkpoints cost, where much changes between them.
fn checkpoints(report: &mut Report) {
    let input = reference_input(ROWS_LONG, FILES * ROWS_LONG / ROWS);
    let step = JOBS[1].step;
    let ratio = |_| rate(&input, step, "1s") / rate(&input, step, "1h");
    let ratios: Vec<f64> = (0..TURNS).map(ratio).collect();
    let detail = "velocity in tumbling windows, 12,000,000 rows";
    report.add("checkpoints / without", median(ratios), "", Target::AtLeast(0.9), detail);
}

fn rate(input: &Path, step: &str, interval: &str) -> f64 {
    let directory = tempfile::tempdir_in(input.parent().unwrap()).unwrap();
    let checkpoint = format!("[checkpoint]\ninterval = \"{interval}\"\n");
    let text = format!("{checkpoint}{SOURCE}[step.job]\n{step}\n{SINK}");
    let end = run_once(directory.path(), &text, input);
    assert_eq!(end["errors"], 0, "{end}");
    rows_per_second(&end)
}

const KEYS: u64 = 10_000_000;

/// Running totals of ten million keys: each once, then some of them again.
fn totals(rows: u64) -> String {
    format!(
        r#"
[state]
memory = "1GB"
[source.rows]
type = "generator"
rows = {rows}
fields = {{ id = {{ sequence = "" }}, amount = {{ int = {{ min = 1, max = 100 }} }} }}
[step.spread]
sql = "SELECT 'user-' || cast(cast(id AS bigint) * 7919 % {KEYS} AS string) AS user, amount FROM rows"
[step.totals]
sql = "SELECT user, count(*) AS n, sum(amount) AS total FROM spread GROUP BY user"
output_mode = "update"
[sink.out]
type = "null"
from = "totals"
"#
    )
}

fn many_keys(report: &mut Report) {
    let cache = reference_input(ROWS, FILES);
    let directory = tempfile::tempdir_in(cache.parent().unwrap()).unwrap();
    let rows = KEYS + KEYS / 5;
    let end = run_once(directory.path(), &totals(rows), &cache);
    let keys = "10,000,000 keys, memory 1 GB";
    let rate = rows_per_second(&end);
    report.add("many keys", rate, "rows/s", Target::AtLeast(200_000.0), keys);
    let memory = end["memory_peak_bytes"].as_f64().unwrap() / 1e6;
    report.add("many keys, memory", memory, "MB", Target::AtMost(1200.0), keys);
    // Once more with the keys on disk, and some more rows.
    let lines = run_lines(directory.path(), &totals(rows + KEYS / 50), &cache);
    let sent = |line: &&Value| line["nodes"]["totals"]["ports"]["main"].as_u64() > Some(0);
    let first = lines.iter().find(sent).expect("the second run has rows to send");
    let seconds = first["elapsed_ms"].as_f64().unwrap() / 1000.0;
    let detail = "to the first output, with the keys on disk";
    report.add("many keys, start", seconds, "s", Target::AtMost(2.0), detail);
}
