//! Kafka sinks: rows to records, by expressions over the row, and records to topics.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};

use super::build::{Builder, checkpoint_directory};
use super::names::{ERRORS, MAIN};
use crate::config::{
    Delivery, KafkaFormat, KafkaSinkConfig, Named, Placed, Property, SinkConfig, Text,
};
use crate::dead_letter;
use crate::diagnostic::Diagnostic;
use crate::plan::{Input, KafkaSinkPlan, Node, NodeKind, Port, RecordValue, RecordsPlan, SinkPlan};
use crate::sql;

type Expr = Arc<dyn PhysicalExpr>;

/// librdkafka's own bound of a record.
const RECORD_BYTES_MAX: usize = 1_000_000;
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// What brokers allow if nothing else is said (`transaction.max.timeout.ms`).
const TRANSACTION_TIMEOUT_MAX: Duration = Duration::from_secs(900);
/// Headers of a dead letter: its columns, but for what is the record itself.
const LETTER_HEADERS: &[&str] = &[
    "step",
    "code",
    "column",
    "message",
    "backtrace",
    "plugin",
    "digest",
    "source",
    "partition",
    "row",
];

impl Builder<'_> {
    /// Two nodes: one makes records, and refuses rows that make none; the other sends them.
    pub(super) fn kafka(
        &mut self,
        entry: &Named<SinkConfig>,
        config: &KafkaSinkConfig,
        inputs: Vec<Input>,
        schema: &SchemaRef,
    ) {
        let mistakes = self.found.errors();
        self.check_kafka(entry, config);
        let Some(records) = self.records(entry, config, schema) else { return };
        if self.found.errors() > mistakes {
            return;
        }
        self.warn_of_long_epochs(entry, config);
        let plan = KafkaSinkPlan {
            brokers: config.brokers.to_vec(),
            properties: config.properties.clone(),
            directory: self.config.directory.clone(),
            topic: config.topic.to_string(),
            delivery: config.delivery,
            transactional_id: self.transactional_id(entry, config),
            transaction_timeout: self.transaction_timeout(),
            staging: checkpoint_directory(self.config).join("staged"),
        };
        let name = format!("sink.{}", entry.name);
        let ports = vec![
            Port::timeless(MAIN, records.schema.clone()),
            Port::timeless(ERRORS, dead_letter::SCHEMA.clone()),
        ];
        let node = self.node(Node {
            name: format!("{name}#records"),
            kind: NodeKind::Records(Box::new(records)),
            inputs,
            ports,
            event_time: None,
        });
        self.refused.push(Input { node, port: 1 });
        let kind = NodeKind::Sink(SinkPlan::Kafka(Box::new(plan)));
        let inputs = vec![Input { node, port: 0 }];
        self.node(Node { name, kind, inputs, ports: Vec::new(), event_time: None });
    }

    /// A transaction is open for an epoch and the time that it takes to publish it.
    fn transaction_timeout(&self) -> Duration {
        let epochs = self.config.settings.checkpoint.interval.0.saturating_mul(3);
        epochs.clamp(TRANSACTION_TIMEOUT, TRANSACTION_TIMEOUT_MAX)
    }

    fn warn_of_long_epochs(&mut self, entry: &Named<SinkConfig>, config: &KafkaSinkConfig) {
        let epoch = self.config.settings.checkpoint.interval.0;
        let given = config.properties.contains_key("transaction.timeout.ms");
        if config.delivery == Delivery::ExactlyOnce && epoch >= TRANSACTION_TIMEOUT_MAX && !given {
            let message = format!(
                "sink `{}` has a transaction open for an epoch, and brokers end it after 15 minutes",
                entry.name
            );
            let help = "the rows are sent again then; set a shorter checkpoint.interval, or the \
                        property `transaction.timeout.ms` if the broker allows more";
            self.found.push(Diagnostic::warning(entry.place.clone(), message).help(help));
        }
    }

    fn check_kafka(&mut self, entry: &Named<SinkConfig>, config: &KafkaSinkConfig) {
        if let Some(Err(wrong)) = self.facts.sinks.get(&entry.name).cloned() {
            let place = match &wrong.key {
                crate::plan::ProbeKey::Property(key) => {
                    config.properties.get(key).map(Placed::place)
                }
                crate::plan::ProbeKey::At(place) => Some(place.clone()),
                _ => None,
            };
            self.error(place.unwrap_or(entry.place.clone()), wrong.message, wrong.help);
        }
        let id = |entry: &Named<SinkConfig>| match &entry.config {
            SinkConfig::Kafka(config) if config.delivery == Delivery::ExactlyOnce => {
                Some(self.transactional_id(entry, config))
            }
            _ => None,
        };
        let mine = id(entry);
        let mut before = self.config.sinks.iter().take_while(|other| other.name != entry.name);
        let twin = before.find(|other| mine.is_some() && id(other) == mine);
        if let Some(twin) = twin {
            let message = format!("sink `{}` has the same `transactional_id`", twin.name);
            let place = config.transactional_id.as_ref().map_or(entry.place.clone(), Text::place);
            self.error(place, message, "give each sink one of its own");
        }
    }

    fn transactional_id(&self, entry: &Named<SinkConfig>, config: &KafkaSinkConfig) -> String {
        let default = || format!("millrace-{}-{}", &*self.config.settings.name, entry.name);
        config.transactional_id.as_ref().map_or_else(default, |id| id.to_string())
    }

    fn records(
        &mut self,
        entry: &Named<SinkConfig>,
        config: &KafkaSinkConfig,
        schema: &SchemaRef,
    ) -> Option<RecordsPlan> {
        let is_letters = *schema == *dead_letter::SCHEMA;
        let text = |this: &mut Self, expr: &Option<Text>, target: DataType| match expr {
            None => Some(None),
            Some(expr) => this.expression(expr, schema, &target).map(Some),
        };
        let topic = text(self, &config.topic_by, DataType::Utf8);
        let partition = text(self, &config.partition, DataType::Int32);
        let key = text(self, &config.key, DataType::Binary);
        let timestamp = text(self, &config.timestamp, DataType::Int64);
        let value = match &config.value {
            Some(expr) => self.expression(expr, schema, &DataType::Binary).map(RecordValue::Expr),
            None if is_letters => Some(RecordValue::Payload),
            None => self.whole_row(entry, config, schema),
        };
        let mut headers: Vec<(String, Expr)> = Vec::new();
        let mut whole = true;
        for (name, expr) in &config.headers {
            match self.expression(expr, schema, &DataType::Binary) {
                Some(expr) => headers.push((name.clone(), expr)),
                None => whole = false,
            }
        }
        if is_letters {
            let given: BTreeSet<&String> = config.headers.keys().collect();
            for name in LETTER_HEADERS {
                let header = format!("millrace.{name}");
                let Ok(at) = schema.index_of(name) else { continue };
                if !given.contains(&header) {
                    let column: Expr = Arc::new(Column::new(name, at));
                    headers.push((header, bytes(column, schema.field(at).data_type())?));
                }
            }
        }
        let (topic, partition, key) = (topic?, partition?, key?);
        let (timestamp, value) = (timestamp?, value?);
        if !whole {
            return None;
        }
        let bytes_max = match config.properties.get("message.max.bytes").map(|given| &**given) {
            Some(Property::Int(bytes)) => usize::try_from(*bytes).unwrap_or(RECORD_BYTES_MAX),
            Some(Property::Text(text)) => text.parse().unwrap_or(RECORD_BYTES_MAX),
            _ => RECORD_BYTES_MAX,
        };
        let mut records = RecordsPlan {
            value,
            topic,
            partition,
            key,
            timestamp,
            headers,
            default_topic: config.topic.to_string(),
            bytes_max,
            schema: schema.clone(),
        };
        records.schema = records.record_schema();
        Some(records)
    }

    fn whole_row(
        &mut self,
        entry: &Named<SinkConfig>,
        config: &KafkaSinkConfig,
        schema: &SchemaRef,
    ) -> Option<RecordValue> {
        if config.format == KafkaFormat::Json {
            return Some(RecordValue::Json);
        }
        if let [only] = schema.fields().as_ref() {
            let column: Expr = Arc::new(Column::new(only.name(), 0));
            if let Some(column) = bytes(column, only.data_type()) {
                return Some(RecordValue::Expr(column));
            }
        }
        let message = format!("sink `{}` writes `raw`, but gets columns", entry.name);
        let help = "say which column is the value: value = \"COLUMN\"; or write `json`";
        self.error(entry.place.clone(), message, help);
        None
    }

    /// An expression of the pipeline file over rows of `schema`, as a column of type `target`.
    fn expression(&mut self, text: &Text, schema: &SchemaRef, target: &DataType) -> Option<Expr> {
        let (expr, given) = match sql::expression(text, schema, &self.functions) {
            Ok(found) => found,
            Err(error) => {
                let help = error.help.unwrap_or_else(|| {
                    let names = schema.fields().iter().map(|field| field.name().as_str());
                    format!("the row's columns: `{}`", names.collect::<Vec<_>>().join("`, `"))
                });
                self.error(text.place(), error.message, help);
                return None;
            }
        };
        let cast = |expr, to: &DataType| Arc::new(CastExpr::new(expr, to.clone(), None)) as Expr;
        let made = match (target, &given) {
            (DataType::Binary, _) => bytes(expr, &given),
            (DataType::Int64, DataType::Timestamp(_, zone)) => {
                let millis = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
                Some(cast(cast(expr, &millis), target))
            }
            (_, given) if given.is_nested() => None,
            (_, given) if given == target => Some(expr),
            (_, DataType::Utf8) if *target != DataType::Utf8 => None,
            _ => Some(cast(expr, target)),
        };
        if made.is_none() {
            let wanted = match target {
                DataType::Int32 => "a whole number",
                DataType::Int64 => "a time, or milliseconds since 1970",
                _ => "text or bytes",
            };
            let message = format!("this gives {given}, and {wanted} is wanted here");
            self.error(text.place(), message, "cast it, or name another column");
        }
        made
    }
}

/// A column as bytes: those of a text, or of a value as text. `None` for nested values.
fn bytes(expr: Expr, given: &DataType) -> Option<Expr> {
    let cast = |expr, to| Arc::new(CastExpr::new(expr, to, None)) as Expr;
    match given {
        DataType::Binary => Some(expr),
        DataType::Utf8 | DataType::LargeBinary | DataType::BinaryView => {
            Some(cast(expr, DataType::Binary))
        }
        nested if nested.is_nested() => None,
        _ => Some(cast(cast(expr, DataType::Utf8), DataType::Binary)),
    }
}
