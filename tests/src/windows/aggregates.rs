//! The oracle of windows: no window of a stream may hold another row than the batch's window does.

use super::fixture::{A, Query, assert_as_in_batch, input, raw, write_files};

/// Tumbling and sliding windows with all kinds of aggregates.
const WINDOWS: &[Query] = &[
    (
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, sum(v) AS total, avg(v) AS mean, \
         min(v) AS low, max(x) AS high FROM \
         (SELECT *, tumble(ts, INTERVAL '5 seconds') AS w FROM a) GROUP BY k, w",
        "SELECT k, t - t % 5000000 AS s, count(*) AS n, sum(v) AS total, avg(v) AS mean, \
         min(v) AS low, max(x) AS high FROM a GROUP BY k, t - t % 5000000",
    ),
    // No key but the window: one task has everything.
    (
        "SELECT cast(window_end(tumble(ts, INTERVAL '1 second')) AS bigint) AS e, \
         count(DISTINCT k) AS ks, count(DISTINCT v) AS vs, approx_distinct(k) AS about, \
         stddev(x) > 3 AS wide FROM a GROUP BY tumble(ts, INTERVAL '1 second') \
         HAVING count(*) > 1",
        "SELECT t - t % 1000000 + 1000000 AS e, count(DISTINCT k) AS ks, \
         count(DISTINCT v) AS vs, approx_distinct(k) AS about, stddev(x) > 3 AS wide FROM a \
         GROUP BY t - t % 1000000 HAVING count(*) > 1",
    ),
    (
        "SELECT k, cast(w.end AS bigint) - 2000000 AS e, count(*) AS n FROM (SELECT k, \
         tumble(ts, INTERVAL '5 seconds', INTERVAL '2 seconds') AS w FROM a WHERE v > 2) \
         GROUP BY w, k HAVING count(*) > 1",
        "SELECT k, t - (t - 2000000) % 5000000 + 3000000 AS e, count(*) AS n FROM a WHERE v > 2 \
         GROUP BY k, t - (t - 2000000) % 5000000 HAVING count(*) > 1",
    ),
    (
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, sum(x) AS total, max(v) AS high \
         FROM (SELECT k, x, v, hop(ts, INTERVAL '2 seconds', INTERVAL '6 seconds') AS w FROM a) \
         GROUP BY k, w",
        "SELECT k, t - t % 2000000 - 2000000 * i AS s, count(*) AS n, sum(x) AS total, \
         max(v) AS high FROM a, n WHERE i < 3 GROUP BY k, t - t % 2000000 - 2000000 * i",
    ),
    // A size that is no multiple of the slide: panes are shorter than both.
    (
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, count(DISTINCT v) AS vs, \
         array_agg(x ORDER BY x, ts) AS xs FROM \
         (SELECT *, hop(ts, INTERVAL '4 seconds', INTERVAL '6 seconds') AS w FROM a) \
         GROUP BY k, w",
        "SELECT k, s, count(*) AS n, count(DISTINCT v) AS vs, array_agg(x ORDER BY x, t) AS xs \
         FROM (SELECT a.*, t - t % 4000000 - 4000000 * i AS s FROM a, n WHERE i < 2) \
         WHERE t < s + 6000000 GROUP BY k, s",
    ),
    // Many windows per row; keys come and go while windows slide.
    (
        "SELECT k, v, cast(w.end AS bigint) AS e, count(*) AS n, min(x) AS low FROM (SELECT *, \
         hop(ts, INTERVAL '1 second', INTERVAL '20 seconds', INTERVAL '500 milliseconds') AS w \
         FROM a) GROUP BY k, v, w",
        "SELECT k, v, s + 20000000 AS e, count(*) AS n, min(x) AS low FROM (SELECT a.*, \
         t - (t - 500000) % 1000000 - 1000000 * i AS s FROM a, n WHERE i < 20) GROUP BY k, v, s",
    ),
    (
        "SELECT k, cast(w.end AS bigint) AS e, array_agg(v ORDER BY v, ts) AS vs, \
         first_value(x ORDER BY ts, x) AS f, last_value(x ORDER BY ts, x) AS l, median(v) AS m, \
         count(*) FILTER (WHERE v > 5) AS large FROM \
         (SELECT *, tumble(ts, INTERVAL '10 seconds') AS w FROM a) GROUP BY w, k",
        "SELECT k, t - t % 10000000 + 10000000 AS e, array_agg(v ORDER BY v, t) AS vs, \
         first_value(x ORDER BY t, x) AS f, last_value(x ORDER BY t, x) AS l, median(v) AS m, \
         count(*) FILTER (WHERE v > 5) AS large FROM a GROUP BY k, t - t % 10000000",
    ),
    // What may depend on the order of rows is put in order, or only bounded.
    (
        "SELECT v % 3 AS r, cast(w.start AS bigint) AS s, \
         percentile_cont(0.25) WITHIN GROUP (ORDER BY x) AS q, \
         approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY x) BETWEEN min(x) AND max(x) AS ok, \
         string_agg(k, ',' ORDER BY k, ts) AS names, array_sort(array_agg(DISTINCT k)) AS ks, \
         bool_and(x < 90) AS small, bit_xor(v) AS bits, sum(DISTINCT v) AS once, \
         var_pop(v) >= 0 AS var FROM \
         (SELECT *, tumble(ts, INTERVAL '7 seconds') AS w FROM a) GROUP BY v % 3, w",
        "SELECT v % 3 AS r, t - t % 7000000 AS s, \
         percentile_cont(0.25) WITHIN GROUP (ORDER BY x) AS q, \
         approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY x) BETWEEN min(x) AND max(x) AS ok, \
         string_agg(k, ',' ORDER BY k, t) AS names, array_sort(array_agg(DISTINCT k)) AS ks, \
         bool_and(x < 90) AS small, bit_xor(v) AS bits, sum(DISTINCT v) AS once, \
         var_pop(v) >= 0 AS var FROM a GROUP BY v % 3, t - t % 7000000",
    ),
    (
        "SELECT k, cast(w.end AS bigint) AS e FROM \
         (SELECT DISTINCT k, tumble(ts, INTERVAL '2 seconds') AS w FROM a)",
        "SELECT DISTINCT k, t - t % 2000000 + 2000000 AS e FROM a",
    ),
    // Event time itself as the key.
    (
        "SELECT cast(ts AS bigint) AS t, k, count(*) AS n FROM a GROUP BY ts, k",
        "SELECT t, k, count(*) AS n FROM a GROUP BY t, k",
    ),
    // Keys that are computed, of types that are no text.
    (
        "SELECT x > 50 AS large, x - x % 25 AS x, upper(k) AS k, \
         cast(w.start AS bigint) AS s, count(v) AS n FROM \
         (SELECT *, tumble(ts, INTERVAL '15 seconds') AS w FROM a) \
         GROUP BY x > 50, x - x % 25, upper(k), w",
        "SELECT x > 50 AS large, x - x % 25 AS x, upper(k) AS k, t - t % 15000000 AS s, \
         count(v) AS n FROM a GROUP BY x > 50, x - x % 25, upper(k), t - t % 15000000",
    ),
];

/// Windows of windows, in one query.
const LEVELS: &[Query] = &[
    (
        "SELECT cast(w2.start AS bigint) AS s, max(n) AS most, count(*) AS windows FROM \
         (SELECT n, tumble(w.start, INTERVAL '20 seconds') AS w2 FROM \
         (SELECT k, count(*) AS n, tumble(ts, INTERVAL '5 seconds') AS w FROM a \
         GROUP BY k, tumble(ts, INTERVAL '5 seconds'))) GROUP BY w2",
        "SELECT s - s % 20000000 AS s, max(n) AS most, count(*) AS windows FROM \
         (SELECT k, count(*) AS n, t - t % 5000000 AS s FROM a GROUP BY k, t - t % 5000000) \
         GROUP BY s - s % 20000000",
    ),
    // The same windows, over all keys.
    (
        "SELECT cast(w.start AS bigint) AS s, max(n) AS most, avg(n) AS mean FROM \
         (SELECT k, tumble(ts, INTERVAL '3 seconds') AS w, count(*) AS n FROM a GROUP BY k, w) \
         GROUP BY w",
        "SELECT s, max(n) AS most, avg(n) AS mean FROM (SELECT k, t - t % 3000000 AS s, \
         count(*) AS n FROM a GROUP BY k, t - t % 3000000) GROUP BY s",
    ),
    // Sliding over tumbling, by the last moment of the inner window.
    (
        "SELECT k, cast(h.end AS bigint) AS e, sum(n) AS n, max(total) AS high FROM \
         (SELECT k, n, total, hop(window_time(w), INTERVAL '4 seconds', INTERVAL '8 seconds') \
         AS h FROM (SELECT k, tumble(ts, INTERVAL '2 seconds') AS w, count(*) AS n, \
         sum(v) AS total FROM a GROUP BY k, w)) GROUP BY k, h",
        "SELECT k, s + 8000000 AS e, sum(n) AS n, max(total) AS high FROM (SELECT k, n, total, \
         s1 - s1 % 4000000 - 4000000 * i AS s FROM (SELECT k, t - t % 2000000 AS s1, \
         count(*) AS n, sum(v) AS total FROM a GROUP BY k, t - t % 2000000), n WHERE i < 2) \
         GROUP BY k, s",
    ),
    // Tumbling over sliding.
    (
        "SELECT cast(b.start AS bigint) AS s, count(*) AS n, max(most) AS most FROM \
         (SELECT most, tumble(h, INTERVAL '12 seconds') AS b FROM \
         (SELECT k, hop(ts, INTERVAL '3 seconds', INTERVAL '9 seconds') AS h, max(x) AS most \
         FROM a GROUP BY k, h)) GROUP BY b",
        "SELECT last - last % 12000000 AS s, count(*) AS n, max(most) AS most FROM \
         (SELECT k, t - t % 3000000 - 3000000 * i + 8999999 AS last, max(x) AS most FROM a, n \
         WHERE i < 3 GROUP BY k, t - t % 3000000 - 3000000 * i) GROUP BY last - last % 12000000",
    ),
    // Three levels; the second drops what the third would count.
    (
        "SELECT cast(w3.start AS bigint) AS s, count(*) AS n, sum(n2) AS total FROM \
         (SELECT n2, tumble(w2, INTERVAL '12 seconds') AS w3 FROM \
         (SELECT k, count(*) AS n2, tumble(w1, INTERVAL '4 seconds') AS w2 FROM \
         (SELECT k, v, tumble(ts, INTERVAL '1 second') AS w1 FROM a GROUP BY k, v, \
         tumble(ts, INTERVAL '1 second')) GROUP BY k, tumble(w1, INTERVAL '4 seconds') \
         HAVING count(*) > 3)) GROUP BY w3",
        "SELECT s2 - s2 % 12000000 AS s, count(*) AS n, sum(n2) AS total FROM \
         (SELECT k, count(*) AS n2, s1 - s1 % 4000000 AS s2 FROM \
         (SELECT DISTINCT k, v, t - t % 1000000 AS s1 FROM a) GROUP BY k, s1 - s1 % 4000000 \
         HAVING count(*) > 3) GROUP BY s2 - s2 % 12000000",
    ),
];

fn compare(seed: u64, files: usize, queries: &[Query]) {
    let files = input(seed, files, 600 / files, 0.0);
    assert_as_in_batch(&files, queries, &|sandbox, cut| {
        write_files(sandbox, "in", &files);
        raw(cut, "in") + A
    });
}

/// Windows close while their file is still being read.
#[test]
fn windows_over_one_file_hold_what_a_batch_holds() {
    compare(0, 1, WINDOWS);
}

/// Lanes are at different times, and the slowest one decides.
#[test]
fn windows_over_several_files_hold_what_a_batch_holds() {
    compare(1, 3, WINDOWS);
    compare(2, 5, WINDOWS);
}

/// What the first level sends on is complete before the second closes a window over it.
#[test]
fn several_levels_of_windows_are_one_query() {
    compare(3, 1, LEVELS);
    compare(4, 3, LEVELS);
}
