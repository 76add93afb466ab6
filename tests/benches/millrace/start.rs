//! From the start of the process to the first row in sight, compiled plugins cached.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::data::{millrace, repository};
use crate::report::{Report, Target, median};

const TURNS: usize = 11;

const PIPELINE: &str = r#"
[source.transactions]
type = "generator"
rate = 20000
format = "raw"
fields = { id = { sequence = "t" }, amount = { lognormal = { mean = 3.0, deviation = 1.4 } } }

[step.parse]
from = "transactions"
plugin = "safe_parse"
config = { schema = { id = "string", amount = "float64" } }

[sink.out]
type = "file"
from = "parse"
path = "out"
"#;

pub fn run(report: &mut Report) {
    let mut times = Vec::new();
    // One more than counted: the first fills the cache of compiled plugins.
    for turn in 0..=TURNS {
        let time = first_row();
        if turn > 0 {
            times.push(time);
        }
    }
    let detail = "process start to first published row, safe_parse from the cache";
    report.add("start, to the first row", median(times), "ms", Target::AtMost(150.0), detail);
}

fn first_row() -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pipeline.toml");
    let plugins = repository().join("plugins/dist");
    let head = format!("name = \"start\"\nplugin_path = [\"{}\"]\n", plugins.display());
    std::fs::write(&file, format!("{head}{PIPELINE}")).unwrap();
    let start = Instant::now();
    let mut process = Command::new(millrace())
        .args(["run", "--quiet"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let out = directory.path().join("out");
    while !has_rows(&out) {
        assert!(start.elapsed().as_secs() < 30, "no row within 30 s");
        std::thread::yield_now();
    }
    let time = start.elapsed().as_secs_f64() * 1000.0;
    process.kill().unwrap();
    process.wait().unwrap();
    time
}

fn has_rows(out: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(out) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|e| e == "ndjson"))
}
