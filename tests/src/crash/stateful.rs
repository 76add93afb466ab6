//! A crash at every step that reaches the disk, for each kind of step that remembers; what comes
//! after goes on with another number of tasks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace::error::ErrorKind;
use millrace::storage::LocalStorage;

use super::disk::Loss;
use super::fixture::{Fixture, Input};
use super::published::{Published, Row, staged_files};
use super::storage::{Fault, FaultyStorage};

/// Rounds run side by side, as most of a round is waiting for the next epoch.
const THREADS: usize = 4;

const INPUT: Input = Input { files: 3, rows_per_file: 30 };

/// At most 33 rows an epoch, in batches of 11: several epochs, each with several files, and state
/// that does not fit into memory. Some rows are refused, some are late.
const SETTINGS: &str = r#"
name = "crash"
parallelism = 1
batch_rows = 11
state = { memory = "64KiB" }
plugin_path = ["PLUGINS"]

[checkpoint]
interval = "2ms"
path = "disk/checkpoint"

[restart]
attempts = 0

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "ndjson"
limit_per_epoch = { rows = 33 }
event_time = { column = "t", delay = "2s" }

[source.orders.schema]
id = "int64"
item = "int64"
country = "string"
amount = "float64"
t = "timestamp[ms]"
"#;

/// A kind of step with state.
struct Kind {
    name: &'static str,
    steps: &'static str,
    /// Sinks that get each row once, when it is final.
    append: &'static [&'static str],
    /// Sinks that get changes, with the columns that make a row the same row.
    update: &'static [(&'static str, &'static [&'static str])],
    /// Each step of the disk is followed by another loss, at first by this one.
    first_loss: usize,
}

impl Kind {
    fn fixture(&self) -> Fixture {
        let plugins = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
        let settings = SETTINGS.replace("PLUGINS", plugins.to_str().unwrap());
        Fixture::new(INPUT, &format!("{settings}{}", self.steps))
    }

    /// What is in sight: rows as they are, changes merged. No change may come twice.
    fn published(&self, fixture: &Fixture, when: &str) -> Published {
        let append = self.append.iter().map(|sink| Row::all_of(&fixture.out(sink)));
        let update = self.update.iter();
        let update = update.map(|(sink, keys)| Row::merged(&fixture.out(sink), keys, when));
        Published { sinks: append.chain(update).collect(), letters: fixture.letters() }
    }

    /// What a run gives in which nothing happens.
    fn expected(&self) -> Published {
        let fixture = self.fixture();
        fixture.run(Arc::new(LocalStorage)).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let expected = self.published(&fixture, self.name);
        assert!(expected.sinks.iter().all(|rows| rows.len() > 1), "{}: no rows", self.name);
        assert!(expected.letters.len() > 5, "{}: no dead letters", self.name);
        expected
    }

    /// Crashes at each step in turn, until a run has fewer steps. Returns how many were tried.
    fn try_all(&self) -> u64 {
        let expected = self.expected();
        let next = AtomicU64::new(1);
        std::thread::scope(|scope| {
            let work = || while self.survives(next.fetch_add(1, Ordering::Relaxed), &expected) {};
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                // The panic of a thread has said what was wrong.
                thread.join().expect("a crash was not survived");
            }
        });
        next.into_inner() - THREADS as u64 - 1
    }

    /// Whether there is a step of this number. If so, a crash there loses and doubles nothing.
    fn survives(&self, step: u64, expected: &Published) -> bool {
        let fixture = self.fixture();
        fixture.set_parallelism(1 + step as usize % 3);
        let storage = FaultyStorage::new(&fixture.disk(), Fault::CrashAt(step)).unwrap();
        let ended = fixture.run(Arc::new(storage.clone()));
        let crashed = storage.failed() > 0;
        if let Err(error) = ended {
            let when = format!("{}, step {step}: {error}", self.name);
            assert!(crashed, "failed without a crash at {when}");
            assert_eq!(error.kind, ErrorKind::Unavailable, "{when}");
        }
        let at = (self.first_loss + step as usize) % Loss::all().count();
        let Some(loss) = Loss::all().nth(at) else { unreachable!() };
        storage.crash(loss).unwrap();
        let mut when = format!("{}, step {step}, {loss:?}", self.name);
        if (step / 8).is_multiple_of(2) {
            // The machine may go down again while it recovers; at another step each time.
            let again = 1 + step * 5 % 60;
            fixture.set_parallelism(4);
            let storage = FaultyStorage::new(&fixture.disk(), Fault::CrashAt(again)).unwrap();
            let _ = fixture.run(Arc::new(storage.clone()));
            storage.crash(loss).unwrap();
            when += &format!(", again at {again}");
        }
        self.recovers(&fixture, expected, &when);
        crashed
    }

    fn recovers(&self, fixture: &Fixture, expected: &Published, when: &str) {
        for (parallelism, run) in [(2, "recovered"), (3, "run once more")] {
            let when = format!("{when}, {run}");
            fixture.set_parallelism(parallelism);
            if let Err(error) = fixture.run(Arc::new(LocalStorage)) {
                panic!("{when}: {error}");
            }
            self.published(fixture, &when).assert_is(expected, &when);
            assert_eq!(staged_files(&fixture.disk()), Vec::<PathBuf>::new(), "{when}");
        }
    }
}

fn try_all(kind: &Kind) {
    let steps = kind.try_all();
    println!("{}: {steps} steps", kind.name);
    assert!(steps > 120, "only {steps} steps: the pipeline commits too few epochs");
}

#[test]
fn tumbling_windows_survive_a_crash_at_any_step() {
    try_all(&Kind {
        name: "tumble",
        steps: r#"
[step.totals]
sql = """SELECT country, cast(w.start AS bigint) AS s, count(*) AS n, sum(amount) AS total
         FROM (SELECT *, tumble(t, INTERVAL '2 seconds') AS w FROM orders) GROUP BY country, w"""

[sink.totals]
type = "file"
from = "totals"
path = "disk/out/totals"
"#,
        append: &["totals"],
        update: &[],
        first_loss: 0,
    });
}

#[test]
fn sliding_windows_survive_a_crash_at_any_step() {
    try_all(&Kind {
        name: "hop",
        steps: r#"
[step.sliding]
allowed_lateness = "1s"
sql = """SELECT country, cast(w.start AS bigint) AS s, count(*) AS n, count(DISTINCT item) AS items,
         array_agg(id ORDER BY id) AS ids
         FROM (SELECT *, hop(t, INTERVAL '1 second', INTERVAL '3 seconds') AS w FROM orders)
         GROUP BY country, w"""

[sink.sliding]
type = "file"
from = "sliding"
path = "disk/out/sliding"

[sink.late]
type = "file"
from = "sliding.late"
path = "disk/out/late"
"#,
        append: &["sliding", "late"],
        update: &[],
        first_loss: 1,
    });
}

#[test]
fn sessions_survive_a_crash_at_any_step() {
    try_all(&Kind {
        name: "session",
        steps: r#"
[step.sessions]
sql = """SELECT country, cast(w.start AS bigint) AS s, cast(w.end AS bigint) AS e, count(*) AS n,
         sum(amount) AS total FROM (SELECT *, session(t, CASE WHEN country = 'DE'
         THEN INTERVAL '200 milliseconds' ELSE INTERVAL '400 milliseconds' END) AS w FROM orders)
         GROUP BY country, w"""

[sink.sessions]
type = "file"
from = "sessions"
path = "disk/out/sessions"
format = "parquet"
"#,
        append: &["sessions"],
        update: &[],
        first_loss: 2,
    });
}

#[test]
fn running_totals_survive_a_crash_at_any_step() {
    try_all(&Kind {
        name: "update",
        steps: r#"
[step.running]
output_mode = "update"
sql = """SELECT item, count(*) AS n, sum(amount) AS total, count(DISTINCT country) AS countries
         FROM orders GROUP BY item"""

[sink.running]
type = "file"
from = "running"
path = "disk/out/running"

[step.windows]
output_mode = "update"
sql = """SELECT cast(w.start AS bigint) AS s, count(*) AS n
         FROM (SELECT tumble(t, INTERVAL '3 seconds') AS w FROM orders) GROUP BY w"""

[sink.windows]
type = "file"
from = "windows"
path = "disk/out/windows"
"#,
        append: &[],
        update: &[("running", &["item"]), ("windows", &["s"])],
        first_loss: 3,
    });
}

#[test]
fn deduplication_survives_a_crash_at_any_step() {
    try_all(&Kind {
        name: "dedup",
        steps: r#"
[step.recent]
from = "orders"
deduplicate = "item"
within = "10s"

[step.ever]
from = "orders"
deduplicate = ["country", "item"]
unbounded = true

[step.recent_keys]
sql = "SELECT item FROM recent"

[step.ever_keys]
sql = "SELECT country, item FROM ever"

[sink.recent]
type = "file"
from = "recent_keys"
path = "disk/out/recent"

[sink.ever]
type = "file"
from = "ever_keys"
path = "disk/out/ever"
"#,
        append: &["recent", "ever"],
        update: &[],
        first_loss: 4,
    });
}

#[test]
fn two_levels_of_windows_survive_a_crash_at_any_step() {
    try_all(&Kind {
        name: "levels",
        steps: r#"
[step.counts]
sql = """SELECT country, tumble(t, INTERVAL '1 second') AS w, count(*) AS n FROM orders
         GROUP BY country, w"""

[step.most]
sql = """SELECT cast(w.start AS bigint) AS s, max(n) AS n, count(*) AS windows FROM
         (SELECT n, tumble(w, INTERVAL '3 seconds') AS w FROM counts) GROUP BY w"""

[sink.most]
type = "file"
from = "most"
path = "disk/out/most"
"#,
        append: &["most"],
        update: &[],
        first_loss: 5,
    });
}

#[test]
fn a_keyed_plugin_survives_a_crash_at_any_step() {
    try_all(&Kind {
        name: "velocity",
        steps: r#"
[step.velocity]
from = "orders"
plugin = "velocity"
key = ["country"]
config = { within = "3s", amount = "amount", max_count = 4, flagged = "fast" }

[sink.main]
type = "file"
from = "velocity"
path = "disk/out/main"

[sink.fast]
type = "file"
from = "velocity.fast"
path = "disk/out/fast"
"#,
        append: &["main", "fast"],
        update: &[],
        first_loss: 6,
    });
}
