//! Random rows in time, the pipelines that read them, and what a batch says of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::harness::{Sandbox, json_rows};

/// Microseconds.
pub const SECOND: i64 = 1_000_000;
pub const START: i64 = 1_700_000_000 * SECOND;
/// The disorder that `a` declares to expect.
pub const DELAY: i64 = 2 * SECOND;
/// Between two rows of a file, but for their disorder.
const STEP: i64 = 150_000;

/// How a job may be cut: into tasks, batches, and epochs of at most so many rows.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub parallelism: usize,
    pub batch_rows: usize,
    pub epoch_rows: Option<u64>,
}

const fn cut(parallelism: usize, batch_rows: usize, epoch_rows: Option<u64>) -> Cut {
    Cut { parallelism, batch_rows, epoch_rows }
}

pub const CUTS: [Cut; 8] = [
    cut(1, 8192, None),
    cut(1, 1, Some(300)),
    cut(1, 7, Some(70)),
    cut(2, 7, None),
    cut(2, 8192, Some(100)),
    cut(4, 7, Some(150)),
    cut(8, 1, None),
    cut(8, 8192, Some(90)),
];

impl Cut {
    pub fn settings(self) -> String {
        format!("parallelism = {}\nbatch_rows = {}\n", self.parallelism, self.batch_rows)
    }

    /// A key of a file source.
    pub fn limit(self) -> String {
        match self.epoch_rows {
            Some(rows) => format!("limit_per_epoch = {{ rows = {rows} }}\n"),
            None => String::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Row {
    pub time: i64,
    pub key: Option<String>,
    pub value: Option<i64>,
    pub amount: f64,
    pub gap: i64,
}

impl Row {
    pub fn line(&self) -> String {
        let mut line = format!("{{\"t\":{},\"x\":{:?}", self.time / 1000, self.amount);
        write!(line, ",\"gap\":{}", self.gap).unwrap();
        if let Some(key) = &self.key {
            write!(line, ",\"k\":\"{key}\"").unwrap();
        }
        if let Some(value) = self.value {
            write!(line, ",\"v\":{value}").unwrap();
        }
        line + "}\n"
    }
}

/// Files that cover the same time; within each, rows are out of order by less than the delay, and
/// a share of them by more.
pub fn input(seed: u64, files: usize, rows: usize, very_late: f64) -> Vec<Vec<Row>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut row = |at: usize| {
        let disorder = match random.random_bool(very_late) {
            true => random.random_range(0..30 * SECOND),
            false => random.random_range(0..DELAY),
        };
        let time = START + at as i64 * STEP - disorder;
        Row {
            // The files hold milliseconds.
            time: time - time.rem_euclid(1000),
            key: random.random_bool(0.95).then(|| format!("k{}", random.random_range(0..5))),
            value: random.random_bool(0.9).then(|| random.random_range(-5..15)),
            // Sums of quarters are exact in any order.
            amount: f64::from(random.random_range(0..400)) / 4.0,
            gap: random.random_range(1..4) * SECOND,
        }
    };
    (0..files).map(|_| (0..rows).map(&mut row).collect()).collect()
}

/// The columns of a row, as `schema` and `safe_parse` name them.
pub const COLUMNS: &str =
    "t = \"timestamp[ms]\", k = \"string\", v = \"int64\", x = \"float64\", gap = \"int64\"";

/// The settings, and the source `raw` of the files in a directory.
pub fn raw(cut: Cut, directory: &str) -> String {
    format!(
        "{}[source.raw]\ntype = \"file\"\npath = \"{directory}/*.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ {COLUMNS} }}\n{}",
        cut.settings(),
        cut.limit()
    )
}

/// The step `a` with event time over `raw`.
pub const A: &str = "[step.a]\nsql = \"SELECT t AS ts, k, v, x, gap FROM raw\"\n\
                     event_time = { column = \"ts\", delay = \"2s\" }\n";

pub fn write_files(sandbox: &Sandbox, directory: &str, files: &[Vec<Row>]) {
    for (at, rows) in files.iter().enumerate() {
        let lines: String = rows.iter().map(Row::line).collect();
        sandbox.write(&format!("{directory}/{at}.ndjson"), lines);
    }
}

/// A step in SQL with a file sink of its name; `keys` stand beside the SQL.
pub fn step(name: &str, keys: &str, query: &str) -> String {
    format!("[step.{name}]\n{keys}\nsql = '''{query}'''\n{}", sink(name, name))
}

/// A file sink `name` with a directory of its name.
pub fn sink(name: &str, from: &str) -> String {
    format!("[sink.{name}]\ntype = \"file\"\npath = \"{name}\"\nfrom = \"{from}\"\n")
}

/// For each row whether it is behind its own file's watermark, and that watermark.
pub fn watermarks(files: &[Vec<Row>]) -> impl Iterator<Item = (&Row, i64)> {
    files.iter().flat_map(|rows| {
        let mut seen = i64::MIN;
        rows.iter().map(move |row| {
            let watermark = seen.saturating_sub(DELAY);
            seen = seen.max(row.time);
            (row, watermark)
        })
    })
}

/// DataFusion over the whole input: `a` with the time `t` in microseconds, numbers `n (i)` from 0,
/// and the table `names (k, name)`.
pub struct Batch {
    context: SessionContext,
    runtime: tokio::runtime::Runtime,
}

/// The table of names, as a file.
pub const NAMES: &str = "k,name\nk0,zero\nk1,one\nk2,one\nk4,four\n";

impl Batch {
    pub fn new(files: &[Vec<Row>]) -> Self {
        let rows: Vec<&Row> = files.iter().flatten().collect();
        let columns: [(&str, ArrayRef); 5] = [
            ("t", Arc::new(rows.iter().map(|r| Some(r.time)).collect::<Int64Array>())),
            ("k", Arc::new(rows.iter().map(|r| r.key.clone()).collect::<StringArray>())),
            ("v", Arc::new(rows.iter().map(|r| r.value).collect::<Int64Array>())),
            ("x", Arc::new(rows.iter().map(|r| Some(r.amount)).collect::<Float64Array>())),
            ("gap", Arc::new(rows.iter().map(|r| Some(r.gap)).collect::<Int64Array>())),
        ];
        let numbers: [(&str, ArrayRef); 1] = [("i", Arc::new((0..64).collect::<Int64Array>()))];
        let (keys, names): (Vec<&str>, Vec<&str>) =
            NAMES.lines().skip(1).map(|line| line.split_once(',').unwrap()).unzip();
        let table: [(&str, ArrayRef); 2] = [
            ("k", Arc::new(StringArray::from(keys))),
            ("name", Arc::new(StringArray::from(names))),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batch = Self { context: SessionContext::new(), runtime };
        batch.register("a", columns);
        batch.register("n", numbers);
        batch.register("names", table);
        batch
    }

    fn register<const N: usize>(&self, name: &str, columns: [(&str, ArrayRef); N]) {
        let columns = columns.map(|(name, column)| (name, column, true));
        let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        self.context.register_table(name, Arc::new(table)).unwrap();
    }

    /// The rows of a query as JSON, in order.
    pub fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.runtime.block_on(async {
            let planned = self.context.sql(query).await.unwrap_or_else(|e| panic!("{query}: {e}"));
            planned.collect().await.unwrap_or_else(|e| panic!("{query}: {e}"))
        });
        let mut rows: Vec<String> = rows.iter().flat_map(json_rows).collect();
        rows.sort();
        rows
    }
}

/// A query over the stream, and what must give the same in batch.
pub type Query = (&'static str, &'static str);

/// Runs the queries over the stream that `prelude` makes of each cut, and compares with the batch.
/// No row may be refused or late.
pub fn assert_as_in_batch(
    files: &[Vec<Row>],
    queries: &[Query],
    prelude: &dyn Fn(&Sandbox, Cut) -> String,
) {
    let batch = Batch::new(files);
    let expected: Vec<Vec<String>> = queries.iter().map(|(_, query)| batch.rows(query)).collect();
    for cut in CUTS {
        let sandbox = Sandbox::in_memory();
        let mut text = prelude(&sandbox, cut);
        for (at, (query, _)) in queries.iter().enumerate() {
            text += &step(&format!("q{at}"), "", query);
        }
        sandbox.run(&text);
        assert!(sandbox.letters().is_empty(), "{:?}", sandbox.letters());
        for (at, expected) in expected.iter().enumerate() {
            assert!(expected.len() > 1, "too few rows prove nothing: {}", queries[at].1);
            let when = format!("{cut:?}: {}", queries[at].0);
            assert_rows(&sandbox.rows(&format!("q{at}")), expected, &when);
        }
    }
}

/// Says what is missing and what is too much, which a comparison of long lists hides.
#[track_caller]
pub fn assert_rows(found: &[String], expected: &[String], when: &str) {
    let mut balance: BTreeMap<&String, i64> = BTreeMap::new();
    found.iter().for_each(|row| *balance.entry(row).or_default() += 1);
    expected.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
    let missing: Vec<_> = balance.iter().filter(|(_, n)| **n < 0).take(4).collect();
    let too_many: Vec<_> = balance.iter().filter(|(_, n)| **n > 0).take(4).collect();
    assert!(
        missing.is_empty() && too_many.is_empty(),
        "{when}\n{} rows, {} expected; for example missing {missing:#?}, too many {too_many:#?}",
        found.len(),
        expected.len()
    );
}
