//! `[source.NAME]`: where rows come from, and how bytes become rows.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::kafka::KafkaSourceConfig;
use super::reading::{EpochLimit, SchemaConfig};
use super::stateful::EventTimeConfig;
use super::values::{OneOrMany, Text, Timespan};

/// The partitions of a generator: as many lanes can read it at most.
pub const GENERATOR_PARTITIONS: usize = 64;

/// Where rows come from.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
pub enum SourceConfig {
    File(FileSourceConfig),
    Generator(GeneratorConfig),
    Stdin(StdinConfig),
    Socket(SocketConfig),
    Kafka(Box<KafkaSourceConfig>),
}

impl SourceConfig {
    pub fn event_time(&self) -> Option<&EventTimeConfig> {
        match self {
            Self::File(c) => c.event_time.as_deref(),
            Self::Generator(c) => c.event_time.as_deref(),
            Self::Stdin(c) => c.event_time.as_deref(),
            Self::Socket(c) => c.event_time.as_deref(),
            Self::Kafka(c) => c.event_time.as_deref(),
        }
    }
}

/// How bytes become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One row per line, as bytes in the column `value`; a plugin parses it.
    Raw,
    /// One JSON object per line.
    Ndjson,
    Csv,
    Parquet,
}

/// How CSV is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvConfig {
    /// Whether the first line of each file names the columns. Default: true.
    #[serde(default = "yes")]
    pub header: bool,
    /// Default: `,`.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Texts that mean null, beside the empty one.
    #[serde(default)]
    pub nulls: Vec<String>,
}

fn yes() -> bool {
    true
}

fn comma() -> char {
    ','
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self { header: true, delimiter: ',', nulls: Vec::new() }
    }
}

/// Files, each read once from start to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSourceConfig {
    /// A path or glob, or a list of them. Names that begin with `.` or `_` are left alone.
    pub path: OneOrMany,
    pub format: Format,
    /// The columns; without it they are inferred from the first rows of the first file.
    pub schema: Option<SchemaConfig>,
    #[serde(default)]
    pub csv: CsvConfig,
    /// Look for new files this often, for ever. Without it the source ends after the last file.
    pub follow: Option<Timespan>,
    #[serde(default)]
    pub limit_per_epoch: EpochLimit,
    pub event_time: Option<Box<EventTimeConfig>>,
    /// The files follow one another in event time, in the order of their names. Without it a file
    /// that is known and not yet begun may hold rows of any time, so that nothing is complete
    /// before it is read.
    #[serde(default)]
    pub in_order: bool,
}

/// Lines of standard input. They can't be read again: rows that no checkpoint has are lost by a
/// crash.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StdinConfig {
    pub format: Format,
    pub schema: Option<SchemaConfig>,
    #[serde(default)]
    pub csv: CsvConfig,
    pub event_time: Option<Box<EventTimeConfig>>,
}

/// Lines from TCP connections. They can't be read again: rows that no checkpoint has are lost by a
/// crash.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketConfig {
    /// `host:port` to connect to. The source ends when the other side closes.
    pub connect: Option<Text>,
    /// `host:port` to listen on, for any number of connections at a time.
    pub listen: Option<Text>,
    pub format: Format,
    pub schema: Option<SchemaConfig>,
    #[serde(default)]
    pub csv: CsvConfig,
    pub event_time: Option<Box<EventTimeConfig>>,
}

/// Made-up rows, the same for the same seed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// How many rows. Default: endless.
    pub rows: Option<u64>,
    /// Rows per second, over all lanes. Default: as fast as they are taken.
    pub rate: Option<f64>,
    /// Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// `columns` gives typed columns, `raw` one JSON object per row in the column `value`.
    #[serde(default)]
    pub format: GeneratorFormat,
    /// With `raw`: the share of rows, from 0 to 1, that are damaged on purpose.
    #[serde(default)]
    pub malformed: f64,
    /// The columns, in order.
    pub fields: IndexMap<String, FieldConfig>,
    pub event_time: Option<Box<EventTimeConfig>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorFormat {
    #[default]
    Columns,
    Raw,
}

/// How one column is made up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldConfig {
    /// The row's number with this text before it: `{ sequence = "t" }`.
    Sequence(String),
    /// One of these values: `{ choice = ["DE", "US"] }`.
    Choice(Vec<String>),
    /// One of so many ids: `{ id = { prefix = "u", count = 1000 } }`.
    Id(IdField),
    /// A whole number from `min` to `max`, both included: `{ int = { min = 1, max = 6 } }`.
    Int(IntField),
    /// A number of a log-normal distribution, rounded to cents:
    /// `{ lognormal = { mean = 3.0, deviation = 1.4 } }`.
    Lognormal(LognormalField),
    /// A time that moves on with each row: `{ timestamp = { start = "2024-01-01T00:00:00Z",
    /// step = "2ms", jitter = "500ms" } }`. As JSON it is milliseconds since 1970.
    Timestamp(TimestampField),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdField {
    #[serde(default)]
    pub prefix: String,
    pub count: u64,
    /// Share of rows, from 0 to 1, that go to a few popular ids. Default: 0.
    #[serde(default)]
    pub skew: f64,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntField {
    pub min: i64,
    pub max: i64,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LognormalField {
    pub mean: f64,
    pub deviation: f64,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampField {
    pub start: Text,
    pub step: Timespan,
    /// Up to so much earlier, at random.
    #[serde(default)]
    pub jitter: Timespan,
}
