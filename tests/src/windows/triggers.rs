//! Triggers: a job that stops and goes on leaves its windows open in between, and sends each of
//! them once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fixture::{
    A, Batch, Cut, DELAY, Row, SECOND, assert_rows, input, raw, step, write_files,
};
use crate::harness::Sandbox;

/// From a file's first row to the next file's.
const APART: i64 = 30 * SECOND;

const fn cut(parallelism: usize, batch_rows: usize) -> Cut {
    Cut { parallelism, batch_rows, epoch_rows: None }
}

/// Runs at different parallelisms, one after the other.
const RUNS: [[Cut; 4]; 3] = [
    [cut(1, 8192), cut(1, 1), cut(1, 7), cut(1, 8192)],
    [cut(4, 7), cut(1, 8192), cut(8, 1), cut(2, 7)],
    [cut(2, 8192), cut(8, 7), cut(2, 7), cut(1, 7)],
];

/// Files that follow one another in time, but for their disorder.
fn one_after_the_other(seed: u64, files: usize) -> Vec<Vec<Row>> {
    let mut files = input(seed, files, 200, 0.0);
    for (at, rows) in files.iter_mut().enumerate() {
        rows.iter_mut().for_each(|row| row.time += at as i64 * APART);
    }
    files
}

fn watermark(files: &[Vec<Row>]) -> i64 {
    files.iter().flatten().map(|row| row.time).max().unwrap() - DELAY
}

/// A query whose windows end at `e`, and what must give the same in batch.
struct Windows {
    name: &'static str,
    query: &'static str,
    batch: &'static str,
}

const WINDOWS: [Windows; 4] = [
    Windows {
        name: "tumble",
        query: "SELECT k, cast(w.end AS bigint) AS e, count(*) AS n, sum(v) AS total FROM \
                (SELECT *, tumble(ts, INTERVAL '7 seconds') AS w FROM a) GROUP BY k, w",
        batch: "SELECT k, t - t % 7000000 + 7000000 AS e, count(*) AS n, sum(v) AS total FROM a \
                GROUP BY k, t - t % 7000000",
    },
    Windows {
        name: "hop",
        query: "SELECT cast(w.end AS bigint) AS e, count(*) AS n, count(DISTINCT k) AS ks FROM \
                (SELECT *, hop(ts, INTERVAL '2 seconds', INTERVAL '10 seconds') AS w FROM a) \
                GROUP BY w",
        batch: "SELECT t - t % 2000000 - 2000000 * i + 10000000 AS e, count(*) AS n, \
                count(DISTINCT k) AS ks FROM a, n WHERE i < 5 \
                GROUP BY t - t % 2000000 - 2000000 * i",
    },
    Windows {
        name: "session",
        query: "SELECT k, v, cast(w.end AS bigint) AS e, count(*) AS n, sum(x) AS total FROM \
                (SELECT *, session(ts, INTERVAL '3 seconds') AS w FROM a) GROUP BY k, v, w",
        batch: "SELECT k, v, max(t) + 3000000 AS e, count(*) AS n, sum(x) AS total FROM \
                (SELECT *, sum(new) OVER (PARTITION BY k, v ORDER BY t) AS id FROM (SELECT *, \
                CASE WHEN t - lag(t) OVER (PARTITION BY k, v ORDER BY t) >= 3000000 THEN 1 \
                ELSE 0 END AS new FROM a)) GROUP BY k, v, id",
    },
    Windows {
        name: "levels",
        query: "SELECT cast(b.end AS bigint) AS e, max(n) AS most FROM (SELECT n, \
                tumble(w, INTERVAL '9 seconds') AS b FROM (SELECT k, count(*) AS n, \
                tumble(ts, INTERVAL '3 seconds') AS w FROM a GROUP BY k, w)) GROUP BY b",
        batch: "SELECT s - s % 9000000 + 9000000 AS e, max(n) AS most FROM (SELECT k, \
                count(*) AS n, t - t % 3000000 AS s FROM a GROUP BY k, t - t % 3000000) \
                GROUP BY s - s % 9000000",
    },
];

fn end(row: &str) -> i64 {
    serde_json::from_str::<Value>(row).unwrap()["e"].as_i64().unwrap()
}

/// After each run there is what is complete by all that was read, and only at the end of all input
/// the rest; a stop between two files changes nothing.
#[test]
fn windows_stay_open_between_runs_of_what_is_there() {
    for (seed, cuts) in RUNS.iter().enumerate() {
        let files = one_after_the_other(60 + seed as u64, 4);
        let sandbox = Sandbox::in_memory();
        let steps: String = WINDOWS.iter().map(|w| step(w.name, "", w.query)).collect();
        for (run, cut) in cuts.iter().enumerate() {
            write_files(&sandbox, "in", &files[..=run]);
            sandbox.run(&format!("trigger = \"available_now\"\n{}{A}{steps}", raw(*cut, "in")));
            let complete = watermark(&files[..=run]);
            let batch = Batch::new(&files[..=run]);
            for windows in &WINDOWS {
                let mut expected = batch.rows(windows.batch);
                expected.retain(|row| end(row) <= complete);
                let when = format!("{}, run {run} of {cuts:?}", windows.name);
                assert_rows(&sandbox.rows(windows.name), &expected, &when);
            }
        }
        sandbox.run(&format!("{}{A}{steps}", raw(cuts[0], "in")));
        assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
        let batch = Batch::new(&files);
        for windows in &WINDOWS {
            let when = format!("{}, in the end, {cuts:?}", windows.name);
            assert_rows(&sandbox.rows(windows.name), &batch.rows(windows.batch), &when);
        }
    }
}

/// Files of one run that are of different times: whichever lane has read them, a run leads to the
/// same.
#[test]
fn a_run_of_what_is_there_leads_to_the_same_at_every_parallelism() {
    let mut files = one_after_the_other(63, 3);
    files.reverse();
    let complete = watermark(&files);
    for follow in ["", "follow = \"10ms\"\n"] {
        for cut in super::fixture::CUTS {
            let sandbox = Sandbox::in_memory();
            write_files(&sandbox, "in", &files);
            let steps: String = WINDOWS.iter().map(|w| step(w.name, "", w.query)).collect();
            let raw = raw(cut, "in") + follow;
            sandbox.run(&format!("trigger = \"available_now\"\n{raw}{A}{steps}"));
            let batch = Batch::new(&files);
            for windows in &WINDOWS {
                let mut expected = batch.rows(windows.batch);
                expected.retain(|row| end(row) <= complete);
                let when = format!("{}, {follow}{cut:?}", windows.name);
                assert_rows(&sandbox.rows(windows.name), &expected, &when);
            }
            assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
        }
    }
}

/// The end of all input closes all windows; files that come later still count from there on, and
/// what they say of windows that were sent is late.
#[test]
fn files_that_come_after_the_end_go_on_from_there() {
    for cuts in RUNS {
        let files = one_after_the_other(64, 3);
        let sandbox = Sandbox::in_memory();
        let query = "SELECT cast(w.start AS bigint) AS s, count(*) AS n FROM (SELECT \
                     tumble(ts, INTERVAL '10 seconds') AS w FROM a) GROUP BY w";
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut closed = i64::MIN;
        let mut late = 0;
        for (run, rows) in files.iter().enumerate() {
            write_files(&sandbox, "in", &files[..=run]);
            sandbox.run(&(raw(cuts[run], "in") + A + &step("q", "", query)));
            for row in rows {
                let start = row.time - row.time.rem_euclid(10 * SECOND);
                match start + 10 * SECOND <= closed {
                    true => late += 1,
                    false => *counts.entry(start).or_default() += 1,
                }
            }
            closed = counts.last_key_value().unwrap().0 + 10 * SECOND;
            let mut expected: Vec<String> =
                counts.iter().map(|(s, n)| format!("{{\"n\":{n},\"s\":{s}}}")).collect();
            expected.sort();
            assert_rows(&sandbox.rows("q"), &expected, &format!("run {run} of {cuts:?}"));
            assert_eq!(sandbox.letters().len(), late, "run {run} of {cuts:?}");
        }
        assert!(late > 10);
    }
}

/// At an interval, what came since is read each time; windows close as time moves on.
#[test]
fn a_job_with_an_interval_closes_windows_as_files_come() {
    let files = one_after_the_other(65, 3);
    for parallelism in [1, 4] {
        let sandbox = Sandbox::in_memory();
        let steps: String = WINDOWS.iter().map(|w| step(w.name, "", w.query)).collect();
        let raw = raw(cut(parallelism, 7), "in") + "follow = \"5ms\"\n";
        let text = format!("trigger = {{ interval = \"30ms\" }}\n{raw}{A}{steps}");
        write_files(&sandbox, "in", &files[..1]);
        let mut there = 1;
        sandbox.run_until(&text, || {
            let complete = watermark(&files[..there]);
            let batch = Batch::new(&files[..there]);
            let is_there = |windows: &Windows| {
                let mut expected = batch.rows(windows.batch);
                expected.retain(|row| end(row) <= complete);
                let found = sandbox.rows(windows.name);
                assert!(found.len() <= expected.len(), "too early: {}", windows.name);
                found == expected
            };
            if !WINDOWS.iter().all(is_there) {
                return false;
            }
            if there < files.len() {
                there += 1;
                write_one(&sandbox, &files, there - 1);
                return false;
            }
            true
        });
        assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
    }
}

/// A file is there as a whole or not at all.
fn write_one(sandbox: &Sandbox, files: &[Vec<Row>], at: usize) {
    let lines: String = files[at].iter().map(Row::line).collect();
    sandbox.write(&format!("in/.{at}"), lines);
    std::fs::rename(sandbox.path(&format!("in/.{at}")), sandbox.path(&format!("in/{at}.ndjson")))
        .unwrap();
}
