//! SQL steps give what DataFusion gives for the same rows in one batch; where a row can't be
//! computed, it alone is refused.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use crate::harness::{Sandbox, canonical_rows, json_rows, wait_until};

/// Over the stream `a` (k, v, s) and the table `t` (k, w, x).
const QUERIES: &[&str] = &[
    "SELECT k, v + 1 AS v1, upper(s) AS u FROM a WHERE v > 3 OR s IS NULL",
    "SELECT * FROM a WHERE s LIKE 'x%' AND k IS NOT NULL",
    "SELECT CASE WHEN v = 0 THEN NULL ELSE 100 / v END AS q, coalesce(s, 'none') AS s FROM a",
    "SELECT k AS n FROM a UNION ALL SELECT v FROM a",
    "SELECT k, s FROM a UNION ALL SELECT k, s FROM a",
    "SELECT * FROM a UNION ALL SELECT * FROM a UNION ALL SELECT * FROM a WHERE v < 0",
    "SELECT k, v FROM (SELECT k, v * 2 AS v FROM a WHERE v > 0) WHERE v < 20",
    "SELECT a.v, t.w FROM a JOIN t ON a.k = t.k",
    "SELECT t.w, a.v FROM t JOIN a ON a.k = t.k WHERE t.x > 1",
    "SELECT a.k, a.v, t.w, t.x FROM a LEFT JOIN t ON a.k = t.k",
    "SELECT a.v, t.w FROM a LEFT JOIN t ON a.k = t.k AND t.x > a.v",
    "SELECT a.v, t.w FROM a JOIN t ON a.k = t.k AND t.x > a.v",
    "SELECT a.v, t.w FROM t RIGHT JOIN a ON a.k = t.k AND t.x <> 2",
    "SELECT a.v, t.w FROM a LEFT JOIN t ON a.k = t.k AND a.s = t.w",
    "SELECT a.v, t.w FROM a LEFT JOIN t ON a.k + 1 = t.k * 2",
    "SELECT v, s FROM a WHERE k IN (SELECT k FROM t WHERE x > 0)",
    "SELECT v, s FROM a WHERE EXISTS (SELECT 1 FROM t WHERE t.k = a.k AND t.x > a.v)",
    "SELECT v, s FROM a WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.k = a.k)",
    "SELECT v, s FROM a WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.k = a.k AND t.x > a.v)",
    "SELECT a.v, y.w AS w1, z.w AS w2 FROM a LEFT JOIN t y ON a.k = y.k LEFT JOIN t z ON a.v = z.k",
    "SELECT a.v, u.n FROM a JOIN (SELECT k, x * 10 AS n FROM t WHERE w IS NOT NULL) u ON a.k = u.k",
];

fn fields(names: [(&str, DataType); 3]) -> SchemaRef {
    Arc::new(Schema::new(names.map(|(name, t)| Field::new(name, t, true)).to_vec()))
}

fn row(names: [&str; 3], row: &(Option<i64>, Option<i64>, Option<&str>), text_at: usize) -> String {
    let mut values = vec![row.0.map(|n| n.to_string()), row.1.map(|n| n.to_string())];
    values.insert(text_at, row.2.map(|text| format!("\"{text}\"")));
    let mut line = String::new();
    for (name, value) in names.iter().zip(values) {
        if let Some(value) = value {
            let start = if line.is_empty() { '{' } else { ',' };
            write!(line, "{start}\"{name}\":{value}").unwrap();
        }
    }
    if line.is_empty() { "{}".to_owned() } else { line + "}" }
}

fn batch_table(schema: &SchemaRef, lines: &str) -> Arc<MemTable> {
    let reader = arrow::json::ReaderBuilder::new(schema.clone()).build(lines.as_bytes()).unwrap();
    let rows = reader.collect::<Result<Vec<_>, _>>().unwrap();
    Arc::new(MemTable::try_new(schema.clone(), vec![rows]).unwrap())
}

/// What DataFusion gives for every query.
fn in_batch(stream: &str, table: &str) -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new();
        let int = DataType::Int64;
        let a = fields([("k", int.clone()), ("v", int.clone()), ("s", DataType::Utf8)]);
        let t = fields([("k", int.clone()), ("w", DataType::Utf8), ("x", int)]);
        context.register_table("a", batch_table(&a, stream)).unwrap();
        context.register_table("t", batch_table(&t, table)).unwrap();
        let mut results = Vec::new();
        for query in QUERIES {
            let batches = context.sql(query).await.unwrap().collect().await.unwrap();
            let mut rows: Vec<String> = batches.iter().flat_map(json_rows).collect();
            rows.sort();
            results.push(rows);
        }
        results
    })
}

/// What the pipeline gives, one step and one sink per query.
fn in_stream(stream: &str, table: &str, settings: &str) -> Vec<Vec<String>> {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", stream);
    sandbox.write("t.ndjson", table);
    let mut text = format!(
        "{settings}[source.a]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ k = \"int64\", v = \"int64\", s = \"string\" }}\n\
         [table.t]\npath = \"t.ndjson\"\n\
         schema = {{ k = \"int64\", w = \"string\", x = \"int64\" }}\n"
    );
    for (at, query) in QUERIES.iter().enumerate() {
        write!(
            text,
            "[step.q{at}]\nsql = \"\"\"{query}\"\"\"\n[sink.q{at}]\ntype = \"file\"\n\
             path = \"q{at}\"\nfrom = \"q{at}\"\n"
        )
        .unwrap();
    }
    sandbox.run(&text);
    assert!(sandbox.letters().is_empty());
    (0..QUERIES.len()).map(|at| sandbox.rows(&format!("q{at}"))).collect()
}

type Row = (Option<i64>, Option<i64>, Option<&'static str>);

fn rows(count: usize) -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![1 => Just(None), 5 => (0_i64..6).prop_map(Some)];
    let value = prop_oneof![1 => Just(None), 5 => (-20_i64..20).prop_map(Some)];
    let text = prop::option::of(prop_oneof![Just(""), Just("x"), Just("xy"), Just("ü")]);
    prop::collection::vec((key, value, text), 0..count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    /// One semantics for batch and stream is why steps are SQL at all.
    #[test]
    fn a_stream_gives_what_a_batch_gives(
        stream in rows(60),
        table in rows(12),
        batch_rows in prop_oneof![Just(1), Just(7), Just(8192)],
    ) {
        let line = |r: &Row| row(["k", "v", "s"], r, 2) + "\n";
        let mut stream: String = stream.iter().map(line).collect();
        stream.push_str("{\"k\":1,\"v\":1,\"s\":\"x\"}\n");
        let table: String = table.iter().map(|r| row(["k", "w", "x"], r, 1) + "\n").collect();
        let expected = in_batch(&stream, &table);
        let found = in_stream(&stream, &table, &format!("batch_rows = {batch_rows}\nparallelism = 2\n"));
        for ((query, found), expected) in QUERIES.iter().zip(found).zip(expected) {
            prop_assert_eq!(found, expected, "{}", query);
        }
    }
}

fn pipeline(sql: &str) -> String {
    format!(
        "[source.a]\ntype = \"file\"\npath = \"a.ndjson\"\nformat = \"ndjson\"\n\
         [table.t]\npath = \"t.csv\"\nrefresh = \"5ms\"\n[step.q]\nsql = \"\"\"{sql}\"\"\"\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"q\"\n"
    )
}

/// A cast or a division fails for one row; the others of its batch are no worse for it.
#[test]
fn a_row_that_can_not_be_computed_leaves_on_errors() {
    for sql in [
        "SELECT cast(s AS bigint) AS n FROM a",
        "SELECT 10 / v AS n, s FROM a",
        "SELECT v FROM a WHERE 10 / v > 0",
        "SELECT a.v, t.w FROM a JOIN t ON cast(a.s AS bigint) = t.k",
        "SELECT a.v, t.w FROM a LEFT JOIN t ON a.k = t.k AND t.k / a.v > 0",
        "SELECT v FROM a WHERE EXISTS (SELECT 1 FROM t WHERE t.k = 10 / a.v)",
    ] {
        for batch_rows in [1, 4, 8192] {
            let sandbox = Sandbox::new();
            let row = |n: i64| match n % 10 == 3 {
                true => "{\"k\": 1, \"v\": 0, \"s\": \"x\"}".to_owned(),
                false => format!("{{\"k\": 1, \"v\": {n}, \"s\": \"{n}\"}}"),
            };
            let rows: Vec<String> = (1..=40).map(row).collect();
            sandbox.write("a.ndjson", rows.join("\n"));
            sandbox.write("t.csv", "k,w\n1,one\n2,two\n");
            sandbox.run(&format!("batch_rows = {batch_rows}\n{}", pipeline(sql)));
            let letters = sandbox.letters();
            let found: Vec<u64> = letters.iter().map(|letter| letter.row()).collect();
            assert_eq!(found, [2, 12, 22, 32], "{sql}: {letters:#?}");
            for letter in &letters {
                assert_eq!(letter.text("code"), "sql_error", "{sql}");
                assert_eq!(letter.text("step").split('#').next(), Some("q"), "{sql}");
                // What no part of the query needs is not in the row any more.
                let payload = letter.text("payload");
                assert!(payload.contains("\"v\":0") || payload.contains("\"s\":\"x\""), "{sql}");
            }
        }
    }
}

/// Reference data changes while the stream runs; rows that come later see the new version.
#[test]
fn a_table_is_refreshed_without_a_restart() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "k,w\n1,old\n");
    sandbox.write("in/0.ndjson", "{\"k\": 1, \"n\": 0}\n");
    let text = pipeline("SELECT a.n, t.w FROM a JOIN t ON a.k = t.k")
        .replace("path = \"a.ndjson\"", "path = \"in/*.ndjson\"\nfollow = \"5ms\"");
    let mut written = 0;
    sandbox.run_until(&text, || {
        let rows = sandbox.rows("out");
        if rows.len() > written {
            // A version that can't be read leaves the last one in place.
            let version = ["k,w\nx,y,z\n", "k,w\n1,new and longer\n"][written.min(1)];
            // Whoever replaces a table does it at once, or half of it may be read.
            sandbox.write("new/t.csv", version);
            std::fs::rename(sandbox.path("new/t.csv"), sandbox.path("t.csv")).unwrap();
            written += 1;
            sandbox.write(&format!("new/{written}"), format!("{{\"k\": 1, \"n\": {written}}}\n"));
            let to = sandbox.path(&format!("in/{written}.ndjson"));
            std::fs::rename(sandbox.path(&format!("new/{written}")), to).unwrap();
        }
        rows.iter().any(|row| row.contains("new and longer"))
    });
    let rows = sandbox.rows("out");
    assert!(rows.contains(&"{\"n\":0,\"w\":\"old\"}".to_owned()), "{rows:?}");
    assert!(rows.iter().all(|row| row.contains("old") || row.contains("new and longer")));
    wait_until(|| sandbox.rows("out").len() == rows.len());
}

/// What the query computes of the table must not end a job as a bug of Millrace.
#[test]
fn a_table_that_can_not_be_looked_up_is_a_mistake_of_the_pipeline() {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "{\"k\": 1}\n");
    sandbox.write("t.csv", "k,w\n1,one\n");
    let sql = "SELECT a.k FROM a JOIN t ON a.k = cast(t.w AS bigint)";
    let error = sandbox.try_run(&pipeline(sql)).unwrap_err();
    assert_eq!(error.kind, millrace::error::ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("table `t`"), "{error}");
}

/// A port of a step, and a step of a step: names in FROM are those of the pipeline.
#[test]
fn steps_read_steps_and_ports() {
    let sandbox = Sandbox::new();
    sandbox.write("a.ndjson", "{\"v\": 1}\n{\"v\": 0}\n");
    sandbox.write("t.csv", "k,w\n1,one\n");
    let text = pipeline("SELECT n + 1 AS n FROM first").replace(
        "[step.q]",
        "[step.first]\nsql = \"SELECT 10 / v AS n FROM a\"\n\
         [step.bad]\nsql = \"SELECT code, row FROM first.errors\"\n\
         [sink.bad]\ntype = \"file\"\npath = \"bad\"\nfrom = \"bad\"\n[step.q]",
    );
    sandbox.run(&text);
    assert_eq!(sandbox.rows("out"), ["{\"n\":11}"]);
    assert_eq!(sandbox.rows("bad"), canonical_rows(["{\"code\": \"sql_error\", \"row\": 1}"]));
}
