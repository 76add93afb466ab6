//! Deduplication: the first row of each key, for as long as a key is remembered.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::fixture::{
    A, CUTS, DELAY, Row, SECOND, START, assert_rows, raw, step, watermarks, write_files,
};
use crate::harness::{Sandbox, canonical_rows};

/// Ids come several times within `spread` and, `again`, once more after a minute; rows of one id
/// may be in different files, and a share is very late.
fn input(seed: u64, files: usize, spread: i64, again: bool, very_late: f64) -> Vec<Vec<Row>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut rows: Vec<(i64, usize, Row)> = Vec::new();
    let rounds = if again { 2 } else { 1 };
    for round in 0..rounds {
        for id in 0..120_i64 {
            let first = START + round * 60 * SECOND + id * SECOND / 4;
            for _ in 0..random.random_range(1..5) {
                let time = first + random.random_range(0..spread);
                let time = time - time.rem_euclid(1000);
                let disorder = match random.random_bool(very_late) {
                    true => 20 * SECOND,
                    false => random.random_range(0..DELAY),
                };
                let row = Row {
                    time,
                    // Every eighth id has no key: nulls are equal, as in GROUP BY.
                    key: (id % 8 > 0).then(|| format!("id{}", id / 4)),
                    value: Some(if id % 8 > 0 { id % 4 } else { id }),
                    amount: 0.0,
                    gap: round,
                };
                rows.push((time + disorder, random.random_range(0..files), row));
            }
        }
    }
    rows.sort_by_key(|(arrives, file, _)| (*arrives, *file));
    let of_file = |at: usize| rows.iter().filter(move |(_, file, _)| *file == at);
    (0..files).map(|at| of_file(at).map(|(_, _, row)| row.clone()).collect()).collect()
}

/// Which of the rows of a key is the first depends on who reads how fast, unless there is but one
/// file; the keys do not.
const KEYS: &str = "SELECT k, v, gap FROM d";

fn key(row: &Row) -> String {
    let k = row.key.as_ref().map(|k| format!("\"k\":\"{k}\",")).unwrap_or_default();
    format!("{{{k}\"v\":{},\"gap\":{}}}", row.value.unwrap(), row.gap)
}

fn run(files: &[Vec<Row>], bound: &str, query: &str, more: &str, check: impl Fn(&Sandbox, &str)) {
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        write_files(&sandbox, "in", files);
        let text = format!(
            "{}{A}[step.d]\nfrom = \"a\"\ndeduplicate = [\"k\", \"v\"]\n{bound}\n{}{more}",
            raw(cut, "in"),
            step("q", "", query)
        );
        sandbox.run(&text);
        check(&sandbox, &format!("{cut:?}"));
    }
}

/// Repeats come within seconds, the same ids again after a minute: once for each time, whichever
/// of the files they are in.
#[test]
fn a_key_is_remembered_within_its_time() {
    for (seed, files) in [(50, 1), (51, 3)] {
        let files = input(seed, files, 3 * SECOND, true, 0.0);
        let keys: BTreeSet<String> = files.iter().flatten().map(key).collect();
        let expected = canonical_rows(&keys);
        for bound in ["within = \"20s\"", "state_ttl = \"20s\""] {
            run(&files, bound, KEYS, "", |sandbox, when| {
                assert_rows(&sandbox.rows("q"), &expected, when);
                assert!(sandbox.letters().is_empty(), "{when}");
            });
        }
    }
}

/// In one partition it is the first row that goes on, and a duplicate is what is less than the
/// bound away from it, however rows are cut into batches.
#[test]
fn the_first_row_of_a_partition_goes_on() {
    let files = input(52, 1, 8 * SECOND, true, 0.0);
    let mut firsts: Vec<&Row> = Vec::new();
    let mut expected = Vec::new();
    for row in &files[0] {
        let is_first = |first: &&Row| {
            (&first.key, first.value) == (&row.key, row.value)
                && (first.time - row.time).abs() < 4 * SECOND
        };
        if !firsts.iter().any(is_first) {
            firsts.push(row);
            expected.push(format!("{{\"t\":{}}}", row.time));
        }
    }
    let expected = canonical_rows(expected);
    let query = "SELECT cast(ts AS bigint) AS t FROM d";
    run(&files, "within = \"4s\"", query, "", |sandbox, when| {
        assert_rows(&sandbox.rows("q"), &expected, when);
    });
}

/// Remembered for good, an id comes once.
#[test]
fn a_key_is_remembered_for_good() {
    for (seed, files) in [(53, 1), (54, 3)] {
        let files = input(seed, files, 5 * SECOND, true, 0.1);
        let key = |row: &Row| key(row).replace(&format!(",\"gap\":{}", row.gap), "");
        let keys: BTreeSet<String> = files.iter().flatten().map(key).collect();
        let expected = canonical_rows(&keys);
        run(&files, "unbounded = true", "SELECT k, v FROM d", "", |sandbox, when| {
            assert_rows(&sandbox.rows("q"), &expected, when);
            assert!(sandbox.letters().is_empty(), "{when}");
        });
    }
}

/// Whether a row repeats another can't be told once the other may be forgotten: it is late.
#[test]
fn rows_of_which_the_first_may_be_forgotten_are_late() {
    let files = input(55, 3, 3 * SECOND, true, 0.1);
    let is_late = |(row, watermark): &(&Row, i64)| row.time + 5 * SECOND <= *watermark;
    let (late, kept): (Vec<_>, Vec<_>) = watermarks(&files).partition(is_late);
    let keys: BTreeSet<String> = kept.iter().map(|(row, _)| key(row)).collect();
    let expected = canonical_rows(&keys);
    assert!(late.len() > 20);
    let late = canonical_rows(late.iter().map(|(row, _)| format!("{{\"t\":{}}}", row.time)));
    let more = step("l", "", "SELECT cast(ts AS bigint) AS t FROM d.late");
    run(&files, "within = \"5s\"", KEYS, &more, |sandbox, when| {
        assert_rows(&sandbox.rows("q"), &expected, when);
        assert_rows(&sandbox.rows("l"), &late, when);
    });
}

/// What a deduplicated stream counts, the rows that were dropped do not.
#[test]
fn windows_over_a_deduplicated_stream_count_each_key_once() {
    let files = input(56, 3, 3 * SECOND, true, 0.0);
    let keys: BTreeSet<String> = files.iter().flatten().map(key).collect();
    let in_windows = "SELECT count(*) AS n FROM (SELECT tumble(ts, INTERVAL '10 minutes') AS w \
                      FROM d) GROUP BY w";
    run(&files, "within = \"20s\"", in_windows, "", |sandbox, when| {
        let counts = sandbox.rows("q");
        let total: u64 = counts
            .iter()
            .map(|row| {
                serde_json::from_str::<serde_json::Value>(row).unwrap()["n"].as_u64().unwrap()
            })
            .sum();
        assert_eq!(total, keys.len() as u64, "{when}: {counts:?}");
        assert!(sandbox.letters().is_empty(), "{when}");
    });
}
