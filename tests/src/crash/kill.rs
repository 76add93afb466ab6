//! The real binary, killed for real.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use millrace::storage::LocalStorage;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::fixture::{Fixture, Input};
use super::published::{Published, Row, staged_files};

const SIGKILL: i32 = 9;
const ROUNDS: usize = 24;
/// A round is killed after at most so many lines of progress, of which each epoch gives one.
const LINES_MAX: usize = 8;
/// And so much later at most, so that every part of an epoch is met.
const LATER_MICROS_MAX: u64 = 20_000;
/// No line of progress takes so long: a process that says nothing is broken.
const PATIENCE: Duration = Duration::from_secs(60);

const INPUT: Input = Input { files: 8, rows_per_file: 5000 };

fn pipeline() -> String {
    let plugins = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
    assert!(
        plugins.join("safe_parse.wasm").is_file(),
        "{} has no safe_parse.wasm: run `make plugins` first",
        plugins.display()
    );
    format!(
        r#"
name = "kill"
parallelism = 2
batch_rows = 50
plugin_path = ["{}"]

[checkpoint]
interval = "10ms"
path = "disk/checkpoint"

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "raw"
limit_per_epoch = {{ rows = 200 }}

[step.parse]
from = "orders"
plugin = "safe_parse"
event_time = {{ column = "t", delay = "2s" }}

[step.parse.config.schema]
id = "int64"
country = "string"
amount = "float64"
item = "int64"
t = "timestamp[ms]"

[step.rows]
sql = "SELECT id, country, amount FROM parse"

[sink.by_country]
type = "file"
from = "rows"
path = "disk/out/by_country"
partition_by = ["country"]

[sink.columns]
type = "file"
from = "rows"
path = "disk/out/columns"
format = "parquet"
roll = {{ every = "100ms" }}
"#,
        plugins.display()
    )
}

/// Everything that remembers, at once: some late rows are read, others become dead letters.
const PATTERNS: &str = r#"
[step.fresh]
from = "parse"
deduplicate = ["item", "country"]
within = "1m"

[step.keys]
sql = "SELECT item, country FROM fresh"

[step.totals]
sql = """SELECT country, cast(w.start AS bigint) AS s, count(*) AS n, sum(amount) AS total
         FROM (SELECT *, tumble(t, INTERVAL '30 seconds') AS w FROM parse) GROUP BY country, w"""

[step.sliding]
allowed_lateness = "5s"
sql = """SELECT country, cast(w.start AS bigint) AS s, count(*) AS n, count(DISTINCT item) AS items
         FROM (SELECT *, hop(t, INTERVAL '5 seconds', INTERVAL '20 seconds') AS w FROM parse)
         GROUP BY country, w"""

[step.sessions]
sql = """SELECT country, cast(w.start AS bigint) AS s, cast(w.end AS bigint) AS e, count(*) AS n
         FROM (SELECT country, session(t, CASE WHEN country = 'DE' THEN INTERVAL '30 milliseconds'
         ELSE INTERVAL '50 milliseconds' END) AS w FROM parse) GROUP BY country, w"""

[step.busiest]
sql = """SELECT cast(w.start AS bigint) AS s, max(n) AS n, count(*) AS windows FROM
         (SELECT n, tumble(w, INTERVAL '5 minutes') AS w FROM (SELECT country, count(*) AS n,
         tumble(t, INTERVAL '15 seconds') AS w FROM parse GROUP BY country, w)) GROUP BY w"""

[step.running]
output_mode = "update"
sql = "SELECT country, count(*) AS n, sum(amount) AS total FROM parse GROUP BY country"

[step.velocity]
from = "parse"
plugin = "velocity"
key = ["country"]
config = { within = "10s", amount = "amount", max_count = 100, flagged = "fast" }

[sink.keys]
type = "file"
from = "keys"
path = "disk/out/keys"

[sink.totals]
type = "file"
from = "totals"
path = "disk/out/totals"
format = "parquet"

[sink.sliding]
type = "file"
from = "sliding"
path = "disk/out/sliding"

[sink.late]
type = "file"
from = "sliding.late"
path = "disk/out/late"

[sink.sessions]
type = "file"
from = "sessions"
path = "disk/out/sessions"
roll = { every = "50ms" }

[sink.busiest]
type = "file"
from = "busiest"
path = "disk/out/busiest"

[sink.running]
type = "file"
from = "running"
path = "disk/out/running"

[sink.velocity]
type = "file"
from = ["velocity", "velocity.fast"]
path = "disk/out/velocity"
"#;

/// The sinks of [`PATTERNS`] that get each row once.
const FINAL: [&str; 7] = ["keys", "totals", "sliding", "late", "sessions", "busiest", "velocity"];

/// What is in sight of all patterns.
fn published(fixture: &Fixture, when: &str) -> Published {
    let mut published = fixture.published(&SINKS);
    published.sinks.extend(FINAL.iter().map(|sink| Row::all_of(&fixture.out(sink))));
    published.sinks.push(Row::merged(&fixture.out("running"), &["country"], when));
    published
}

const SINKS: [&str; 2] = ["by_country", "columns"];

/// A running `millrace run`, and what it says.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(fixture: &Fixture) -> Self {
        let mut command = Command::new(binary());
        command.arg("run").arg(fixture.pipeline()).arg("--json");
        // What a killed process leaves behind goes with the test.
        command.env("XDG_RUNTIME_DIR", fixture.disk().with_file_name("run"));
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = crossbeam_channel::unbounded();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                // A test that has ended needs no more lines.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits until the process has told of its progress so many times; `false` if it ended before.
    fn progresses(&self, times: usize) -> bool {
        for _ in 0..times {
            // What `check` warns of comes first, and where the API is.
            let line = loop {
                match self.lines.recv_timeout(PATIENCE) {
                    Ok(line) if !line.starts_with('{') => {}
                    Ok(line) if line.contains("\"event\":\"api\"") => {}
                    other => break other,
                }
            };
            match line {
                Ok(line) if line.contains("\"event\":\"progress\"") => {}
                Ok(line) if line.contains("\"event\":\"end\"") => return false,
                other => panic!("no progress: {other:?}"),
            }
        }
        true
    }

    /// The exit code, and the last thing that was said.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let last = self.lines.iter().last().unwrap_or_default();
        (status.code(), last)
    }
}

/// The tests' own build of Millrace.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().and_then(|deps| deps.parent()).unwrap().join("millrace");
    assert!(
        binary.is_file(),
        "{} is missing: `cargo test --workspace` builds it, one package alone does not",
        binary.display()
    );
    binary
}

/// What no simulation can promise: the whole process, killed between any two instructions again
/// and again, still gives each row and each dead letter once.
#[test]
fn a_process_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let text = pipeline() + PATTERNS;
    let undisturbed = Fixture::new(INPUT, &text);
    undisturbed.set_parallelism(1);
    undisturbed.run(Arc::new(LocalStorage)).unwrap();
    let expected = published(&undisturbed, "undisturbed");
    assert_eq!(expected.sinks[..SINKS.len()], undisturbed.expected(SINKS.len(), "parse").sinks);
    assert!(expected.sinks.iter().all(|rows| rows.len() > 2));

    let fixture = Fixture::new(INPUT, &text);
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..ROUNDS {
        fixture.set_parallelism(1 + round % 4);
        let mut process = Process::start(&fixture);
        let lines = random.random_range(0..=LINES_MAX);
        assert!(process.progresses(lines), "round {round}: the input was through too early");
        let later = Duration::from_micros(random.random_range(0..LATER_MICROS_MAX));
        let _ = process.lines.recv_timeout(later);
        process.child.kill().unwrap();
        let status = process.child.wait().unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "round {round}: it ended by itself");
    }
    let (code, last) = Process::start(&fixture).end();
    assert_eq!(code, Some(0), "{last}");
    published(&fixture, "killed").assert_is(&expected, "killed again and again");
    assert_eq!(staged_files(&fixture.disk()), Vec::<PathBuf>::new());
}

/// Whoever stops a job in good order gets everything that it has read, also what waited to be
/// joined, and a success; the next run goes on from there.
#[test]
fn a_process_that_is_asked_to_end_publishes_what_it_has_read() {
    let fixture = Fixture::new(INPUT, &pipeline());
    let process = Process::start(&fixture);
    assert!(process.progresses(3), "the input was through too early");
    let id = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let (code, last) = process.end();
    assert_eq!(code, Some(0), "{last}");
    assert!(last.contains("\"event\":\"end\""), "{last}");

    let stopped = fixture.published(&SINKS);
    let expected = fixture.expected(SINKS.len(), "parse");
    let rows = stopped.sinks[0].len();
    assert!(0 < rows && rows < expected.sinks[0].len(), "{rows} rows when it was stopped");
    assert_eq!(stopped.sinks[0], stopped.sinks[1], "one sink kept rows back");
    assert_eq!(staged_files(&fixture.disk()), Vec::<PathBuf>::new());

    let (code, last) = Process::start(&fixture).end();
    assert_eq!(code, Some(0), "{last}");
    fixture.published(&SINKS).assert_is(&expected, "stopped and run on");
}
