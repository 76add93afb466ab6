//! Epochs that come and go without a crash.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millrace::error::Error;
use millrace::job::{Observer, Progress};
use millrace::storage::LocalStorage;

use super::fixture::{Fixture, Input};
use super::published::records_in;

const NO_INPUT: Input = Input { files: 0, rows_per_file: 0 };

/// A source that is slower than the checkpoints: many epochs hold nothing, and give their number
/// to the next. No file may take the name of one that is in sight already.
#[test]
fn epochs_without_rows_do_not_make_later_files_replace_earlier_ones() {
    const ROWS: u64 = 150;
    let fixture = Fixture::new(
        NO_INPUT,
        &format!(
            r#"
name = "slow"
parallelism = 1

[checkpoint]
interval = "9ms"
path = "disk/checkpoint"

[source.numbers]
type = "generator"
rows = {ROWS}
rate = 100.0
fields = {{ id = {{ sequence = "" }} }}

[sink.numbers]
type = "file"
from = "numbers"
path = "disk/out/numbers"
"#
        ),
    );
    let summary = fixture.run(Arc::new(LocalStorage)).unwrap();
    assert!(summary.epoch.0 > 20, "rows came in only {} epochs", summary.epoch);
    let records = records_in(&fixture.out("numbers"));
    let distinct: BTreeSet<_> = records.iter().map(|record| record["id"].to_string()).collect();
    assert_eq!((records.len() as u64, distinct.len() as u64), (ROWS, ROWS));
}

/// Two sinks may write side by side into one directory; neither takes the other's files.
#[test]
fn two_sinks_with_one_directory_keep_all_rows() {
    const ROWS: usize = 1000;
    let fixture = Fixture::new(
        NO_INPUT,
        &format!(
            r#"
name = "shared"
parallelism = 1

[checkpoint]
interval = "5ms"
path = "disk/checkpoint"

[source.numbers]
type = "generator"
rows = {ROWS}
fields = {{ id = {{ sequence = "" }} }}

[sink.one]
type = "file"
from = "numbers"
path = "disk/out/numbers"

[sink.two]
type = "file"
from = "numbers"
path = "disk/out/numbers"
"#
        ),
    );
    fixture.run(Arc::new(LocalStorage)).unwrap();
    assert_eq!(records_in(&fixture.out("numbers")).len(), 2 * ROWS);
}

/// Whoever watches a job hears of every epoch: the tests that kill a process count on it.
#[test]
fn an_observer_hears_of_every_epoch() {
    struct Seen(BTreeSet<u64>);
    impl Observer for Seen {
        fn progress(&mut self, progress: &Progress) {
            self.0.insert(progress.epoch.0);
        }
        fn restart(&mut self, error: &Error, _: Duration) {
            panic!("{error}");
        }
    }
    let fixture = Fixture::new(
        NO_INPUT,
        r#"
name = "watched"
parallelism = 1

[checkpoint]
interval = "5ms"
path = "disk/checkpoint"

[source.numbers]
type = "generator"
rows = 100
rate = 1000.0
fields = { id = { sequence = "" } }

[sink.numbers]
type = "null"
from = "numbers"
"#,
    );
    let mut seen = Seen(BTreeSet::new());
    let summary = fixture.run_watched(Arc::new(LocalStorage), &mut seen).unwrap();
    assert!(summary.epoch.0 > 2, "only {} epochs", summary.epoch);
    let missed: Vec<u64> = (1..=summary.epoch.0).filter(|epoch| !seen.0.contains(epoch)).collect();
    assert_eq!(missed, Vec::<u64>::new());
}
