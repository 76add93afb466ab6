//! The flights example on its real data, against the same questions asked of DataFusion in batch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::util::pretty::pretty_format_batches;
use crossbeam_channel::bounded;
use datafusion::prelude::{CsvReadOptions, SessionContext};
use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress};
use millrace::pipeline::{self, CheckFailure};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// All flights of the year, arrived or not.
const FLIGHTS: i64 = 336_776;

/// What the pipeline says of each flight that arrived, said without its operators: the files as
/// text, every type by CAST, the plugin's judgement as CASE.
const JUDGED: &str = "
CREATE VIEW judged AS
WITH
flights_typed AS (
    SELECT *,
        CAST(nullif(dep_delay, 'NA') AS BIGINT) AS dep,
        CAST(nullif(arr_delay, 'NA') AS BIGINT) AS arr,
        CAST(nullif(air_time, 'NA') AS BIGINT) AS air,
        CAST(distance AS BIGINT) AS miles
    FROM flights
),
arrived AS (
    SELECT * FROM flights_typed
    WHERE dep IS NOT NULL AND arr IS NOT NULL AND air IS NOT NULL
)
SELECT
    date_part('epoch', CAST(f.time_hour AS TIMESTAMP)) + 60 * CAST(f.minute AS BIGINT) AS scheduled_s,
    f.carrier, l.name AS airline, CAST(f.flight AS BIGINT) AS flight,
    f.origin, o.name AS origin_name,
    f.dest, d.name AS dest_name, nullif(d.tzone, 'NA') AS dest_zone,
    f.dep AS dep_delay, f.arr AS arr_delay, f.air AS air_time, f.miles AS distance,
    nullif(f.tailnum, 'NA') AS tailnum, p.manufacturer, p.model,
    CAST(p.seats AS BIGINT) AS seats,
    CAST(f.year AS BIGINT) - CAST(nullif(p.year, 'NA') AS BIGINT) AS plane_age,
    CASE WHEN f.arr >= 120 THEN 'severe' WHEN f.arr >= 30 THEN 'late'
         WHEN f.arr >= 0 THEN 'on_time' ELSE 'early' END AS delay_class,
    CASE WHEN f.arr < 30 THEN NULL
         WHEN 2 * f.dep >= f.arr THEN 'departure'
         WHEN 2 * (f.air - 18.5 - 0.126 * f.miles) >= f.arr - f.dep THEN 'air'
         ELSE 'ground' END AS likely_cause
FROM arrived f
LEFT JOIN airlines l ON l.carrier = f.carrier
LEFT JOIN airports o ON o.faa = f.origin
LEFT JOIN airports d ON d.faa = f.dest
LEFT JOIN planes p ON p.tailnum = f.tailnum";

/// Counts and sums that no wrong join, class or cause leaves as they are.
const TOTALS: &str = "
SELECT carrier, airline, origin, origin_name, delay_class, likely_cause,
    count(*) AS flights, count(DISTINCT flight) AS numbers, sum(scheduled_s) AS scheduled,
    sum(dep_delay) AS dep, sum(arr_delay) AS arr, sum(air_time) AS air, sum(distance) AS miles,
    count(DISTINCT dest) AS dests, count(dest_name) AS dests_known, count(dest_zone) AS zones,
    count(DISTINCT tailnum) AS planes, count(manufacturer) AS planes_known,
    count(DISTINCT model) AS models, sum(seats) AS seats, sum(plane_age) AS years
FROM judged WHERE likely_cause IS NOT NULL OR NOT late_only
GROUP BY carrier, airline, origin, origin_name, delay_class, likely_cause
ORDER BY carrier, origin, delay_class, likely_cause";

/// The windows of the pipeline, said in batch over `judged`, and the directory of each.
const WINDOWS: [(&str, &str); 3] = [
    (
        "airline_hours",
        "SELECT airline, s - s % 3600 AS hour, count(*) AS flights,
            count(*) FILTER (WHERE arr_delay >= 30) AS late, avg(arr_delay) AS mean_delay,
            max(arr_delay) AS worst_delay
        FROM (SELECT *, CAST(scheduled_s AS BIGINT) AS s FROM judged) GROUP BY airline, s - s % 3600",
    ),
    (
        "airport_hours",
        "SELECT origin, s - s % 3600 AS hour, count(*) AS flights,
            count(*) FILTER (WHERE arr_delay >= 30) AS late, avg(arr_delay) AS mean_delay,
            count(DISTINCT carrier) AS airlines
        FROM (SELECT *, CAST(scheduled_s AS BIGINT) AS s FROM judged) GROUP BY origin, s - s % 3600",
    ),
    // A flight that is scheduled eight hours or more after the one before begins a day.
    (
        "plane_days",
        "SELECT tailnum, min(s) AS first_departure, count(*) AS flights, sum(distance) AS miles,
            sum(air_time) AS minutes, max(arr_delay) AS worst_delay,
            string_agg(concat(origin, '-', dest), ' ' ORDER BY s, flight) AS way
        FROM (SELECT *, sum(new) OVER (PARTITION BY tailnum ORDER BY s) AS day
            FROM (SELECT *, CASE WHEN s - lag(s) OVER (PARTITION BY tailnum ORDER BY s) >= 28800
                    THEN 1 ELSE 0 END AS new
                FROM (SELECT *, CAST(scheduled_s AS BIGINT) AS s FROM judged
                    WHERE tailnum IS NOT NULL)))
        GROUP BY tailnum, day",
    ),
];

/// The flights that the plugin refuses, by the first column that it misses.
const REFUSED: &str = "
SELECT CASE WHEN dep_delay = 'NA' THEN 'dep_delay'
            WHEN arr_delay = 'NA' THEN 'arr_delay' ELSE 'air_time' END AS missing,
    carrier, count(*) AS letters, sum(CAST(distance AS BIGINT)) AS miles
FROM flights WHERE dep_delay = 'NA' OR arr_delay = 'NA' OR air_time = 'NA'
GROUP BY missing, carrier ORDER BY missing, carrier";

/// A stream must say of real data what a batch engine says of it, row errors and lookups included.
#[test]
fn totals_agree_with_the_same_query_in_batch() {
    let example = repository().join("examples/flights");
    fetch(&example);
    let place = tempfile::tempdir().unwrap();
    let ran = run_in(place.path(), &example);

    let batch = SessionContext::new();
    for (table, path) in [
        ("flights", "flights"),
        ("airlines", "airlines.csv"),
        ("airports", "airports.csv"),
        ("planes", "planes.csv"),
    ] {
        register_text(&batch, table, &example.join("data").join(path));
    }
    query(&batch, JUDGED);

    let all = parquet_rows(&ran.join("out/flights"));
    let late = ndjson_rows(&ran.join("out/delayed"), all[0].schema());
    let arrived: usize = all.iter().map(RecordBatch::num_rows).sum();
    let refused = dead_letters(&ran.join(".millrace/flights/dead-letters"));
    let letters: i64 = refused.values().map(|(letters, _)| letters).sum();
    assert_eq!(arrived as i64 + letters, FLIGHTS);
    assert_eq!(refused, batch_refused(&batch));
    assert_same(&totals(&engine_of(all), false), &totals(&batch, false));
    assert_same(&totals(&engine_of(late), true), &totals(&batch, true));
    for (name, sql) in WINDOWS {
        assert_same(&windows(&ran.join("out").join(name)), &batch_windows(&batch, sql));
    }
}

/// The rows of a directory of CSV files, with times in seconds, in order.
fn windows(directory: &Path) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for path in files(directory) {
        let text = fs::read_to_string(path).unwrap();
        rows.extend(text.lines().skip(1).map(|line| {
            let values = line.split(',').map(|value| match string_to_timestamp_nanos(value) {
                Ok(nanos) => (nanos / 1_000_000_000).to_string(),
                Err(_) => value.to_owned(),
            });
            values.collect::<Vec<_>>().join(",")
        }));
    }
    rows.sort();
    rows
}

/// The rows of a query as CSV, in order.
fn batch_windows(batch: &SessionContext, sql: &str) -> Vec<String> {
    let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(Vec::new());
    query(batch, sql).iter().for_each(|rows| writer.write(rows).unwrap());
    let text = String::from_utf8(writer.into_inner()).unwrap();
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The data is not in the repository; the example's own script gets it.
fn fetch(example: &Path) {
    let fetched = Command::new(example.join("fetch")).output().unwrap();
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "examples/flights/fetch failed: {said}");
}

/// Runs the example's own pipeline file in a copy of the repository's layout: the data and the
/// plugins are links, so that output and checkpoint end with the copy. Returns the copy's directory.
fn run_in(place: &Path, example: &Path) -> PathBuf {
    let copy = place.join("examples/flights");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(example.join("pipeline.toml"), copy.join("pipeline.toml")).unwrap();
    symlink(example.join("data"), copy.join("data")).unwrap();
    symlink(repository().join("plugins"), place.join("plugins")).unwrap();
    let pipeline = pipeline::check(&copy.join("pipeline.toml")).unwrap_or_else(|e| match e {
        CheckFailure::Unreadable(error) => panic!("{error}"),
        CheckFailure::Mistakes(found) => panic!("{}", found.render(false)),
    });
    let (_keep, stop) = bounded(1);
    let options = JobOptions::new(stop);
    job::run(&pipeline.plan, &pipeline.plugins, &options, &mut NoRestart).unwrap();
    copy
}

/// A run on local files has nothing to wait for.
struct NoRestart;

impl Observer for NoRestart {
    fn progress(&mut self, _: &Progress) {}

    fn restart(&mut self, error: &Error, _: Duration) {
        panic!("the job started again: {error}");
    }
}

/// A CSV file, or a directory of them, with every column as text.
fn register_text(engine: &SessionContext, table: &str, path: &Path) {
    let first = if path.is_dir() { files(path).remove(0) } else { path.to_owned() };
    let text = fs::read_to_string(first).unwrap();
    let names = text.lines().next().unwrap().split(',');
    let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Schema::new(fields);
    let options = CsvReadOptions::new().has_header(true).schema(&schema);
    wait(engine.register_csv(table, path.to_str().unwrap(), options)).unwrap();
}

/// An engine that knows these rows of the pipeline as `judged`.
fn engine_of(rows: Vec<RecordBatch>) -> SessionContext {
    let engine = SessionContext::new();
    let schema = rows[0].schema();
    let table = datafusion::datasource::MemTable::try_new(schema, vec![rows]).unwrap();
    engine.register_table("rows", Arc::new(table)).unwrap();
    query(
        &engine,
        "CREATE VIEW judged AS SELECT *, date_part('epoch', scheduled) AS scheduled_s FROM rows",
    );
    engine
}

fn totals(engine: &SessionContext, late_only: bool) -> Vec<String> {
    let rows = query(engine, &TOTALS.replace("late_only", &late_only.to_string()));
    pretty_format_batches(&rows).unwrap().to_string().lines().map(str::to_owned).collect()
}

fn assert_same(pipeline: &[String], batch: &[String]) {
    assert!(batch.len() > 100, "the batch query must see the data: {batch:?}");
    for (pipeline, batch) in pipeline.iter().zip(batch) {
        assert_eq!(pipeline, batch, "the pipeline's totals (left) differ from the batch's");
    }
    assert_eq!(pipeline.len(), batch.len());
}

/// Number and miles of refused flights, by missing column and carrier.
type Refused = BTreeMap<(String, String), (i64, i64)>;

fn dead_letters(directory: &Path) -> Refused {
    let mut refused = Refused::new();
    for path in files(directory) {
        for line in fs::read_to_string(path).unwrap().lines() {
            let letter: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (letter["step"].as_str(), letter["code"].as_str()),
                (Some("judged"), Some("missing"))
            );
            let payload: Value = serde_json::from_str(letter["payload"].as_str().unwrap()).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let key = (text(&letter["column"]), text(&payload["carrier"]));
            let (letters, miles) = refused.entry(key).or_default();
            *letters += 1;
            *miles += payload["distance"].as_i64().unwrap();
        }
    }
    refused
}

fn batch_refused(batch: &SessionContext) -> Refused {
    let mut refused = Refused::new();
    for rows in query(batch, REFUSED) {
        let text = |column: usize, row: usize| {
            let column = arrow::compute::cast(rows.column(column), &DataType::Utf8).unwrap();
            column.as_string::<i32>().value(row).to_owned()
        };
        let number =
            |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row);
        for row in 0..rows.num_rows() {
            refused.insert((text(0, row), text(1, row)), (number(2, row), number(3, row)));
        }
    }
    refused
}

fn parquet_rows(directory: &Path) -> Vec<RecordBatch> {
    let read = |path: PathBuf| {
        let file = File::open(path).unwrap();
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap()
    };
    files(directory).into_iter().flat_map(read).map(Result::unwrap).collect()
}

/// JSON leaves out what is null, so that the columns must be given.
fn ndjson_rows(directory: &Path, schema: SchemaRef) -> Vec<RecordBatch> {
    let read = |path: PathBuf| {
        let file = BufReader::new(File::open(path).unwrap());
        arrow::json::ReaderBuilder::new(schema.clone()).build(file).unwrap()
    };
    files(directory).into_iter().flat_map(read).map(Result::unwrap).collect()
}

/// The published files of a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|p| p.is_file() && !p.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    files.sort();
    files
}

fn query(engine: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    wait(async { engine.sql(sql).await.unwrap().collect().await.unwrap() })
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
