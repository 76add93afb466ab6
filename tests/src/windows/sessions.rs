//! Sessions: a gap that each row brings itself has no word in batch SQL, so that plain Rust is the
//! oracle.

use std::collections::BTreeSet;

use super::fixture::{
    A, CUTS, Query, SECOND, assert_as_in_batch, assert_rows, input, raw, step, watermarks,
    write_files,
};
use crate::harness::{Sandbox, canonical_rows};

/// Sessions with a constant gap, in SQL: a row after a pause begins another.
const CONSTANT: &[Query] = &[
    (
        "SELECT k, cast(w.start AS bigint) AS s, cast(w.end AS bigint) AS e, count(*) AS n, \
         sum(v) AS total, count(DISTINCT v) AS vs, first_value(x ORDER BY ts, x) AS f FROM \
         (SELECT *, session(ts, INTERVAL '500 milliseconds') AS w FROM a) GROUP BY k, w",
        "SELECT k, min(t) AS s, max(t) + 500000 AS e, count(*) AS n, sum(v) AS total, \
         count(DISTINCT v) AS vs, first_value(x ORDER BY t, x) AS f FROM (SELECT *, sum(new) \
         OVER (PARTITION BY k ORDER BY t) AS id FROM (SELECT *, CASE WHEN t - lag(t) OVER \
         (PARTITION BY k ORDER BY t) >= 500000 THEN 1 ELSE 0 END AS new FROM a)) GROUP BY k, id",
    ),
    // Of all rows together.
    (
        "SELECT cast(w.start AS bigint) AS s, cast(w.end AS bigint) AS e, count(*) AS n, \
         max(x) AS high FROM (SELECT *, session(ts, INTERVAL '90 milliseconds') AS w FROM a) \
         GROUP BY w HAVING count(*) > 1",
        "SELECT min(t) AS s, max(t) + 90000 AS e, count(*) AS n, max(x) AS high FROM (SELECT *, \
         sum(new) OVER (ORDER BY t) AS id FROM (SELECT *, CASE WHEN t - lag(t) OVER (ORDER BY t) \
         >= 90000 THEN 1 ELSE 0 END AS new FROM a)) GROUP BY id HAVING count(*) > 1",
    ),
    // How long the sessions of a window were, by their ends.
    (
        "SELECT cast(w.start AS bigint) AS s, count(*) AS sessions, max(n) AS most FROM \
         (SELECT n, tumble(e, INTERVAL '5 seconds') AS w FROM (SELECT k, v, count(*) AS n, \
         window_end(session(ts, INTERVAL '700 milliseconds')) AS e FROM a \
         GROUP BY k, v, session(ts, INTERVAL '700 milliseconds'))) GROUP BY w",
        "SELECT e - e % 5000000 AS s, count(*) AS sessions, max(n) AS most FROM (SELECT k, v, \
         count(*) AS n, max(t) + 700000 AS e FROM (SELECT *, sum(new) OVER (PARTITION BY k, v \
         ORDER BY t) AS id FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY k, v \
         ORDER BY t) >= 700000 THEN 1 ELSE 0 END AS new FROM a)) GROUP BY k, v, id) \
         GROUP BY e - e % 5000000",
    ),
];

#[test]
fn sessions_with_a_constant_gap_are_those_of_a_batch() {
    for (seed, files) in [(20, 1), (21, 3)] {
        let files = input(seed, files, 500 / files, 0.0);
        assert_as_in_batch(&files, CONSTANT, &|sandbox, cut| {
            write_files(sandbox, "in", &files);
            raw(cut, "in") + A
        });
    }
}

/// The sessions of one key: rows that are not late, each open for its gap, joined where they
/// touch.
fn sessions(rows: &[(i64, i64)]) -> Vec<(i64, i64, usize)> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let mut sessions: Vec<(i64, i64, usize)> = Vec::new();
    for (time, gap) in rows {
        match sessions.last_mut() {
            Some((_, end, n)) if time < *end => {
                *end = (*end).max(time + gap);
                *n += 1;
            }
            _ => sessions.push((time, time + gap, 1)),
        }
    }
    sessions
}

/// A row late by its own file's watermark is in no session, and leaves on the port `late`; with
/// allowed lateness fewer rows are late.
#[test]
fn sessions_with_a_gap_of_the_row_are_those_of_plain_rust() {
    for (seed, files, very_late, lateness) in
        [(22, 1, 0.0, 0), (23, 3, 0.0, 0), (24, 3, 0.1, 0), (25, 2, 0.1, 5 * SECOND)]
    {
        let files = input(seed, files, 450 / files, very_late);
        let is_late = |time: i64, watermark: i64| time < watermark.saturating_sub(lateness);
        let keys: BTreeSet<Option<&str>> =
            files.iter().flatten().map(|row| row.key.as_deref()).collect();
        let mut expected = Vec::new();
        for key in &keys {
            let rows: Vec<(i64, i64)> = watermarks(&files)
                .filter(|(row, at)| row.key.as_deref() == *key && !is_late(row.time, *at))
                .map(|(row, _)| (row.time, row.gap))
                .collect();
            let key = key.map(|key| format!("\"k\":\"{key}\",")).unwrap_or_default();
            expected.extend(
                sessions(&rows)
                    .iter()
                    .map(|(start, end, n)| format!("{{{key}\"e\":{end},\"n\":{n},\"s\":{start}}}")),
            );
        }
        let expected = canonical_rows(expected);
        let late = watermarks(&files).filter(|(row, at)| is_late(row.time, *at));
        let late = canonical_rows(late.map(|(row, _)| format!("{{\"t\":{}}}", row.time)));
        assert_eq!(late.is_empty(), very_late == 0.0);
        for cut in CUTS {
            let sandbox = Sandbox::in_memory();
            write_files(&sandbox, "in", &files);
            let query = "SELECT k, cast(window_start(w) AS bigint) AS s, \
                         cast(window_end(w) AS bigint) AS e, n FROM (SELECT k, count(*) AS n, \
                         session(ts, arrow_cast(gap, 'Duration(Microsecond)')) AS w FROM a \
                         GROUP BY k, w)";
            let keys = format!("allowed_lateness = \"{}s\"", lateness / SECOND);
            let text = raw(cut, "in")
                + A
                + &step("own", &keys, query)
                + &step("l", "", "SELECT cast(ts AS bigint) AS t FROM own.late");
            sandbox.run(&text);
            assert_rows(&sandbox.rows("own"), &expected, &format!("seed {seed}, {cut:?}"));
            assert_rows(&sandbox.rows("l"), &late, &format!("late, seed {seed}, {cut:?}"));
        }
    }
}
