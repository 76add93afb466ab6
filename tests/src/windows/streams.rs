//! Windows over streams that have come a long way: unions, lookups, plugins and their ports, steps
//! behind steps.

use super::fixture::{
    A, COLUMNS, Cut, NAMES, Query, Row, assert_as_in_batch, input, raw, step, write_files,
};
use crate::harness::Sandbox;

const COUNTS: &[Query] = &[
    (
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, sum(v) AS total FROM \
         (SELECT *, tumble(ts, INTERVAL '5 seconds') AS w FROM a) GROUP BY k, w",
        "SELECT k, t - t % 5000000 AS s, count(*) AS n, sum(v) AS total FROM a \
         GROUP BY k, t - t % 5000000",
    ),
    (
        "SELECT v, cast(w.start AS bigint) AS s, count(*) AS n, max(x) AS high FROM \
         (SELECT *, hop(ts, INTERVAL '2 seconds', INTERVAL '6 seconds') AS w FROM a) GROUP BY v, w",
        "SELECT v, t - t % 2000000 - 2000000 * i AS s, count(*) AS n, max(x) AS high FROM a, n \
         WHERE i < 3 GROUP BY v, t - t % 2000000 - 2000000 * i",
    ),
];

/// A source of its own for each half of the files, with the steps `a0` and `a1`.
fn two_sources(sandbox: &Sandbox, cut: Cut, files: &[Vec<Row>]) -> String {
    let mut text = cut.settings();
    for (at, files) in files.chunks(files.len().div_ceil(2)).enumerate() {
        write_files(sandbox, &format!("in{at}"), files);
        text += &format!(
            "[source.raw{at}]\ntype = \"file\"\npath = \"in{at}/*.ndjson\"\nformat = \"ndjson\"\n\
             schema = {{ {COLUMNS} }}\n{}\
             [step.a{at}]\nsql = \"SELECT t AS ts, k, v, x, gap FROM raw{at}\"\n\
             event_time = {{ column = \"ts\", delay = \"2s\" }}\n",
            cut.limit()
        );
    }
    text
}

/// The slower of two sources decides, in one query and in a step before it.
#[test]
fn windows_over_a_union_of_two_sources() {
    let files = input(30, 3, 180, 0.0);
    let within = [(
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n, sum(v) AS total FROM (SELECT *, \
         tumble(ts, INTERVAL '5 seconds') AS w FROM (SELECT ts, k, v FROM a0 UNION ALL \
         SELECT ts, k, v FROM a1)) GROUP BY k, w",
        COUNTS[0].1,
    )];
    let queries = [&within, COUNTS].concat();
    assert_as_in_batch(&files, &queries, &|sandbox, cut| {
        two_sources(sandbox, cut, &files)
            + "[step.a]\nsql = \"SELECT * FROM a1 UNION ALL SELECT * FROM a0\"\n"
    });
}

/// A stream that is read twice counts twice.
#[test]
fn windows_over_a_union_of_a_stream_with_itself() {
    let files = input(31, 2, 200, 0.0);
    let queries = [(
        "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n FROM (SELECT k, \
         tumble(ts, INTERVAL '5 seconds') AS w FROM (SELECT ts, k FROM a UNION ALL \
         SELECT ts, 'all' FROM a WHERE v > 3)) GROUP BY k, w",
        "SELECT k, t - t % 5000000 AS s, count(*) AS n FROM (SELECT t, k FROM a UNION ALL \
         SELECT t, 'all' FROM a WHERE v > 3) GROUP BY k, t - t % 5000000",
    )];
    assert_as_in_batch(&files, &queries, &|sandbox, cut| {
        write_files(sandbox, "in", &files);
        raw(cut, "in") + A
    });
}

/// What a lookup adds is a key like any other, and what it drops does not count.
#[test]
fn windows_behind_a_lookup() {
    let files = input(32, 3, 150, 0.0);
    let queries = [
        (
            "SELECT name, cast(w.start AS bigint) AS s, count(*) AS n, count(DISTINCT k) AS ks \
             FROM (SELECT names.name, a.k, tumble(a.ts, INTERVAL '5 seconds') AS w FROM a \
             JOIN names ON a.k = names.k) GROUP BY name, w",
            "SELECT name, t - t % 5000000 AS s, count(*) AS n, count(DISTINCT a.k) AS ks FROM a \
             JOIN names ON a.k = names.k GROUP BY name, t - t % 5000000",
        ),
        (
            "SELECT name, cast(w.end AS bigint) AS e, sum(x) AS total FROM (SELECT names.name, \
             a.x, hop(a.ts, INTERVAL '3 seconds', INTERVAL '6 seconds') AS w FROM a \
             LEFT JOIN names ON a.k = names.k) GROUP BY w, name",
            "SELECT name, t - t % 3000000 - 3000000 * i + 6000000 AS e, sum(x) AS total FROM a \
             LEFT JOIN names ON a.k = names.k CROSS JOIN n WHERE i < 2 \
             GROUP BY name, t - t % 3000000 - 3000000 * i",
        ),
        // The window's result, looked up.
        (
            "SELECT names.name, q.s, q.n FROM (SELECT k, cast(w.start AS bigint) AS s, \
             count(*) AS n FROM (SELECT k, tumble(ts, INTERVAL '5 seconds') AS w FROM a) \
             GROUP BY k, w) q JOIN names ON q.k = names.k",
            "SELECT names.name, q.s, q.n FROM (SELECT k, t - t % 5000000 AS s, count(*) AS n \
             FROM a GROUP BY k, t - t % 5000000) q JOIN names ON q.k = names.k",
        ),
    ];
    assert_as_in_batch(&files, &queries, &|sandbox, cut| {
        write_files(sandbox, "in", &files);
        sandbox.write("names.csv", NAMES);
        raw(cut, "in") + A + "[table.names]\npath = \"names.csv\"\n"
    });
}

/// The source is raw and a plugin parses: event time is declared on the plugin's step.
#[test]
fn windows_behind_a_plugin_that_parses() {
    let files = input(33, 3, 150, 0.0);
    assert_as_in_batch(&files, COUNTS, &|sandbox, cut| {
        for (at, rows) in files.iter().enumerate() {
            let lines: String = rows.iter().map(Row::line).collect();
            sandbox.write(&format!("in/{at}.ndjson"), lines.replace("\"t\":", "\"ts\":"));
        }
        format!(
            "{}[source.raw]\ntype = \"file\"\npath = \"in/*.ndjson\"\nformat = \"raw\"\n{}\
             [step.a]\nfrom = \"raw\"\nplugin = \"safe_parse\"\n\
             event_time = {{ column = \"ts\", delay = \"2s\" }}\n\
             config.schema = {{ ts = \"timestamp[ms]\", k = \"string?\", v = \"int64?\", \
             x = \"float64\" }}\n",
            cut.settings(),
            cut.limit()
        )
    });
}

/// Rows that a plugin sends to different ports keep the time of their partition.
#[test]
fn windows_over_the_ports_of_a_plugin() {
    let files = input(34, 3, 150, 0.0);
    let query = |from: &str, condition: &str| {
        (
            format!(
                "SELECT k, cast(w.start AS bigint) AS s, count(*) AS n FROM (SELECT k, \
                 tumble(ts, INTERVAL '5 seconds') AS w FROM {from}) GROUP BY k, w"
            ),
            format!(
                "SELECT k, t - t % 5000000 AS s, count(*) AS n FROM a WHERE {condition} \
                 GROUP BY k, t - t % 5000000"
            ),
        )
    };
    let queries = [query("rules.fraud", "x > 60"), query("rules", "x <= 60 AND x >= 20")];
    let queries: Vec<Query> =
        queries.into_iter().map(|(stream, batch)| (&*stream.leak(), &*batch.leak())).collect();
    assert_as_in_batch(&files, &queries, &|sandbox, cut| {
        write_files(sandbox, "in", &files);
        raw(cut, "in")
            + A
            + "[step.rules]\nfrom = \"a\"\nplugin = \"fraud_rules\"\n\
               [step.rules.config]\nmax_amount = 60\ncolumns = { amount = \"x\" }\n\
               [[step.rules.config.rules]]\nname = \"small\"\noutcome = \"review\"\n\
               amount_under = 20\n[sink.review]\ntype = \"null\"\nfrom = \"rules.review\"\n"
    });
}

/// Levels in steps of their own, and a plugin between two of them.
#[test]
fn windows_in_chained_steps() {
    let files = input(35, 3, 200, 0.0);
    let queries = [
        ("SELECT k, cast(w.start AS bigint) AS s, n FROM five", FIVE),
        (
            "SELECT cast(w.start AS bigint) AS s, max(n) AS most, count(*) AS n FROM (SELECT n, \
             tumble(w, INTERVAL '10 seconds') AS w FROM five) GROUP BY w",
            "SELECT s - s % 10000000 AS s, max(n) AS most, count(*) AS n FROM (SELECT k, \
             t - t % 5000000 AS s, count(*) AS n FROM a GROUP BY k, t - t % 5000000) \
             GROUP BY s - s % 10000000",
        ),
        (
            "SELECT cast(w.start AS bigint) AS s, sum(n) AS n FROM (SELECT n, \
             tumble(e, INTERVAL '10 seconds') AS w FROM large.fraud) GROUP BY w",
            "SELECT e - e % 10000000 AS s, sum(n) AS n FROM (SELECT k, \
             t - t % 5000000 + 5000000 AS e, count(*) AS n FROM a GROUP BY k, t - t % 5000000) \
             WHERE n > 9 GROUP BY e - e % 10000000",
        ),
    ];
    assert_as_in_batch(&files, &queries, &|sandbox, cut| {
        write_files(sandbox, "in", &files);
        let five = "SELECT k, tumble(ts, INTERVAL '5 seconds') AS w, count(*) AS n FROM a \
                    GROUP BY k, w";
        raw(cut, "in")
            + A
            + &step("five", "", five)
            + "[step.ends]\nsql = \"SELECT w.end AS e, n FROM five\"\n\
               [step.large]\nfrom = \"ends\"\nplugin = \"fraud_rules\"\n\
               config = { max_amount = 9, columns = { amount = \"n\" } }\n\
               [sink.small]\ntype = \"null\"\nfrom = [\"large\", \"large.review\"]\n"
    });
}

const FIVE: &str = "SELECT k, t - t % 5000000 AS s, count(*) AS n FROM a \
                    GROUP BY k, t - t % 5000000";

/// A window as it leaves in a file: with its ends as times.
#[test]
fn a_window_is_written_as_its_start_and_end() {
    let sandbox = Sandbox::in_memory();
    sandbox.write("in/0.ndjson", "{\"t\":1700000001500,\"k\":\"a\"}\n");
    let query =
        "SELECT k, tumble(ts, INTERVAL '1 minute') AS w, count(*) AS n FROM a GROUP BY k, w";
    let parquet = "[sink.columns]\ntype = \"file\"\npath = \"columns\"\nformat = \"parquet\"\n\
                   from = \"q\"\n";
    sandbox.run(&(raw(super::fixture::CUTS[3], "in") + A + &step("q", "", query) + parquet));
    let expected = "{\"k\":\"a\",\"n\":1,\"w\":{\"end\":\"2023-11-14T22:14:00Z\",\
                    \"start\":\"2023-11-14T22:13:00Z\"}}";
    assert_eq!(sandbox.rows("q"), [expected]);
    assert_eq!(sandbox.rows("columns"), [expected]);
}
