//! What a pipeline will do: the checked plan, and the facts that it is made from.

pub mod columns;
mod deployment;
mod facts;
mod grant;
mod kafka;
mod keyed;
mod keyed_plugin;
mod retry;
mod shape;
pub mod times;

pub use deployment::{Candidate, Deployment, Program, Replan, Said};
pub(crate) use facts::schema_of;
pub use facts::{
    Described, DescribedKeyed, DescribedPort, Facts, PlannedFunction, PluginCatalog, PluginRefusal,
    PluginRequest, ProbeError, ProbeKey, Probed, SqlFunction,
};
pub use grant::{Grant, Grants};
pub use kafka::{KafkaSinkPlan, RecordColumns, RecordValue, RecordsPlan};
pub use keyed::{
    AggregatePlan, DedupBound, DedupPlan, LettersPlan, OutputColumn, WindowKind, WindowPlan,
    WindowSpec,
};
pub use keyed_plugin::{KeyedPlan, Order};
pub use retry::{QUEUED, QueuePlan, RetryPlan, WAITING, WAITING_KEY};
pub use shape::{Layout, RETRY_QUEUE, Shape, Shapes};
pub use times::{TimeColumn, Times};

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;

use crate::config::{
    ConsoleConfig, CsvConfig, FileSinkConfig, Format, LimitsConfig, OnFailure, SourceConfig,
    TableConfig, Trigger,
};
use crate::metrics::PluginMetrics;

/// A checked pipeline.
#[derive(Debug)]
pub struct Plan {
    pub name: String,
    /// Relative paths start here.
    pub directory: PathBuf,
    /// Upper bound of lanes per source.
    pub parallelism: usize,
    pub batch_rows: usize,
    pub trigger: Trigger,
    /// Bytes for the state of all steps.
    pub state_memory: u64,
    pub checkpoint: CheckpointPlan,
    pub restart: RestartPlan,
    pub api: ApiPlan,
    pub tables: Vec<TablePlan>,
    /// The plugins that SQL calls.
    pub functions: Vec<FunctionPlan>,
    /// In an order in which every node comes after its inputs.
    pub nodes: Vec<Node>,
    /// What can be read under which name, by step and port.
    pub endpoints: BTreeMap<(String, String), Vec<Input>>,
}

impl Plan {
    /// The digest of each plugin step's component, and of each function's.
    pub fn digests(&self) -> impl Iterator<Item = (&str, &str)> {
        let steps = self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Plugin(plugin) => Some((node.name.as_str(), plugin.digest.as_str())),
            NodeKind::Keyed(plan) => Some((node.name.as_str(), plan.plugin.digest.as_str())),
            _ => None,
        });
        steps.chain(self.functions.iter().map(|f| (f.name.as_str(), f.digest.as_str())))
    }

    /// The names of the sources whose positions the checkpoint keeps.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Source(source) => Some(source.name.as_str()),
            _ => None,
        })
    }
}

impl Plan {
    /// Writes all output, and the checkpoint, below `into` instead, so that the input can be read
    /// once more beside what was made of it before.
    pub fn redirect(&mut self, into: &std::path::Path) {
        let checkpoint = into.join(".millrace").join(&self.name);
        self.checkpoint.directory = checkpoint;
        let dead_letters = self.checkpoint.dead_letters();
        for node in &mut self.nodes {
            let NodeKind::Sink(SinkPlan::File(sink)) = &mut node.kind else { continue };
            sink.directory = match sink.directory.strip_prefix(&self.directory) {
                _ if sink.dead_letters => dead_letters.clone(),
                Ok(below) => into.join(below),
                Err(_) => into.join(&node.name),
            };
        }
    }

    /// The sinks that write somewhere else than to the machine's files.
    pub fn beyond_files(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Sink(SinkPlan::Kafka(_)) => Some(node.name.trim_start_matches("sink.")),
            _ => None,
        })
    }

    /// Leaves out rows whose event time is before `since`, in microseconds. Whether there is any
    /// event time by which to tell.
    pub fn leave_out_before(&mut self, since: i64) -> bool {
        let times = self.nodes.iter_mut().filter_map(|node| node.event_time.as_mut());
        times.map(|event_time| event_time.since = Some(since)).count() > 0
    }
}

/// A plugin that SQL calls.
#[derive(Debug, Clone)]
pub struct FunctionPlan {
    /// `function.NAME`.
    pub name: String,
    /// Of its component.
    pub digest: String,
    pub metrics: Arc<PluginMetrics>,
}

#[derive(Debug, Clone)]
pub struct CheckpointPlan {
    pub directory: PathBuf,
    pub interval: Duration,
    /// So many epochs back can be returned to.
    pub keep: usize,
}

impl CheckpointPlan {
    /// Where errors go that nobody reads.
    pub fn dead_letters(&self) -> PathBuf {
        self.directory.join("dead-letters")
    }
}

/// Where the running pipeline can be asked.
#[derive(Debug, Clone)]
pub struct ApiPlan {
    pub enabled: bool,
    pub listen: SocketAddr,
    /// A file with the token that a request must have.
    pub token_file: Option<PathBuf>,
}

impl ApiPlan {
    /// An address with a port, or a port of this machine alone.
    ///
    /// # Errors
    /// If it is neither.
    pub fn address(text: &str) -> Result<SocketAddr, String> {
        if let Ok(port) = text.parse() {
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address = local.as_deref().unwrap_or(text).parse();
        address.map_err(|_| {
            format!(
                "`{text}` is no address to listen on: write a port, or an IP address with a port \
                 such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080"
            )
        })
    }
}

#[derive(Debug, Clone)]
pub struct RestartPlan {
    pub attempts: Option<u32>,
    pub delay_max: Duration,
}

/// One node of the dataflow.
#[derive(Debug)]
pub struct Node {
    /// The step's name; what a step was split into has `#` and a part's name after it.
    pub name: String,
    pub kind: NodeKind,
    pub inputs: Vec<Input>,
    pub ports: Vec<Port>,
    /// Set where event time is declared: this node's rows move the watermark on.
    pub event_time: Option<EventTime>,
}

/// How a node's rows move the watermark on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTime {
    /// The name of the source or step that declares it.
    pub step: String,
    /// For each port of the node the index of its column of event time, if it has one.
    pub columns: Vec<Option<usize>>,
    /// Microseconds of disorder that are expected within a partition.
    pub delay: i64,
    /// A partition that has been polled empty for so long no longer holds the watermark back.
    pub idle: Duration,
    /// Rows that were before are left out, where a part of the input is read once more.
    pub since: Option<i64>,
}

/// The source, step or sink that the node of this name is part of.
pub fn step_of(node: &str) -> &str {
    node.split('#').next().unwrap_or(node)
}

/// Sources of dead letters are called so in the checkpoint, with the step's name behind it.
pub const REPLAY_PREFIX: &str = "dead_letters:";

/// Rows that can be read: of one port, or of the same port of a step's parts.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub inputs: Vec<Input>,
    pub schema: SchemaRef,
    pub times: Times,
}

/// An edge: which port of which node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Input {
    pub node: usize,
    pub port: usize,
}

#[derive(Debug, Clone)]
pub struct Port {
    pub name: String,
    pub schema: SchemaRef,
    pub times: Times,
}

impl Port {
    /// A port whose rows have no event time.
    pub fn timeless(name: &str, schema: SchemaRef) -> Self {
        Self { name: name.to_owned(), schema, times: Times::new() }
    }
}

/// What a node does.
#[derive(Debug)]
pub enum NodeKind {
    Source(SourceNode),
    Decode(DecodePlan),
    Plugin(Box<PluginPlan>),
    Project(ProjectPlan),
    Lookup(LookupPlan),
    Window(Box<WindowPlan>),
    Dedup(DedupPlan),
    Keyed(Box<KeyedPlan>),
    Queue(Box<QueuePlan>),
    Letters(LettersPlan),
    Records(Box<RecordsPlan>),
    Sink(SinkPlan),
}

impl NodeKind {
    /// What it is, in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Decode(_) => "decode",
            Self::Plugin(_) => "plugin",
            Self::Project(_) => "sql",
            Self::Lookup(_) => "lookup",
            Self::Window(_) => "aggregate",
            Self::Dedup(_) => "deduplicate",
            Self::Keyed(_) => "keyed",
            Self::Records(_) => "records",
            Self::Queue(_) => "queue",
            Self::Letters(_) => "letters",
            Self::Sink(_) => "sink",
        }
    }

    /// The expressions over its input by which a step with state is partitioned: all rows of a
    /// key meet in one task. `None`: the node runs wherever its rows are.
    pub fn keys(&self) -> Option<&[Arc<dyn PhysicalExpr>]> {
        match self {
            Self::Window(plan) => Some(&plan.keys),
            Self::Dedup(plan) => Some(&plan.keys),
            Self::Keyed(plan) => Some(&plan.keys),
            Self::Queue(plan) => Some(&plan.keys),
            Self::Source(_)
            | Self::Decode(_)
            | Self::Plugin(_)
            | Self::Project(_)
            | Self::Lookup(_)
            | Self::Letters(_)
            | Self::Records(_)
            | Self::Sink(_) => None,
        }
    }

    /// The plugin that runs at the node.
    pub fn plugin(&self) -> Option<&PluginPlan> {
        match self {
            Self::Plugin(plan) => Some(plan),
            Self::Keyed(plan) => Some(&plan.plugin),
            Self::Queue(plan) => Some(&plan.plugin),
            Self::Source(_)
            | Self::Decode(_)
            | Self::Project(_)
            | Self::Lookup(_)
            | Self::Window(_)
            | Self::Dedup(_)
            | Self::Letters(_)
            | Self::Records(_)
            | Self::Sink(_) => None,
        }
    }
}

#[derive(Debug)]
pub struct SourceNode {
    /// The name under which the checkpoint keeps positions.
    pub name: String,
    pub plan: SourcePlan,
    /// The columns of its rows once they are decoded.
    pub columns: SchemaRef,
}

#[derive(Debug)]
pub enum SourcePlan {
    Config(SourceConfig),
    /// Dead letters of a step, to be tried again.
    Replay(ReplayPlan),
}

#[derive(Debug)]
pub struct ReplayPlan {
    /// The step that gets the rows.
    pub step: String,
    pub files: Vec<PathBuf>,
}

/// Raw records to columns. The input's first column is the record; what stands beside it goes on as
/// it is, after the columns of the record.
#[derive(Debug, Clone)]
pub struct DecodePlan {
    /// `Ndjson` or `Csv`.
    pub format: Format,
    pub csv: CsvConfig,
    /// The types in which values stand in the record.
    pub read_as: SchemaRef,
    pub schema: SchemaRef,
}

/// A step that runs a component.
#[derive(Debug, Clone)]
pub struct PluginPlan {
    pub step: String,
    pub plugin: String,
    pub digest: String,
    pub config: String,
    pub limits: LimitsConfig,
    pub grants: Grants,
    /// The seed, if clock and random numbers are to depend on the input alone.
    pub deterministic: Option<u64>,
    pub on_failure: OnFailure,
    pub input: SchemaRef,
    /// The input's column of event time, if it has one.
    pub event_time: Option<usize>,
    /// Indices of the input columns that cross, in the plugin's order.
    pub reads: Vec<usize>,
    pub ports: Vec<PluginPort>,
    /// Index of the port `errors`.
    pub errors: usize,
    pub retry: Option<RetryPlan>,
}

impl PluginPlan {
    /// Whether both run the same component with the same config.
    pub fn is_same_version(&self, other: &Self) -> bool {
        self.digest == other.digest && self.config == other.config
    }
}

/// How the rows of a plugin's port are put together.
#[derive(Debug, Clone)]
pub struct PluginPort {
    pub name: String,
    /// The columns that the plugin returns.
    pub adds: arrow::datatypes::Fields,
    pub schema: SchemaRef,
    pub columns: Vec<PortColumn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortColumn {
    /// Carried over: index of the input's column.
    Input(usize),
    /// Written by the plugin: index into `adds`.
    Added(usize),
}

/// Columns picked, then rows filtered, then expressions evaluated.
#[derive(Debug, Clone)]
pub struct ProjectPlan {
    /// Indices of the input's columns; `None`: all.
    pub columns: Option<Vec<usize>>,
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// `None`: the columns as they are.
    pub exprs: Option<Vec<Arc<dyn PhysicalExpr>>>,
    pub schema: SchemaRef,
}

/// Rows enriched with what a table holds for their key.
#[derive(Debug, Clone)]
pub struct LookupPlan {
    pub table: usize,
    /// What is done to the table's rows before they are looked up.
    pub view: Vec<ProjectPlan>,
    /// Keys over the stream's and over the view's columns.
    pub stream_keys: Vec<Arc<dyn PhysicalExpr>>,
    pub table_keys: Vec<Arc<dyn PhysicalExpr>>,
    pub kind: LookupKind,
    /// Over the columns of both sides, in the order of `schema`.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the table's columns stand before the stream's.
    pub table_first: bool,
    /// Of both sides together.
    pub both: SchemaRef,
    pub schema: SchemaRef,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupKind {
    /// Rows with a match, once for each.
    Inner,
    /// All rows; nulls where there is no match.
    Left,
    /// Rows with a match, once; the stream's columns only.
    Semi,
    /// Rows without a match; the stream's columns only.
    Anti,
}

#[derive(Debug, Clone)]
pub struct TablePlan {
    pub name: String,
    pub config: TableConfig,
    pub path: PathBuf,
    pub format: Format,
    pub read_as: SchemaRef,
    pub schema: SchemaRef,
}

#[derive(Debug, Clone)]
pub enum SinkPlan {
    File(FileSinkPlan),
    Kafka(Box<KafkaSinkPlan>),
    Console(ConsoleConfig),
    Null,
}

#[derive(Debug, Clone)]
pub struct FileSinkPlan {
    pub directory: PathBuf,
    pub format: Format,
    pub size_max: u64,
    pub every: Option<Duration>,
    /// Indices of the columns that become directories.
    pub partition_by: Vec<usize>,
    /// Rows here are dead letters that nobody reads.
    pub dead_letters: bool,
}

/// The default of `roll.size`.
pub const ROLL_SIZE: u64 = 128 << 20;

impl FileSinkPlan {
    pub fn new(config: &FileSinkConfig, directory: PathBuf, partition_by: Vec<usize>) -> Self {
        Self {
            directory,
            format: config.format,
            size_max: config.roll.size.map_or(ROLL_SIZE, |size| size.0),
            every: config.roll.every.map(|every| every.0),
            partition_by,
            dead_letters: false,
        }
    }
}
