//! Made-up rows: row n is a function of the seed and n alone, so any part can be made again.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, BinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Activity, OpenContext, Poll, Position, Reading, Source, Until};
use crate::batch::RAW_SCHEMA;
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::config::{FieldConfig, GeneratorConfig, GeneratorFormat};
use crate::error::Result;
use crate::plan::{ProbeError, ProbeKey};

/// A limited rate is met in steps of about this length.
const RATE_STEP: Duration = Duration::from_millis(10);

/// Rows are dealt to the partitions in blocks of this size. Their number is fixed, so that a row
/// belongs to the same partition at any parallelism.
const BLOCK_ROWS: u64 = 4096;
const PARTITIONS: u64 = 16;

/// The columns that a generator with these fields gives.
pub fn schema(config: &GeneratorConfig) -> SchemaRef {
    match config.format {
        GeneratorFormat::Raw => RAW_SCHEMA.clone(),
        GeneratorFormat::Columns => {
            let field =
                |(name, field): (&String, &FieldConfig)| Field::new(name, data_type(field), false);
            Arc::new(Schema::new(config.fields.iter().map(field).collect::<Vec<_>>()))
        }
    }
}

/// Whether the fields can be made.
///
/// # Errors
/// Names the field that can't.
pub fn check(config: &GeneratorConfig) -> Result<(), ProbeError> {
    let wrong = |message: String, help: &str| Err(ProbeError::new(ProbeKey::Entry, message, help));
    if config.fields.is_empty() {
        return wrong("the generator has no fields".to_owned(), "add [source.NAME.fields]");
    }
    if config.rate.is_some_and(|rate| rate <= 0.0 || !rate.is_finite()) {
        return wrong("`rate` must be above 0".to_owned(), "remove it to go as fast as possible");
    }
    if !(0.0..=1.0).contains(&config.malformed) {
        let message = "`malformed` is a share of the rows: 0 to 1".to_owned();
        return wrong(message, "0.01 damages one row in a hundred");
    }
    if config.malformed != 0.0 && config.format == GeneratorFormat::Columns {
        let message = "only raw rows can be malformed".to_owned();
        return wrong(message, "set format = \"raw\", or remove `malformed`");
    }
    for (name, field) in &config.fields {
        let problem = match field {
            FieldConfig::Choice(values) if values.is_empty() => "has no choice",
            FieldConfig::Id(f) if f.count == 0 => "must have a `count` of at least 1",
            FieldConfig::Int(f) if f.min > f.max => "has a `min` above its `max`",
            FieldConfig::Timestamp(f) if start_micros(&f.start).is_none() => {
                "must start at a time such as \"2024-01-01T00:00:00Z\""
            }
            _ => continue,
        };
        return wrong(format!("field `{name}` {problem}"), "mend it in [source.NAME.fields]");
    }
    Ok(())
}

/// The start of a timestamp field in microseconds; `None` if it is no time.
pub fn start_micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn data_type(field: &FieldConfig) -> DataType {
    match field {
        FieldConfig::Sequence(_) | FieldConfig::Choice(_) | FieldConfig::Id(_) => DataType::Utf8,
        FieldConfig::Int(_) => DataType::Int64,
        FieldConfig::Lognormal(_) => DataType::Float64,
        FieldConfig::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// Opens the lanes, which share the partitions among them.
pub fn open(name: &str, config: &GeneratorConfig, context: &OpenContext) -> Vec<Box<dyn Source>> {
    let lanes = context.lanes.min(PARTITIONS as usize);
    let lane = |lane: usize| {
        let of_lane = (0..PARTITIONS).filter(|p| *p as usize % lanes == lane);
        let partitions = of_lane.map(|number| {
            let partition = number.to_string();
            let before = context.positions.get(&partition).map_or(0, |p| p.rows);
            let end = |until: &Until| until.positions.get(&partition).map_or(0, |p| p.rows);
            let end = context.until.map(end);
            let partition = Partition { source: name.to_owned(), name: partition };
            Part { number, partition: Arc::new(partition), rows: before, end, changed: false }
        });
        Box::new(Generator {
            config: config.clone(),
            schema: context.schema.clone(),
            partitions: partitions.collect(),
            last: None,
            batch_rows: context.batch_rows as u64,
            // What was made once may be made again at any speed.
            rate: config.rate.filter(|_| context.until.is_none()).map(|rate| rate / lanes as f64),
            started: None,
            given: 0,
            empty_since: None,
        }) as Box<dyn Source>
    };
    (0..lanes).map(lane).collect()
}

/// One partition: blocks `number`, `number + PARTITIONS`, ... of the sequence.
struct Part {
    number: u64,
    partition: Arc<Partition>,
    /// Rows of this partition that have been given.
    rows: u64,
    /// Where its reading ends, if it does before the sequence.
    end: Option<u64>,
    changed: bool,
}

impl Part {
    /// Rows before its end, if there is one.
    fn left(&self) -> u64 {
        self.end.map_or(u64::MAX, |end| end.saturating_sub(self.rows))
    }

    /// The number in the whole sequence of this partition's next row, and how many rows of its
    /// block follow.
    fn next(&self) -> (u64, u64) {
        let (block, within) = (self.rows / BLOCK_ROWS, self.rows % BLOCK_ROWS);
        let first = (block * PARTITIONS + self.number) * BLOCK_ROWS + within;
        (first, BLOCK_ROWS - within)
    }
}

struct Generator {
    config: GeneratorConfig,
    schema: SchemaRef,
    partitions: Vec<Part>,
    /// The one that gave the last batch.
    last: Option<usize>,
    batch_rows: u64,
    /// Rows per second of this lane.
    rate: Option<f64>,
    started: Option<Instant>,
    /// Rows given since `started`.
    given: u64,
    /// Since when the rate has allowed no row.
    empty_since: Option<Instant>,
}

impl Source for Generator {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        let allowed = match self.rate {
            None => self.batch_rows,
            Some(rate) => {
                let elapsed = self.started.get_or_insert_with(Instant::now).elapsed();
                let due = ((elapsed + RATE_STEP).as_secs_f64() * rate) as u64;
                if due <= self.given {
                    self.empty_since.get_or_insert_with(Instant::now);
                    std::thread::park_timeout(wait.min(RATE_STEP));
                    return Ok(Poll::Pending);
                }
                (due - self.given).min(self.batch_rows)
            }
        };
        let total = self.config.rows.unwrap_or(u64::MAX);
        // The partition that is furthest behind goes next, so that time moves on evenly.
        let is_over = self.partitions.iter().all(|part| part.next().0 >= total);
        if is_over {
            return Ok(Poll::Finished);
        }
        let parts = self.partitions.iter_mut().enumerate().filter(|(_, part)| part.left() > 0);
        let behind = parts.min_by_key(|(_, part)| part.next().0);
        let Some((at, part)) = behind else { return Ok(Poll::Reached) };
        let (first, in_block) = part.next();
        let count = in_block.min(total - first).min(allowed).min(part.left());
        let origin = Origin::consecutive(part.partition.clone(), part.rows);
        part.rows += count;
        part.changed = true;
        self.last = Some(at);
        self.empty_since = None;
        self.given += count;
        let rows = make(&self.config, &self.schema, first, count)?;
        Ok(Poll::Batch(Batch::new(rows, origin)))
    }

    fn activity(&self) -> Activity {
        // Blocks follow one another in time, so that only the last one given holds time back.
        let last = self.last.map(|at| Reading {
            partition: self.partitions[at].partition.clone(),
            empty_since: self.empty_since,
        });
        Activity { unread: last.is_none(), reading: last.into_iter().collect() }
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        let position = |part: &mut Part| {
            let position = Position { rows: part.rows, offset: 0, done: false, id: None };
            let changed = std::mem::take(&mut part.changed);
            changed.then(|| (part.partition.name.clone(), position))
        };
        self.partitions.iter_mut().filter_map(position).collect()
    }
}

fn make(
    config: &GeneratorConfig,
    schema: &SchemaRef,
    first: u64,
    count: u64,
) -> Result<arrow::array::RecordBatch> {
    let columns = match config.format {
        GeneratorFormat::Raw => vec![raw(config, first, count)],
        GeneratorFormat::Columns => config
            .fields
            .values()
            .enumerate()
            .map(|(at, field)| column(config.seed, at, field, first, count))
            .collect(),
    };
    record_batch(schema.clone(), columns, count as usize)
}

/// The randomness of one value.
fn random(seed: u64, field: usize, row: u64) -> Pcg64Mcg {
    let mixed = seed ^ (field as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Pcg64Mcg::seed_from_u64(mixed.wrapping_add(row.wrapping_mul(0xD129_0D1B_5B4C_2E85)))
}

fn column(seed: u64, at: usize, field: &FieldConfig, first: u64, count: u64) -> ArrayRef {
    let rows = first..first + count;
    match field {
        FieldConfig::Sequence(_) | FieldConfig::Choice(_) | FieldConfig::Id(_) => {
            let mut builder = StringBuilder::new();
            for row in rows {
                // Writing into a builder does not fail.
                let _ = write_text(&mut builder, field, &mut random(seed, at, row), row);
                builder.append_value("");
            }
            Arc::new(builder.finish())
        }
        FieldConfig::Int(f) => {
            let mut builder = Int64Builder::new();
            rows.for_each(|row| builder.append_value(int(f.min, f.max, seed, at, row)));
            Arc::new(builder.finish())
        }
        FieldConfig::Lognormal(f) => {
            let mut builder = Float64Builder::new();
            rows.for_each(|row| {
                builder.append_value(lognormal(f.mean, f.deviation, &mut random(seed, at, row)));
            });
            Arc::new(builder.finish())
        }
        FieldConfig::Timestamp(_) => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            rows.for_each(|row| {
                builder.append_value(time(field, &mut random(seed, at, row), row));
            });
            Arc::new(builder.finish())
        }
    }
}

fn raw(config: &GeneratorConfig, first: u64, count: u64) -> ArrayRef {
    let mut builder = BinaryBuilder::new();
    let mut line = String::new();
    for row in first..first + count {
        line.clear();
        // Writing into a string does not fail.
        let _ = write_json(&mut line, config, row);
        let mut damage = random(config.seed, config.fields.len(), row);
        if config.malformed > 0.0 && damage.random::<f64>() < config.malformed {
            break_json(&mut line, config, &mut damage);
        }
        builder.append_value(line.as_bytes());
    }
    Arc::new(builder.finish())
}

fn write_json(line: &mut String, config: &GeneratorConfig, row: u64) -> std::fmt::Result {
    for (at, (name, field)) in config.fields.iter().enumerate() {
        let start = if at == 0 { '{' } else { ',' };
        write!(line, "{start}{}:", json(name))?;
        let mut rng = random(config.seed, at, row);
        match field {
            FieldConfig::Int(f) => {
                write!(line, "{}", int(f.min, f.max, config.seed, at, row))?;
            }
            FieldConfig::Lognormal(f) => {
                write!(line, "{:.2}", lognormal(f.mean, f.deviation, &mut rng))?;
            }
            FieldConfig::Timestamp(_) => write!(line, "{}", time(field, &mut rng, row) / 1000)?,
            FieldConfig::Sequence(_) | FieldConfig::Choice(_) | FieldConfig::Id(_) => {
                let mut text = String::new();
                write_text(&mut text, field, &mut rng, row)?;
                line.push_str(&json(&text));
            }
        }
    }
    line.push('}');
    Ok(())
}

/// A text as JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Damages a row in one of the ways in which real input is damaged.
fn break_json(line: &mut String, config: &GeneratorConfig, rng: &mut Pcg64Mcg) {
    let names: Vec<&String> = config.fields.keys().collect();
    let name = names[rng.random_range(0..names.len())];
    let value = line.find(&format!("\"{name}\":")).map(|at| at + name.len() + 3);
    match (rng.random_range(0..4), value) {
        (0, _) => line.truncate(line.floor_char_boundary(line.len() / 2)),
        (1, Some(at)) => line.insert_str(at, "{},\"was\":"),
        (2, Some(at)) => line.insert(at - name.len() - 2, 'x'),
        _ => line.push_str("}}"),
    }
}

fn write_text(
    out: &mut impl std::fmt::Write,
    field: &FieldConfig,
    rng: &mut Pcg64Mcg,
    row: u64,
) -> std::fmt::Result {
    match field {
        FieldConfig::Sequence(prefix) => write!(out, "{prefix}{row}"),
        FieldConfig::Choice(values) => out.write_str(&values[rng.random_range(0..values.len())]),
        FieldConfig::Id(f) => {
            let popular = f.skew > 0.0 && rng.random::<f64>() < f.skew;
            let id = if popular {
                // A Pareto distribution: few ids get most rows.
                let u: f64 = 1.0 - rng.random::<f64>();
                u.powf(-1.0 / 1.1) as u64 % f.count
            } else {
                rng.random_range(0..f.count)
            };
            write!(out, "{}{id}", f.prefix)
        }
        FieldConfig::Int(_) | FieldConfig::Lognormal(_) | FieldConfig::Timestamp(_) => Ok(()),
    }
}

fn int(min: i64, max: i64, seed: u64, at: usize, row: u64) -> i64 {
    random(seed, at, row).random_range(min..=max)
}

fn lognormal(mean: f64, deviation: f64, rng: &mut impl Rng) -> f64 {
    // Box and Muller's transform of two uniform numbers into a normal one.
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    ((mean + deviation * normal).exp() * 100.0).round() / 100.0
}

fn time(field: &FieldConfig, rng: &mut Pcg64Mcg, row: u64) -> i64 {
    let FieldConfig::Timestamp(f) = field else { return 0 };
    let jitter = f.jitter.0.as_micros() as i64;
    let earlier = if jitter > 0 { rng.random_range(0..=jitter) } else { 0 };
    let start = start_micros(&f.start).unwrap_or_default();
    start + row as i64 * f.step.0.as_micros() as i64 - earlier
}
