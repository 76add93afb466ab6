//! Output modes: what `update` and `complete` send on leads to what a batch gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::fixture::{
    A, Batch, CUTS, Cut, SECOND, assert_rows, input, raw, sink, step, watermarks, write_files,
};
use crate::harness::{Sandbox, canonical};

const UPDATE: &str = "output_mode = \"update\"";
const COMPLETE: &str = "output_mode = \"complete\"";

/// The rows of a sink by epoch.
fn epochs(sandbox: &Sandbox, sink: &str) -> BTreeMap<String, Vec<String>> {
    let mut epochs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in sandbox.files(sink) {
        let rows = epochs.entry(epoch(&path)).or_default();
        rows.extend(fs::read_to_string(&path).unwrap().lines().map(canonical));
    }
    epochs
}

/// The epoch stands in a file's name.
fn epoch(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().split('-').nth(2).unwrap().to_owned()
}

/// What a table holds into which the rows are merged by `keys`, as they come.
fn merged(sandbox: &Sandbox, sink: &str, keys: &[&str]) -> Vec<String> {
    let mut table: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for (epoch, rows) in epochs(sandbox, sink) {
        let mut here: Vec<Vec<String>> = Vec::new();
        for row in rows {
            let value: Value = serde_json::from_str(&row).unwrap();
            let key: Vec<String> = keys.iter().map(|key| value[*key].to_string()).collect();
            here.push(key.clone());
            if let Some(before) = table.insert(key, row.clone()) {
                assert_ne!(before, row, "sent again in epoch {epoch} without a change");
            }
        }
        let rows = here.len();
        here.sort();
        here.dedup();
        assert_eq!(rows, here.len(), "a row came twice in epoch {epoch}: {table:?}");
    }
    let mut rows: Vec<String> = table.into_values().collect();
    rows.sort();
    rows
}

struct Case {
    /// What makes a row the same row.
    keys: &'static [&'static str],
    query: &'static str,
    batch: &'static str,
}

/// All of them count rows in `n`, so that no row is the same after a change.
const CASES: &[Case] = &[
    Case {
        keys: &["k"],
        query: "SELECT k, count(*) AS n, sum(v) AS total, avg(v) AS mean, min(x) AS low, \
                count(DISTINCT v) AS vs, array_agg(v ORDER BY v, ts) AS all FROM a GROUP BY k",
        batch: "SELECT k, count(*) AS n, sum(v) AS total, avg(v) AS mean, min(x) AS low, \
                count(DISTINCT v) AS vs, array_agg(v ORDER BY v, t) AS all FROM a GROUP BY k",
    },
    Case {
        keys: &[],
        query: "SELECT count(*) AS n, max(v) AS high, approx_distinct(k) AS ks FROM a",
        batch: "SELECT count(*) AS n, max(v) AS high, approx_distinct(k) AS ks FROM a",
    },
    Case {
        keys: &["k", "v"],
        query: "SELECT k, v, count(*) AS n FROM a GROUP BY k, v",
        batch: "SELECT k, v, count(*) AS n FROM a GROUP BY k, v",
    },
    Case {
        keys: &["k", "s"],
        query: "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, sum(x) AS total FROM \
                (SELECT *, tumble(ts, INTERVAL '5 seconds') AS w FROM a) GROUP BY k, w",
        batch: "SELECT k, t - t % 5000000 AS s, count(*) AS n, sum(x) AS total FROM a \
                GROUP BY k, t - t % 5000000",
    },
    Case {
        keys: &["s"],
        query: "SELECT cast(w.start AS bigint) AS s, count(*) AS n, count(DISTINCT k) AS ks FROM \
                (SELECT *, hop(ts, INTERVAL '2 seconds', INTERVAL '6 seconds') AS w FROM a) \
                GROUP BY w",
        batch: "SELECT t - t % 2000000 - 2000000 * i AS s, count(*) AS n, count(DISTINCT k) AS ks \
                FROM a, n WHERE i < 3 GROUP BY t - t % 2000000 - 2000000 * i",
    },
];

fn pipeline(sandbox: &Sandbox, cut: Cut, mode: &str, files: &[Vec<super::fixture::Row>]) -> String {
    write_files(sandbox, "in", files);
    let mut text = raw(cut, "in") + A;
    for (at, case) in CASES.iter().enumerate() {
        text += &step(&format!("q{at}"), mode, &case.query.replace("AS all", "AS \"all\""));
    }
    text
}

fn expected(files: &[Vec<super::fixture::Row>]) -> Vec<Vec<String>> {
    let batch = Batch::new(files);
    CASES.iter().map(|case| batch.rows(&case.batch.replace("AS all", "AS \"all\""))).collect()
}

/// Merged by its key, the changelog of `update` is the batch's result; no row of it is in vain.
#[test]
fn the_changes_of_update_mode_lead_to_the_result_of_a_batch() {
    for (seed, files) in [(40, 1), (41, 3)] {
        let files = input(seed, files, 600 / files, 0.0);
        let expected = expected(&files);
        for cut in CUTS {
            let sandbox = Sandbox::in_memory();
            sandbox.run(&pipeline(&sandbox, cut, UPDATE, &files));
            assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
            for (at, case) in CASES.iter().enumerate() {
                let found = merged(&sandbox, &format!("q{at}"), case.keys);
                assert_rows(&found, &expected[at], &format!("{cut:?}: {}", case.query));
            }
        }
    }
}

/// In every epoch that has any, there are all rows: also those of tasks in which nothing changed.
#[test]
fn the_last_rows_of_complete_mode_are_the_result_of_a_batch() {
    for (seed, files) in [(42, 1), (43, 3)] {
        let files = input(seed, files, 600 / files, 0.0);
        let expected = expected(&files);
        for cut in CUTS {
            let sandbox = Sandbox::in_memory();
            sandbox.run(&pipeline(&sandbox, cut, COMPLETE, &files));
            assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
            for (at, case) in CASES.iter().enumerate() {
                let epochs = epochs(&sandbox, &format!("q{at}"));
                let (_, last) = epochs.last_key_value().unwrap();
                assert_rows(last, &expected[at], &format!("{cut:?}: {}", case.query));
                let sizes: Vec<usize> = epochs.values().map(Vec::len).collect();
                assert!(sizes.is_sorted(), "rows went away, {cut:?}: {sizes:?}: {}", case.query);
            }
        }
    }
}

/// Windows in `update` mode take late rows as in `append`: those within the allowed lateness.
#[test]
fn update_mode_counts_no_late_row() {
    let files = input(44, 3, 200, 0.1);
    let mut windows: BTreeMap<i64, u64> = BTreeMap::new();
    let mut late = 0;
    for (row, watermark) in watermarks(&files) {
        let start = row.time - row.time.rem_euclid(5 * SECOND);
        match start + 5 * SECOND <= watermark.saturating_sub(3 * SECOND) {
            true => late += 1,
            false => *windows.entry(start).or_default() += 1,
        }
    }
    let mut expected: Vec<String> =
        windows.iter().map(|(s, n)| format!("{{\"n\":{n},\"s\":{s}}}")).collect();
    expected.sort();
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        write_files(&sandbox, "in", &files);
        let keys = format!("{UPDATE}\nallowed_lateness = \"3s\"");
        let query = "SELECT cast(w.start AS bigint) AS s, count(*) AS n FROM (SELECT \
                     tumble(ts, INTERVAL '5 seconds') AS w FROM a) GROUP BY w";
        let text = raw(cut, "in") + A + &step("q", &keys, query) + &sink("l", "q.late");
        sandbox.run(&text);
        assert_rows(&merged(&sandbox, "q", &["s"]), &expected, &format!("{cut:?}"));
        assert_eq!(sandbox.rows("l").len(), late, "{cut:?}");
    }
}

/// A group whose rows stay away is forgotten in event time: when it comes back it begins anew.
#[test]
fn a_group_without_rows_is_forgotten_after_its_time() {
    // `a` comes, `b` lets an hour go by, `a` comes again; `c` comes now and then all the time.
    let rows = |keys: &dyn Fn(u64) -> &'static str, range: std::ops::Range<u64>| -> String {
        let time = |at: u64| super::fixture::START as u64 / 1000 + at * 10_000;
        range.map(|at| format!("{{\"t\":{},\"k\":\"{}\"}}\n", time(at), keys(at))).collect()
    };
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        let keys = format!("{UPDATE}\nstate_ttl = \"5m\"");
        let text =
            raw(cut, "in") + A + &step("q", &keys, "SELECT k, count(*) AS n FROM a GROUP BY k");
        // Each run is an epoch at least: groups are forgotten between epochs.
        sandbox.write("in/0.ndjson", rows(&|_| "a", 0..10));
        sandbox.run(&text);
        let others = |at: u64| if at.is_multiple_of(10) { "c" } else { "b" };
        sandbox.write("in/1.ndjson", rows(&others, 10..390));
        sandbox.run(&text);
        sandbox.write("in/2.ndjson", rows(&|_| "a", 390..400));
        sandbox.run(&text);
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for row in epochs(&sandbox, "q").into_values().flatten() {
            let row: Value = serde_json::from_str(&row).unwrap();
            last.insert(row["k"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap());
        }
        let expected = [("a", 10), ("b", 342), ("c", 38)].map(|(k, n)| (k.to_owned(), n));
        assert_eq!(last, BTreeMap::from(expected), "{cut:?}");
    }
}

/// Files that are not yet begun keep event time unknown. What is stored in the meantime is forgotten
/// as well, once it is known.
#[test]
fn a_group_that_came_before_event_time_was_known_is_forgotten_too() {
    let row = |seconds: u64, key: &str| {
        format!(
            "{{\"t\":{},\"k\":\"{key}\"}}\n",
            super::fixture::START as u64 / 1000 + seconds * 1000
        )
    };
    let sandbox = Sandbox::in_memory();
    let keys = format!("{UPDATE}\nstate_ttl = \"5m\"");
    // The query itself does not have the time.
    let query = "SELECT name AS k, count(*) AS n FROM (SELECT names.name FROM a JOIN names ON a.k = names.k) GROUP BY name";
    let cut = Cut { parallelism: 1, batch_rows: 1, epoch_rows: Some(1) };
    let table = "[table.names]\npath = \"names.csv\"\n";
    sandbox.write("names.csv", "k,name\na,a\nb,b\n");
    let text = raw(cut, "in") + A + table + &step("q", &keys, query);
    sandbox.write("in/0.ndjson", row(0, "a") + &row(1, "a"));
    sandbox.write("in/1.ndjson", row(2, "b") + &row(3, "b") + &row(3, "b"));
    sandbox.run(&text);
    assert!(epochs(&sandbox, "q").len() > 2, "file 0 must be stored while file 1 is waiting");
    sandbox.write("in/2.ndjson", row(1000, "b") + &row(1001, "b"));
    sandbox.run(&text);
    sandbox.write("in/3.ndjson", row(1002, "a"));
    sandbox.run(&text);
    let (_, last) = epochs(&sandbox, "q").pop_last().unwrap();
    assert_eq!(last, ["{\"k\":\"a\",\"n\":1}"]);
}
