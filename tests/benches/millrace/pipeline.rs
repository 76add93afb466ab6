//! Whole pipelines on the reference input: files in, Parquet out, a checkpoint every second.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::data::{millrace, reference_input, repository};
use crate::report::{Report, Target, median};

pub const ROWS: usize = 3_000_000;
const TURNS: usize = 3;

/// The steps after parsing, as in the demo.
const DEMO: &str = r#"
[step.clean]
from = "parse"
plugin = "enrich"
config = { country = { column = "country" }, time = { column = "ts" } }

[table.customers]
path = "customers.csv"

[step.enriched]
sql = "SELECT t.*, coalesce(c.segment, 'unknown') AS segment FROM clean t LEFT JOIN customers c ON t.user_id = c.user_id"

[step.rules]
from = "enriched"
plugin = "fraud_rules"
[step.rules.config]
max_amount = 5000
rules = [
    { name = "far_and_large", outcome = "fraud", amount_over = 1000, countries = ["NG"] },
    { name = "new_at_night", outcome = "review", amount_over = 800, hours = [0, 1, 2], segments = ["new"] },
]

[sink.transactions]
type = "file"
from = "rules"
path = "out/transactions"
format = "parquet"

[sink.alerts]
type = "file"
from = ["rules.fraud", "rules.review"]
path = "out/alerts"
"#;

const PARSED_ONLY: &str = r#"
[sink.transactions]
type = "file"
from = "parse"
path = "out/transactions"
format = "parquet"
"#;

pub const WASM_PARSE: &str = r#"
[source.raw]
type = "file"
path = "INPUT/*.json"
format = "raw"

[step.parse]
from = "raw"
plugin = "safe_parse"
config = { schema = { txn_id = "string", user_id = "string", amount = "float64", merchant = "string", country = "string", ts = "timestamp[ms]" } }
"#;

const NATIVE_PARSE: &str = r#"
[source.parse]
type = "file"
path = "INPUT/*.json"
format = "ndjson"
schema = { txn_id = "string", user_id = "string", amount = "float64", merchant = "string", country = "string", ts = "timestamp[ms]" }
"#;

pub fn run(report: &mut Report) {
    let input = reference_input(ROWS, 8);
    let jobs = [
        ("pipeline, wasm parse to Parquet", WASM_PARSE, PARSED_ONLY, 1_000_000.0),
        ("pipeline, native parse to Parquet", NATIVE_PARSE, PARSED_ONLY, 2_000_000.0),
        ("pipeline, demo with wasm parse", WASM_PARSE, DEMO, 1_000_000.0),
        ("pipeline, demo with native parse", NATIVE_PARSE, DEMO, 2_000_000.0),
    ];
    let mut rates = vec![Vec::new(); jobs.len()];
    let mut memory = vec![0.0_f64; jobs.len()];
    for _ in 0..TURNS {
        for (at, (_, parse, rest, _)) in jobs.iter().enumerate() {
            let (rate, rss) = rate(&input, parse, rest);
            rates[at].push(rate);
            memory[at] = memory[at].max(rss);
        }
    }
    for (at, (name, _, _, target)) in jobs.iter().enumerate() {
        let detail = "3,000,000 rows; Spark 4.1 with a pandas UDF: 265,000";
        report.add(name, median(rates[at].clone()), "rows/s", Target::AtLeast(*target), detail);
    }
    let most = memory.iter().copied().fold(0.0, f64::max);
    let detail = "peak of all runs above";
    report.add("memory, peak", most, "MB", Target::AtMost(300.0), detail);
}

/// Rows per second of one run, and its peak memory in MB.
fn rate(input: &Path, parse: &str, rest: &str) -> (f64, f64) {
    let directory = tempfile::tempdir_in(input.parent().unwrap()).unwrap();
    let customers = repository().join("examples/fraud/customers.csv");
    std::fs::copy(customers, directory.path().join("customers.csv")).unwrap();
    let end = run_once(directory.path(), &format!("{parse}{rest}"), input);
    assert_eq!(end["rows_in"], ROWS, "{end}");
    assert_eq!(end["errors"], 0, "{end}");
    (rows_per_second(&end), end["memory_peak_bytes"].as_f64().unwrap() / 1e6)
}

/// Runs a pipeline in `directory`, in which INPUT stands for the input's directory. What its end
/// says.
pub fn run_once(directory: &Path, text: &str, input: &Path) -> Value {
    run_lines(directory, text, input).pop().unwrap()
}

/// As [`run_once`], with everything that was said before.
pub fn run_lines(directory: &Path, text: &str, input: &Path) -> Vec<Value> {
    let file = directory.join("pipeline.toml");
    let plugins = repository().join("plugins/dist");
    let head = format!("name = \"bench\"\nplugin_path = [\"{}\"]\n", plugins.display());
    let text = text.replace("INPUT", &input.display().to_string());
    std::fs::write(&file, format!("{head}{text}")).unwrap();
    let output = Command::new(millrace()).args(["run", "--json"]).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    // Warnings of the check are plain text.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub fn rows_per_second(end: &Value) -> f64 {
    let seconds = end["elapsed_ms"].as_f64().unwrap() / 1000.0;
    end["rows_in"].as_f64().unwrap() / seconds
}
