//! What a Kafka sink does, once it is checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;

use crate::config::{Delivery, Properties, Text};

/// Rows to records: the columns of [`RecordColumns`].
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
    /// A record with more bytes is refused.
    pub bytes_max: usize,
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

/// Which columns a batch of records has, in this order; `value` is always there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordColumns {
    pub topic: Option<usize>,
    pub partition: Option<usize>,
    pub key: Option<usize>,
    pub timestamp: Option<usize>,
    pub value: usize,
    /// The headers' names, and the column of the first; the others follow it.
    pub headers: Vec<String>,
    pub first_header: usize,
}

impl RecordsPlan {
    /// The schema of records that have these parts.
    pub fn schema(columns: &RecordColumns) -> SchemaRef {
        let mut fields = Vec::new();
        let parts = [
            ("topic", DataType::Utf8, columns.topic),
            ("partition", DataType::Int32, columns.partition),
            ("key", DataType::Binary, columns.key),
            ("timestamp", DataType::Int64, columns.timestamp),
            ("value", DataType::Binary, Some(columns.value)),
        ];
        for (name, data_type, _) in parts.into_iter().filter(|(_, _, at)| at.is_some()) {
            fields.push(Field::new(name, data_type, true));
        }
        let header = |name: &String| Field::new(format!("header.{name}"), DataType::Binary, true);
        fields.extend(columns.headers.iter().map(header));
        Arc::new(Schema::new(fields))
    }
}

impl RecordColumns {
    pub fn new(
        topic: bool,
        partition: bool,
        key: bool,
        timestamp: bool,
        headers: Vec<String>,
    ) -> Self {
        let mut next = 0;
        let mut column = |wanted: bool| {
            next += usize::from(wanted);
            wanted.then(|| next - 1)
        };
        let (topic, partition) = (column(topic), column(partition));
        let (key, timestamp) = (column(key), column(timestamp));
        let value = next;
        Self { topic, partition, key, timestamp, value, headers, first_header: value + 1 }
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
    pub columns: RecordColumns,
    /// Where output waits for its epoch to be published.
    pub staging: PathBuf,
}
