//! Late rows: which rows are late must not depend on who else was read how fast, and none of them
//! vanishes.

use std::collections::BTreeMap;

use super::fixture::{
    A, CUTS, Row, SECOND, assert_rows, input, raw, step, watermarks, write_files,
};
use crate::harness::{Sandbox, canonical_rows};

/// Counts and sums by key and window start.
type Windows<'a> = BTreeMap<(Option<&'a str>, i64), (u64, f64)>;

/// Rows that count, by the windows of `size` seconds every `slide` for which they are not late,
/// and rows that are late for all of theirs.
fn expected(files: &[Vec<Row>], slide: i64, size: i64, lateness: i64) -> [Vec<String>; 2] {
    let (slide, size) = (slide * SECOND, size * SECOND);
    let mut windows = Windows::new();
    let mut late = Vec::new();
    for (row, watermark) in watermarks(files) {
        let watermark = watermark.saturating_sub(lateness);
        let last = row.time - row.time.rem_euclid(slide);
        let starts = (0..size / slide).map(|back| last - back * slide);
        let open: Vec<i64> = starts.filter(|start| start + size > watermark).collect();
        for start in &open {
            let window = windows.entry((row.key.as_deref(), *start)).or_default();
            *window = (window.0 + 1, window.1 + row.amount);
        }
        if open.is_empty() {
            late.push(format!("{{\"t\":{},\"x\":{:?}}}", row.time, row.amount));
        }
    }
    let windows = windows.iter().map(|((key, start), (n, x))| {
        let key = key.map(|key| format!("\"k\":\"{key}\",")).unwrap_or_default();
        format!("{{{key}\"n\":{n},\"s\":{start},\"x\":{x:?}}}")
    });
    [canonical_rows(windows), canonical_rows(&late)]
}

fn query(window: &str) -> String {
    format!(
        "SELECT k, cast(window_start({window}) AS bigint) AS s, count(*) AS n, sum(x) AS x \
         FROM a GROUP BY k, {window}"
    )
}

const TUMBLE: &str = "tumble(ts, INTERVAL '5 seconds')";
const HOP: &str = "hop(ts, INTERVAL '2 seconds', INTERVAL '8 seconds')";

/// A row behind the watermark of its own file counts for those of its windows that are not yet
/// complete by it, and is late if there is none.
#[test]
fn late_rows_are_the_same_at_every_parallelism() {
    for (seed, files, lateness) in [(10, 1, 0), (11, 3, 0), (12, 3, 4)] {
        let files = input(seed, files, 600 / files, 0.1);
        let tumble = expected(&files, 5, 5, lateness * SECOND);
        let hop = expected(&files, 2, 8, lateness * SECOND);
        assert!(tumble[1].len() > 10 && hop[1].len() > 10);
        for cut in CUTS {
            let sandbox = Sandbox::in_memory();
            write_files(&sandbox, "in", &files);
            let keys = format!("allowed_lateness = \"{lateness}s\"");
            let late = |of: &str| {
                let query = format!("SELECT cast(ts AS bigint) AS t, x FROM {of}.late");
                step(&format!("{of}_late"), "", &query)
            };
            let text = raw(cut, "in")
                + A
                + &step("tumble", &keys, &query(TUMBLE))
                + &step("hop", &keys, &query(HOP))
                + &late("tumble")
                + &late("hop");
            sandbox.run(&text);
            for (name, [windows, late]) in [("tumble", &tumble), ("hop", &hop)] {
                let when = format!("{name}, seed {seed}, {cut:?}");
                assert_rows(&sandbox.rows(name), windows, &when);
                let found = sandbox.rows(&format!("{name}_late"));
                assert_rows(&found, late, &format!("late, {when}"));
            }
        }
    }
}

/// Nobody reads the port: the rows are dead letters with their columns, file and row.
#[test]
fn late_rows_that_nobody_reads_are_dead_letters() {
    let files = input(13, 3, 200, 0.1);
    let [_, late] = expected(&files, 5, 5, 0);
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        write_files(&sandbox, "in", &files);
        sandbox.run(&(raw(cut, "in") + A + &step("q", "", &query(TUMBLE))));
        let letters = sandbox.letters();
        assert!(letters.iter().all(|letter| letter.text("code") == "late"), "{letters:#?}");
        assert!(letters.iter().all(|letter| letter.text("step") == "q"), "{letters:#?}");
        let row = |letter: &crate::harness::Letter| {
            let file = letter.text("partition").trim_start_matches("in/");
            let file: usize = file.trim_end_matches(".ndjson").parse().unwrap();
            let row = &files[file][letter.row() as usize];
            assert!(letter.text("payload").contains(&format!("\"gap\":{}", row.gap)));
            format!("{{\"t\":{},\"x\":{:?}}}", row.time, row.amount)
        };
        assert_rows(&canonical_rows(letters.iter().map(row)), &late, &format!("{cut:?}"));
    }
}

/// The second level counts what the first one sends, and only the first has late rows.
#[test]
fn late_rows_of_two_levels_are_those_of_the_first() {
    let files = input(14, 3, 200, 0.1);
    let [windows, late] = expected(&files, 5, 5, 0);
    let time = |row: &String| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        format!("{{\"t\":{}}}", row["t"])
    };
    let late = canonical_rows(late.iter().map(time));
    let mut most: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for window in &windows {
        let window: serde_json::Value = serde_json::from_str(window).unwrap();
        let start = window["s"].as_i64().unwrap();
        let most = most.entry(start - start.rem_euclid(10 * SECOND)).or_default();
        *most = (most.0.max(window["n"].as_u64().unwrap()), most.1 + 1);
    }
    let expected =
        most.iter().map(|(s, (n, all))| format!("{{\"n\":{n},\"windows\":{all},\"s\":{s}}}"));
    let expected = canonical_rows(expected);
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        write_files(&sandbox, "in", &files);
        let query = "SELECT cast(big.start AS bigint) AS s, max(n) AS n, count(*) AS windows FROM \
                     (SELECT n, tumble(w, INTERVAL '10 seconds') AS big FROM (SELECT k, count(*) \
                     AS n, tumble(ts, INTERVAL '5 seconds') AS w FROM a GROUP BY k, w)) \
                     GROUP BY big";
        let text = raw(cut, "in")
            + A
            + &step("q", "", query)
            + &step("l", "", "SELECT cast(ts AS bigint) AS t FROM q.late");
        sandbox.run(&text);
        assert_rows(&sandbox.rows("q"), &expected, &format!("{cut:?}"));
        assert_rows(&sandbox.rows("l"), &late, &format!("late, {cut:?}"));
    }
}

/// A row without a time is in no window; it is refused, and moves no watermark.
#[test]
fn a_row_without_event_time_is_a_dead_letter() {
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        let times = [Some(1), None, Some(2), Some(30), None, Some(31), Some(3)];
        let line = |time: &Option<i64>| match time {
            Some(time) => format!("{{\"t\":{},\"k\":\"a\"}}\n", START_MS + time * 1000),
            None => "{\"k\":\"a\"}\n".to_owned(),
        };
        sandbox.write("in/0.ndjson", times.iter().map(line).collect::<String>());
        let count = |window: &str| {
            format!(
                "SELECT cast(w.start AS bigint) / 1000000 - 1700000000 AS s, count(*) AS n FROM \
                 (SELECT *, {window} AS w FROM a) GROUP BY k, w"
            )
        };
        let text = raw(cut, "in")
            + A
            + &step("t", "", &count("tumble(ts, INTERVAL '10 seconds')"))
            + &step("h", "", &count("hop(ts, INTERVAL '10 seconds', INTERVAL '20 seconds')"))
            + &step("s", "", &count("session(ts, INTERVAL '10 seconds')"));
        sandbox.run(&text);
        assert_eq!(sandbox.rows("t"), ["{\"n\":2,\"s\":0}", "{\"n\":2,\"s\":30}"], "{cut:?}");
        let hop =
            [(-10, 2), (0, 2), (20, 2), (30, 2)].map(|(s, n)| format!("{{\"n\":{n},\"s\":{s}}}"));
        assert_eq!(sandbox.rows("h"), canonical_rows(hop), "{cut:?}");
        assert_eq!(sandbox.rows("s"), ["{\"n\":2,\"s\":1}", "{\"n\":2,\"s\":30}"], "{cut:?}");
        let letters = sandbox.letters();
        let mut found: Vec<(&str, &str, u64)> = letters
            .iter()
            .map(|letter| (letter.text("step"), letter.text("code"), letter.row()))
            // A query of several parts names the one that refuses.
            .map(|(step, code, row)| (&step[..1], code, row))
            .collect();
        found.sort_unstable_by_key(|(step, _, row)| (*step, *row));
        let expected = ["h", "s", "t"].map(|step| {
            [(step, "no_event_time", 1), (step, "no_event_time", 4), (step, "late", 6)]
        });
        assert_eq!(found, expected.concat(), "{cut:?}");
    }
}

const START_MS: i64 = super::fixture::START / 1000;
