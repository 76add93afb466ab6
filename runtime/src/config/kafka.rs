//! `type = "kafka"`: topics as sources and sinks.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reading::{EpochLimit, SchemaConfig};
use super::stateful::EventTimeConfig;
use super::values::{self, OneOrMany, Placed, Text, Timespan};

/// Properties of the client, librdkafka: every one that it knows, by its name.
pub type Properties = IndexMap<String, Placed<Property>>;

/// A value, or where to find it: what is secret does not belong into the file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a property is a text, a number, true or false, `{ env = \"VARIABLE\" }` or \
                 `{ file = \"PATH\" }`"
)]
pub enum Property {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Elsewhere(Elsewhere),
}

/// Where a property's value is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// An environment variable.
    Env(String),
    /// A file; a line end at its end does not count.
    File(PathBuf),
}

/// Records of Kafka topics.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaSourceConfig {
    /// `host:port` of one or more brokers, by which the others are found.
    pub brokers: OneOrMany,
    /// The topics, by name.
    pub topics: Option<OneOrMany>,
    /// All topics whose whole name fits this regular expression, those included that are made
    /// later.
    pub topic_pattern: Option<Text>,
    /// The consumer group that is told how far this source has read, for the usual tools to see.
    /// The checkpoint decides where it goes on. Default: `millrace-PIPELINE-SOURCE`.
    pub group: Option<Text>,
    /// Where a partition begins of which the checkpoint knows nothing. Default: `earliest`.
    /// Partitions that are found later begin at their first record.
    #[serde(default)]
    pub start: KafkaStart,
    pub format: KafkaFormat,
    /// With `json`: the columns.
    pub schema: Option<SchemaConfig>,
    /// What else of a record becomes a column.
    #[serde(default)]
    pub metadata: MetadataConfig,
    /// What becomes of records whose value is null. Default: `dead_letter`.
    #[serde(default)]
    pub tombstones: Tombstones,
    #[serde(default)]
    pub limit_per_epoch: EpochLimit,
    /// Look this often for new topics and partitions. Default: 10s.
    #[serde(default = "default_discover", deserialize_with = "values::above_zero")]
    pub discover: Timespan,
    /// What happens when records are gone that were not read: deleted before their time, with
    /// their topic, or by making a topic anew. Default: `stop`.
    #[serde(default)]
    pub on_data_loss: OnDataLoss,
    #[serde(default)]
    pub properties: Properties,
    pub event_time: Option<Box<EventTimeConfig>>,
}

fn default_discover() -> Timespan {
    Timespan(Duration::from_secs(10))
}

/// How a record's value becomes columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KafkaFormat {
    /// Bytes in the column `value`; a plugin parses them.
    Raw,
    /// One JSON object per record.
    Json,
}

/// Where a partition begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KafkaStart {
    /// At the first record that there is.
    #[default]
    Earliest,
    /// At what comes after the first start.
    Latest,
    /// At the first record with this time or a later one: `{ timestamp = "2026-01-01T00:00:00Z" }`.
    Timestamp(String),
    /// `{ offsets = { "TOPIC/0" = 5, "TOPIC/1" = 7 } }`; other partitions at their first record.
    Offsets(IndexMap<String, u64>),
}

/// `["key", "topic"]`, or with names of your own: `{ key = "user", topic = "kafka_topic" }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a list of, or a table from `key`, `headers`, `timestamp`, `topic`, `partition` \
                 and `offset` to the columns' names"
)]
pub enum MetadataConfig {
    Plain(Vec<Metadata>),
    Named(IndexMap<Metadata, String>),
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl MetadataConfig {
    /// What is wanted, with the columns' names.
    pub fn columns(&self) -> Vec<(Metadata, String)> {
        match self {
            Self::Plain(list) => list.iter().map(|m| (*m, m.name().to_owned())).collect(),
            Self::Named(table) => table.iter().map(|(m, name)| (*m, name.clone())).collect(),
        }
    }
}

/// What a record has beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// Bytes, or null.
    Key,
    /// A list of `{ key, value }`.
    Headers,
    /// The record's own or that of its append, in milliseconds.
    Timestamp,
    Topic,
    Partition,
    Offset,
}

impl Metadata {
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Headers => "headers",
            Self::Timestamp => "timestamp",
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Offset => "offset",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tombstones {
    #[default]
    DeadLetter,
    /// Count them, and go on.
    Skip,
    /// As rows: `value`, or with `json` all columns of it, are null.
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDataLoss {
    /// End the pipeline with an error that says what is gone.
    #[default]
    Stop,
    /// Say so, and go on at the first record that there is.
    Earliest,
    /// Say so, and go on at what comes next.
    Latest,
}

/// Records in Kafka topics.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaSinkConfig {
    pub from: OneOrMany,
    /// `host:port` of one or more brokers, by which the others are found.
    pub brokers: OneOrMany,
    /// The topic; it must be there.
    pub topic: Text,
    /// SQL over the row: the topic of each row; null means `topic`. These topics must be there.
    pub topic_by: Option<Text>,
    /// SQL over the row: the record's key. Default: none.
    pub key: Option<Text>,
    /// SQL over the row: the record's value; null makes a tombstone. Default: the row as JSON, or
    /// with `raw` its only column.
    pub value: Option<Text>,
    /// SQL over the row, by the header's name. A header that is null is left out.
    #[serde(default)]
    pub headers: IndexMap<String, Text>,
    /// SQL over the row: the partition's number. Default, and where it is null: by the key.
    pub partition: Option<Text>,
    /// SQL over the row: the record's time. Default: when it is sent.
    pub timestamp: Option<Text>,
    /// Default: `json`.
    #[serde(default = "default_sink_format")]
    pub format: KafkaFormat,
    /// Default: `exactly_once`.
    #[serde(default)]
    pub delivery: Delivery,
    /// The name by which the broker knows this sink's transactions, and the group that holds its
    /// last epoch. Two pipelines must not share it. Default: `millrace-PIPELINE-SINK`.
    pub transactional_id: Option<Text>,
    #[serde(default)]
    pub properties: Properties,
}

fn default_sink_format() -> KafkaFormat {
    KafkaFormat::Json
}

/// What a reader of the output sees after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Every row once. It is seen once its epoch is committed, by readers with
    /// `isolation.level=read_committed`.
    #[default]
    ExactlyOnce,
    /// Every row at once; after a crash some of them twice.
    AtLeastOnce,
}
