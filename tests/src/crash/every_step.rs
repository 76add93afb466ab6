//! A crash at every step that reaches the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace::error::ErrorKind;
use millrace::storage::LocalStorage;

use super::disk::{Bytes, Loss, Names};
use super::fixture::{Fixture, Input};
use super::published::staged_files;
use super::storage::{Fault, FaultyStorage};

/// Rounds run side by side, as most of a round is waiting for the next epoch.
const THREADS: usize = 4;

const INPUT: Input = Input { files: 3, rows_per_file: 44 };

/// At most 33 rows an epoch, in batches of 11: several epochs, each with several files.
const SETTINGS: &str = r#"
name = "crash"
parallelism = 1
batch_rows = 11

[checkpoint]
interval = "2ms"
path = "disk/checkpoint"

[restart]
attempts = 0

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "ndjson"
schema = { id = "int64", country = "string", amount = "float64" }
limit_per_epoch = { rows = 33 }
"#;

const EVERY_EPOCH: &str = r#"
[sink.by_country]
type = "file"
from = "orders"
path = "disk/out/by_country"
partition_by = ["country"]

[sink.columns]
type = "file"
from = "orders"
path = "disk/out/columns"
format = "parquet"
roll = { size = "500B" }
"#;

const JOINED: &str = r#"
[sink.lines]
type = "file"
from = "orders"
path = "disk/out/lines"
roll = { every = "5ms" }

[sink.table]
type = "file"
from = "orders"
path = "disk/out/table"
format = "csv"
partition_by = ["country"]
roll = { every = "8ms", size = "300B" }

[sink.columns]
type = "file"
from = "orders"
path = "disk/out/columns"
format = "parquet"
roll = { every = "1h" }
"#;

/// A pipeline of which every step is tried.
struct Enumerated {
    name: &'static str,
    sinks: &'static [&'static str],
    pipeline: String,
    losses: Vec<Loss>,
}

impl Enumerated {
    /// Crashes at each step in turn, until a run has fewer steps. Returns how many were tried.
    fn try_all(&self) -> u64 {
        let next = AtomicU64::new(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| while self.survives(next.fetch_add(1, Ordering::Relaxed)) {})
                })
                .collect();
            for thread in threads {
                // The panic of a thread has said what was wrong.
                thread.join().expect("a crash was not survived");
            }
        });
        next.into_inner() - THREADS as u64 - 1
    }

    /// Whether there is a step of this number. If so, a crash there loses and doubles nothing.
    fn survives(&self, step: u64) -> bool {
        let fixture = Fixture::new(INPUT, &self.pipeline);
        let storage = FaultyStorage::new(&fixture.disk(), Fault::CrashAt(step)).unwrap();
        let ended = fixture.run(Arc::new(storage.clone()));
        let crashed = storage.failed() > 0;
        if let Err(error) = ended {
            let when = format!("{}, step {step}: {error}", self.name);
            assert!(crashed, "failed without a crash at {when}");
            assert_eq!(error.kind, ErrorKind::Unavailable, "{when}");
        }
        for (number, loss) in self.losses.iter().enumerate() {
            storage.crash(*loss).unwrap();
            let mut when = format!("{}, step {step}, {loss:?}", self.name);
            if number as u64 % 2 == step % 2 {
                // The machine may go down again while it recovers; at another step each time.
                let again = 1 + (step * 5 + number as u64) % 60;
                let storage = FaultyStorage::new(&fixture.disk(), Fault::CrashAt(again)).unwrap();
                let _ = fixture.run(Arc::new(storage.clone()));
                storage.crash(*loss).unwrap();
                when += &format!(", again at {again}");
            }
            self.recovers(&fixture, &when);
        }
        crashed
    }

    fn recovers(&self, fixture: &Fixture, when: &str) {
        let expected = fixture.expected(self.sinks.len(), "orders");
        for run in ["recovered", "run once more"] {
            let when = format!("{when}, {run}");
            if let Err(error) = fixture.run(Arc::new(LocalStorage)) {
                panic!("{when}: {error}");
            }
            fixture.published(self.sinks).assert_is(&expected, &when);
            assert_eq!(staged_files(&fixture.disk()), Vec::<std::path::PathBuf>::new(), "{when}");
        }
    }
}

/// The promise of exactly once: no step at which a crash, of the process or of the power, loses
/// or doubles a row or a dead letter, or leaves a file behind.
#[test]
fn a_crash_at_any_step_loses_and_doubles_nothing() {
    let tried = Enumerated {
        name: "every epoch published",
        sinks: &["by_country", "columns"],
        pipeline: format!("{SETTINGS}{EVERY_EPOCH}"),
        losses: Loss::all().collect(),
    };
    let steps = tried.try_all();
    assert!(steps > 150, "only {steps} steps: the pipeline commits too few epochs");
}

/// Output of several epochs that is joined into one file is committed long before it is in sight,
/// and sinks that wait for different times must not take each other's output for published.
#[test]
fn a_crash_at_any_step_keeps_output_that_waits_to_be_joined() {
    let power = |bytes| Loss { names: Names::Undone, bytes };
    let tried = Enumerated {
        name: "epochs joined",
        sinks: &["lines", "table", "columns"],
        pipeline: format!("{SETTINGS}{JOINED}"),
        losses: vec![
            Loss { names: Names::Kept, bytes: Bytes::Kept },
            Loss { names: Names::Kept, bytes: Bytes::Lost },
            power(Bytes::Lost),
            power(Bytes::Torn),
        ],
    };
    let steps = tried.try_all();
    assert!(steps > 150, "only {steps} steps: the pipeline commits too few epochs");
}
