//! What a Kafka sink does, once it is checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;

use crate::config::{Delivery, Properties, Text};

/// Rows to records.
#[derive(Debug, Clone)]
pub struct RecordsPlan {
    pub value: RecordValue,
    pub topic: Option<Arc<dyn PhysicalExpr>>,
    pub partition: Option<Arc<dyn PhysicalExpr>>,
    pub key: Option<Arc<dyn PhysicalExpr>>,
    /// Milliseconds since 1970.
    pub timestamp: Option<Arc<dyn PhysicalExpr>>,
    /// By name, in the order of the columns.
    pub headers: Vec<(String, Arc<dyn PhysicalExpr>)>,
    /// Of records without a topic of their own.
    pub default_topic: String,
    /// A record with more bytes is refused.
    pub bytes_max: usize,
    /// Of the records; see [`RecordColumns`].
    pub schema: SchemaRef,
}

/// What a record's value is made of.
#[derive(Debug, Clone)]
pub enum RecordValue {
    /// All columns, as a JSON object.
    Json,
    /// Bytes.
    Expr(Arc<dyn PhysicalExpr>),
    /// The record as it was before it became a dead letter.
    Payload,
}

const HEADER_PREFIX: &str = "header.";

/// Where the parts of records are in a batch of them. Its schema says so: records that were kept
/// may be of another version of the pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordColumns<'a> {
    pub topic: Option<usize>,
    pub partition: Option<usize>,
    pub key: Option<usize>,
    pub timestamp: Option<usize>,
    pub value: usize,
    /// By name.
    pub headers: Vec<(&'a str, usize)>,
}

impl RecordsPlan {
    /// The schema of the records; `value` is always there, and the headers come last.
    pub fn record_schema(&self) -> SchemaRef {
        let parts = [
            ("topic", DataType::Utf8, self.topic.is_some()),
            ("partition", DataType::Int32, self.partition.is_some()),
            ("key", DataType::Binary, self.key.is_some()),
            ("timestamp", DataType::Int64, self.timestamp.is_some()),
            ("value", DataType::Binary, true),
        ];
        let parts = parts.into_iter().filter(|(_, _, there)| *there);
        let mut fields: Vec<Field> =
            parts.map(|(name, data_type, _)| Field::new(name, data_type, true)).collect();
        let names = self.headers.iter().map(|(name, _)| format!("{HEADER_PREFIX}{name}"));
        fields.extend(names.map(|name| Field::new(name, DataType::Binary, true)));
        Arc::new(Schema::new(fields))
    }
}

impl<'a> RecordColumns<'a> {
    /// `None` if the schema is not one of records.
    pub fn of(schema: &'a Schema) -> Option<Self> {
        let find = |name: &str| schema.index_of(name).ok();
        let headers = schema.fields().iter().enumerate().filter_map(|(at, field)| {
            field.name().strip_prefix(HEADER_PREFIX).map(|name| (name, at))
        });
        Some(Self {
            topic: find("topic"),
            partition: find("partition"),
            key: find("key"),
            timestamp: find("timestamp"),
            value: find("value")?,
            headers: headers.collect(),
        })
    }
}

/// Records into topics.
#[derive(Debug, Clone)]
pub struct KafkaSinkPlan {
    pub brokers: Vec<Text>,
    pub properties: Properties,
    /// Files that properties name are looked for here.
    pub directory: PathBuf,
    /// Of records without a topic of their own, and of the sink's last epoch.
    pub topic: String,
    pub delivery: Delivery,
    /// Of the sink's transactions, and of the group that holds its last epoch.
    pub transactional_id: String,
    /// The broker ends a transaction that takes longer.
    pub transaction_timeout: Duration,
    /// Where output waits for its epoch to be published.
    pub staging: PathBuf,
}
