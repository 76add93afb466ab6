//! The pipeline file as typed values. What the keys mean stands here, and in the JSON schema that
//! `millrace schema` prints from these types.

mod kafka;
mod limits;
mod parse;
mod plugins;
mod reading;
mod source;
mod stateful;
mod types;
mod values;

pub use kafka::{
    Delivery, Elsewhere, KafkaFormat, KafkaSinkConfig, KafkaSourceConfig, KafkaStart, Metadata,
    MetadataConfig, OnDataLoss, Properties, Property, Tombstones,
};
pub use limits::{DeterministicConfig, LimitsConfig, PipelineLimitsConfig};
pub use parse::parse;
pub use plugins::PluginsConfig;
pub use reading::{EpochLimit, SchemaConfig};
pub use source::{
    CsvConfig, FieldConfig, FileSourceConfig, Format, GENERATOR_PARTITIONS, GeneratorConfig,
    GeneratorFormat, IdField, IntField, LognormalField, SocketConfig, SourceConfig, StdinConfig,
    TimestampField,
};
pub use stateful::{DeduplicateConfig, EventTimeConfig, OutputMode, StateConfig, Trigger};
pub use types::{ColumnType, column_type, type_name};
pub use values::{ByteSize, OneOrMany, OpaqueTable, Placed, Text, Timespan};

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::Place;

/// Most lanes per source.
const PARALLELISM_MAX: usize = 256;
/// Most rows in a batch: the plugin contract's own bound.
pub const BATCH_ROWS_MAX: usize = 65_536;

/// Most times that a row comes to a step again.
const ATTEMPTS_MAX: usize = 1000;
/// Most rows that may wait to come again: their times are in memory.
const WAITING_MAX: usize = 10_000_000;

/// Most epochs that a checkpoint keeps.
const KEEP_MAX: usize = 1000;

/// A pipeline: sources, tables, steps and sinks, each named by its table's key.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory of the pipeline file: relative paths start here.
    pub directory: PathBuf,
    pub settings: Settings,
    pub sources: Vec<Named<SourceConfig>>,
    pub tables: Vec<Named<TableConfig>>,
    pub functions: Vec<Named<FunctionConfig>>,
    pub steps: Vec<Named<StepConfig>>,
    pub sinks: Vec<Named<SinkConfig>>,
}

/// An entry with its name and the place of its header.
#[derive(Debug, Clone)]
pub struct Named<T> {
    pub name: String,
    pub place: Place,
    pub config: T,
}

/// What concerns the pipeline as a whole.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The pipeline's name: its checkpoint belongs to it.
    pub name: Text,
    /// How many lanes read and transform side by side. Default: the machine's cores.
    #[serde(default, deserialize_with = "values::some_up_to::<PARALLELISM_MAX, _>")]
    #[schemars(range(min = 1, max = 256))]
    pub parallelism: Option<usize>,
    /// Most rows in a batch. Default: 8192.
    #[serde(
        default = "default_batch_rows",
        deserialize_with = "values::up_to::<BATCH_ROWS_MAX, _>"
    )]
    #[schemars(range(min = 1, max = 65536))]
    pub batch_rows: usize,
    /// Directories in which `plugin = "NAME"` looks for `NAME.wasm`, before those of the
    /// environment variable MILLRACE_PLUGIN_PATH and the store. Default: `plugins`.
    #[serde(default = "default_plugin_path")]
    pub plugin_path: Vec<PathBuf>,
    #[serde(default)]
    pub plugins: PluginsConfig,
    /// When the pipeline reads. Default: `continuous`.
    #[serde(default)]
    pub trigger: Trigger,
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
    #[serde(default)]
    pub state: StateConfig,
    #[serde(default)]
    pub restart: RestartConfig,
    #[serde(default)]
    pub api: ApiConfig,
    /// Bounds on all plugins together.
    #[serde(default)]
    pub limits: PipelineLimitsConfig,
    /// Gives all plugins a clock and random numbers that depend on their input alone. Default: the
    /// machine's.
    pub deterministic: Option<DeterministicConfig>,
}

fn default_batch_rows() -> usize {
    8192
}

fn default_plugin_path() -> Vec<PathBuf> {
    vec![PathBuf::from("plugins")]
}

/// When and where progress becomes durable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Time between two epochs: output becomes visible this often. Default: 1s.
    #[serde(default = "default_interval", deserialize_with = "values::above_zero")]
    pub interval: Timespan,
    /// Directory of the checkpoint. Default: `.millrace/NAME` beside the pipeline file.
    pub path: Option<PathBuf>,
    /// So many epochs back can be returned to. Default: 10.
    #[serde(default = "default_keep", deserialize_with = "values::up_to::<KEEP_MAX, _>")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep: usize,
}

fn default_keep() -> usize {
    10
}

fn default_interval() -> Timespan {
    Timespan(Duration::from_secs(1))
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { interval: default_interval(), path: None, keep: default_keep() }
    }
}

/// What happens when something outside is unavailable: a full disk, a server that is gone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartConfig {
    /// How often to start again from the last checkpoint before giving up. Default: for ever.
    pub attempts: Option<u32>,
    /// Longest wait between two attempts; the first wait is 0.5s and doubles. Default: 30s.
    #[serde(default = "default_delay_max")]
    pub delay_max: Timespan,
}

fn default_delay_max() -> Timespan {
    Timespan(Duration::from_secs(30))
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self { attempts: None, delay_max: default_delay_max() }
    }
}

/// Where the running pipeline can be asked and told what to do, over HTTP.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Default: true. `millrace run --no-api` does without as well.
    pub enabled: Option<bool>,
    /// `ADDRESS:PORT`, or a port of this machine alone. Port 0 is any that is free. Where other
    /// machines can reach it, a token is required. Default: 127.0.0.1:0.
    pub listen: Option<Text>,
    /// A file with the token that every request must have. The environment variable
    /// MILLRACE_API_TOKEN has one too, and counts before the file. Default: none.
    pub token_file: Option<PathBuf>,
}

/// Reference data for lookups, kept in memory.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// One file.
    pub path: Text,
    /// Default: by the file's extension.
    pub format: Option<Format>,
    /// The columns; without it they are inferred.
    pub schema: Option<SchemaConfig>,
    #[serde(default)]
    pub csv: CsvConfig,
    /// Look this often whether the file has changed. Default: never.
    #[serde(default, deserialize_with = "values::some_above_zero")]
    pub refresh: Option<Timespan>,
}

/// A plugin that SQL calls by the entry's name: a scalar or an aggregate function.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionConfig {
    /// A component: its name in `plugin_path` or the store, `NAME@1.2` (the highest 1.2.x in the
    /// store), `sha256:DIGEST`, or a path that ends in `.wasm`.
    pub plugin: Text,
    /// Passed to the plugin as it is.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub config: OpaqueTable,
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What the plugin may use of the host: `log`, `metrics`, `clock`, `random`.
    #[serde(default)]
    pub grant: Vec<Text>,
}

/// What happens to rows on their way.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum StepConfig {
    Sql(Box<SqlConfig>),
    Plugin(Box<PluginConfig>),
    Deduplicate(Box<DeduplicateConfig>),
}

/// Relational logic. The names in `FROM` are sources, steps, ports (`step.port`) and tables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    pub sql: Text,
    pub event_time: Option<EventTimeConfig>,
    /// Which rows of an aggregate are sent on. Default: `append`.
    #[serde(default)]
    pub output_mode: Placed<OutputMode>,
    /// Windows stay open for so long after the watermark has passed their end. Default: 0s.
    pub allowed_lateness: Option<Placed<Timespan>>,
    /// The groups of an aggregate without a window are forgotten when no row of theirs came for so
    /// long in event time. Default: never.
    #[serde(default, deserialize_with = "values::some_placed_above_zero")]
    pub state_ttl: Option<Placed<Timespan>>,
}

/// The user's own logic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// The input: a source, a step or `step.port`, or a list of them.
    pub from: OneOrMany,
    /// A component: its name in `plugin_path` or the store, `NAME@1.2` (the highest 1.2.x in the
    /// store), `sha256:DIGEST`, or a path that ends in `.wasm`.
    pub plugin: Text,
    /// For a keyed plugin: the columns of the key. All rows of a key come to it with what it
    /// remembers of the key.
    pub key: Option<OneOrMany>,
    /// For a keyed plugin: in which order the rows of a key come. Default: `event_time` where the
    /// input has it, else `arrival`.
    pub order: Option<Placed<RowOrder>>,
    /// For a keyed plugin: what it remembers of a key is forgotten when for so long no row of the
    /// key came and no timer was waiting, in event time, or with the order `arrival` by the clock.
    /// Default: never.
    #[serde(default, deserialize_with = "values::some_placed_above_zero")]
    pub state_ttl: Option<Placed<Timespan>>,
    /// Passed to the plugin as it is.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub config: OpaqueTable,
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What the plugin may use of the host: `log`, `metrics`.
    #[serde(default)]
    pub grant: Vec<Text>,
    /// What happens when the plugin fails on everything. Default: `stop`.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// For a plugin without a key: rows that fail for a reason outside of themselves wait and come
    /// again. They also leave on the port `fallback`, at once.
    pub retry: Option<Placed<RetryConfig>>,
    /// Gives the plugin a clock and random numbers that depend on its input alone. Default: as the
    /// pipeline has it.
    pub deterministic: Option<DeterministicConfig>,
    pub event_time: Option<EventTimeConfig>,
}

/// Which rows come to a step again, when, and how often.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// The codes of row errors that pass by themselves: the plugin's own, and those of calls that
    /// fail (`deadline`, `memory`, `trap`, `output`, `state`, `failed`).
    pub codes: OneOrMany,
    /// A row comes again so long after it failed. Default: 30s.
    #[serde(default = "default_after", deserialize_with = "values::above_zero")]
    pub after: Timespan,
    /// A row that has come again so often and fails is a dead letter. Default: 5.
    #[serde(default = "default_attempts", deserialize_with = "values::up_to::<ATTEMPTS_MAX, _>")]
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: usize,
    /// So many rows wait at most; what fails beyond is a dead letter. Default: 1000000.
    #[serde(default = "default_max_rows", deserialize_with = "values::up_to::<WAITING_MAX, _>")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_rows: usize,
}

fn default_after() -> Timespan {
    Timespan(Duration::from_secs(30))
}

fn default_attempts() -> usize {
    5
}

fn default_max_rows() -> usize {
    1_000_000
}

/// In which order the rows of a key come to a keyed plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// In that of their event time: a row is held back until nothing earlier can come, and what
    /// comes too late leaves on the port `late`.
    EventTime,
    /// As they arrive: at once, and in an order that is not the same from run to run.
    Arrival,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// End the pipeline with an error; nothing is lost.
    #[default]
    Stop,
    /// Go on; every row that fails becomes a dead letter.
    DeadLetter,
}

/// Where rows go.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
pub enum SinkConfig {
    File(FileSinkConfig),
    Kafka(Box<KafkaSinkConfig>),
    Console(ConsoleConfig),
    Null(NullConfig),
}

impl SinkConfig {
    pub fn from(&self) -> &OneOrMany {
        match self {
            Self::File(c) => &c.from,
            Self::Kafka(c) => &c.from,
            Self::Console(c) => &c.from,
            Self::Null(c) => &c.from,
        }
    }
}

/// Files in a directory, each complete from the moment it is seen; exactly once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSinkConfig {
    pub from: OneOrMany,
    /// The directory; made if it is missing.
    pub path: PathBuf,
    /// `ndjson`, `csv` or `parquet`. Default: `ndjson`.
    #[serde(default = "default_sink_format")]
    pub format: Format,
    #[serde(default)]
    pub roll: RollConfig,
    /// Columns whose values become directories, `column=value`.
    #[serde(default)]
    pub partition_by: Vec<Text>,
}

fn default_sink_format() -> Format {
    Format::Ndjson
}

/// When a file ends and the next one begins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollConfig {
    /// After the batch with which it reaches this size. Default: 128 MiB.
    pub size: Option<ByteSize>,
    /// Collect the output of epochs for so long before publishing it. Default: every epoch.
    pub every: Option<Timespan>,
}

/// Rows as text on standard output, as soon as they come: after a crash some come twice.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    pub from: OneOrMany,
    /// Print so many rows, then only count. Default: all.
    pub limit: Option<u64>,
}

/// Counts rows and forgets them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NullConfig {
    pub from: OneOrMany,
}

/// The shape of the whole file, for its JSON schema.
#[derive(JsonSchema)]
#[schemars(title = "Millrace pipeline")]
#[allow(dead_code)]
struct PipelineFile {
    #[schemars(flatten)]
    settings: Settings,
    #[serde(default)]
    source: IndexMap<String, SourceConfig>,
    #[serde(default)]
    table: IndexMap<String, TableConfig>,
    #[serde(default)]
    function: IndexMap<String, FunctionConfig>,
    #[serde(default)]
    step: IndexMap<String, StepConfig>,
    #[serde(default)]
    sink: IndexMap<String, SinkConfig>,
}

/// The JSON schema of pipeline files, for editors.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(PipelineFile)
}
