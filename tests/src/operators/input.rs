//! Made-up rows with some disorder, the clock of their partitions, and a schedule of batches,
//! watermarks, epochs and crashes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, SchemaRef};
use millrace::batch::{Batch, Origin, Partition};
use millrace::time::Watermark;
use rand::RngExt;
use rand::rngs::StdRng;

use super::flow::Flow;

pub const SECOND: i64 = 1_000_000;
/// 2024-01-01, in microseconds.
pub const START: i64 = 1_704_067_200 * SECOND;

/// A row of the input.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub k: Option<i64>,
    pub v: Option<String>,
    pub x: i64,
    pub amount: Option<f64>,
    pub flag: bool,
    pub ts: i64,
    /// The watermark of its partition just before it.
    pub watermark: i64,
}

/// Rows by partition, each with its clock.
#[derive(Debug, Clone)]
pub struct Input {
    pub partitions: Vec<Vec<Row>>,
}

/// How rows are made up.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub rows: usize,
    pub partitions: usize,
    pub keys: i64,
    /// Microseconds between two rows of a partition.
    pub step: i64,
    /// How far a row may be behind.
    pub disorder: i64,
    /// How much disorder the watermark expects.
    pub delay: i64,
}

impl Input {
    pub fn random(shape: Shape, random: &mut StdRng) -> Self {
        let mut id = 0;
        let mut partition = || {
            let mut row = |at: usize| {
                id += 1;
                let ts = START + at as i64 * shape.step - random.random_range(0..=shape.disorder);
                Row {
                    id,
                    k: random.random_bool(0.9).then(|| random.random_range(0..shape.keys)),
                    v: random.random_bool(0.9).then(|| format!("v{}", random.random_range(0..8))),
                    x: random.random_range(-5..50),
                    amount: random
                        .random_bool(0.9)
                        .then(|| f64::from(random.random_range(0..4000)) / 8.0),
                    flag: random.random_bool(0.5),
                    ts,
                    watermark: i64::MIN,
                }
            };
            (0..shape.rows).map(&mut row).collect::<Vec<_>>()
        };
        let mut input = Self { partitions: (0..shape.partitions).map(|_| partition()).collect() };
        input.set_clocks(shape.delay);
        input
    }

    /// The clocks of the partitions, after rows were changed.
    pub fn set_clocks(&mut self, delay: i64) {
        for partition in &mut self.partitions {
            let mut seen = i64::MIN;
            for row in partition {
                row.watermark = Watermark::behind(seen, delay).0;
                seen = seen.max(row.ts);
            }
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.partitions.iter().flatten()
    }
}

/// How an input is given to a flow.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub batch_rows: usize,
    /// Of a commit after a batch.
    pub commits: f64,
    /// Of a crash after a batch.
    pub crashes: f64,
    pub tasks_max: usize,
}

/// Gives all rows to `source`, then ends the input. Returns how often the flow crashed.
pub fn run(
    flow: &mut Flow,
    source: &str,
    schema: &SchemaRef,
    input: &Input,
    schedule: Schedule,
    random: &mut StdRng,
) -> usize {
    let partitions: Vec<Arc<Partition>> = (0..input.partitions.len())
        .map(|at| Arc::new(Partition { source: source.to_owned(), name: at.to_string() }))
        .collect();
    let mut at = vec![0; input.partitions.len()];
    let mut committed = at.clone();
    let mut crashes = 0;
    loop {
        let open = (0..at.len()).filter(|p| at[*p] < input.partitions[*p].len());
        let open: Vec<usize> = open.collect();
        if open.is_empty() {
            break;
        }
        let p = open[random.random_range(0..open.len())];
        let rows = random.random_range(1..=schedule.batch_rows);
        let end = input.partitions[p].len().min(at[p] + rows);
        let rows = &input.partitions[p][at[p]..end];
        flow.rows(source, batch(schema, rows, partitions[p].clone(), at[p]));
        at[p] = end;
        if random.random_bool(0.3) {
            flow.watermark(low(input, &at));
        }
        if random.random_bool(schedule.commits) {
            flow.commit();
            committed.clone_from(&at);
        }
        if random.random_bool(schedule.crashes) {
            flow.start(random.random_range(1..=schedule.tasks_max));
            at.clone_from(&committed);
            crashes += 1;
        }
    }
    flow.watermark(Watermark::END);
    flow.commit();
    crashes
}

/// The lowest watermark of the partitions that have rows left.
fn low(input: &Input, at: &[usize]) -> Watermark {
    let next = input.partitions.iter().zip(at).filter_map(|(rows, at)| rows.get(*at));
    Watermark(next.map(|row| row.watermark).min().unwrap_or(i64::MIN))
}

/// Rows as a source gives them.
fn batch(schema: &SchemaRef, rows: &[Row], partition: Arc<Partition>, first: usize) -> Batch {
    let record = record(schema, rows.iter());
    let is_behind = |row: &Row| row.ts < row.watermark;
    let watermarks = rows.iter().any(is_behind);
    let watermarks = watermarks.then(|| rows.iter().map(|row| row.watermark).collect());
    let origin = Origin::consecutive(partition, first as u64).with_watermarks(watermarks);
    Batch::new(record, origin)
}

/// Rows as columns.
pub fn record<'a>(schema: &SchemaRef, rows: impl Iterator<Item = &'a Row> + Clone) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "id" => Arc::new(rows.clone().map(|row| row.id).collect::<Int64Array>()),
            "k" => Arc::new(rows.clone().map(|row| row.k).collect::<Int64Array>()),
            "v" => Arc::new(rows.clone().map(|row| row.v.clone()).collect::<StringArray>()),
            "x" => Arc::new(rows.clone().map(|row| row.x).collect::<Int64Array>()),
            "amount" => Arc::new(rows.clone().map(|row| row.amount).collect::<Float64Array>()),
            "flag" => Arc::new(rows.clone().map(|row| Some(row.flag)).collect::<BooleanArray>()),
            "ts" => {
                let times = rows.clone().map(|row| row.ts);
                let times = TimestampMicrosecondArray::from_iter_values(times);
                let DataType::Timestamp(_, zone) = field.data_type() else { panic!() };
                Arc::new(times.with_timezone_opt(zone.clone()))
            }
            other => panic!("no column {other}"),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}
