//! What can be said of a Kafka source without a broker: its columns, and what is wrong in the
//! pipeline file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};

use super::rows::schema;
use super::start::{partition_of, timestamp_ms};
use super::subscription;
use crate::config::{Format, KafkaFormat, KafkaSourceConfig, KafkaStart, Text};
use crate::kafka::check_properties;
use crate::plan::{ProbeError, ProbeKey, Probed};
use crate::source::given::given;

/// The columns. Connects to nothing.
///
/// # Errors
/// The first mistake, and where it is.
pub fn probe(config: &KafkaSourceConfig, directory: &Path) -> Result<Probed, ProbeError> {
    check_topics(config)?;
    check_start(&config.start)?;
    if config.limit_per_epoch.files.is_some() {
        let message = "topics are no files: `limit_per_epoch` can't count any";
        return wrong(ProbeKey::Entry, message, "limit_per_epoch = { rows = 100000 }");
    }
    check_properties(&config.properties, directory)?;
    let records = schema(config);
    let beside = &records.fields()[1..];
    let probed = match (config.format, &config.schema) {
        (KafkaFormat::Raw, None) => Probed::plain(records.clone()),
        (KafkaFormat::Raw, Some(_)) => {
            let message =
                "a raw source has one column for the record, `value`, and takes no schema";
            let help = "remove `schema`, or set format = \"json\" to have the records parsed";
            return wrong(ProbeKey::Entry, message, help);
        }
        (KafkaFormat::Json, None) => {
            let message = "the columns of JSON in a topic are not known";
            return wrong(ProbeKey::Entry, message, "give them: schema = { NAME = \"TYPE\" }");
        }
        (KafkaFormat::Json, Some(columns)) => {
            let decoded = given(columns, Format::Ndjson)?;
            let fields = decoded.schema.fields().iter().chain(beside).cloned();
            let schema = Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>()));
            Probed { schema, records, ..decoded }
        }
    };
    check_names(config, &probed)?;
    Ok(probed)
}

fn check_topics(config: &KafkaSourceConfig) -> Result<(), ProbeError> {
    match (&config.topics, &config.topic_pattern) {
        (None, None) => {
            let help = "add topics = [\"NAME\"], or topic_pattern = \"^PREFIX-.*\"";
            wrong(ProbeKey::Entry, "the source names no topics", help)
        }
        (Some(_), Some(pattern)) => {
            let help = "keep one of the two; a pattern may name several: \"a|b|c-.*\"";
            wrong(at(pattern), "`topics` and `topic_pattern` exclude each other", help)
        }
        (Some(topics), None) => match topics.iter().find(|topic| topic.is_empty()) {
            Some(empty) => wrong(at(empty), "a topic has no name", "name it, or remove it"),
            None if topics.is_empty() => {
                wrong(ProbeKey::Entry, "the source names no topics", "name at least one")
            }
            None => Ok(()),
        },
        (None, Some(pattern)) => match subscription(config) {
            Ok(_) => Ok(()),
            Err(error) => wrong(at(pattern), error.to_string(), "mend the regular expression"),
        },
    }
}

fn check_start(start: &KafkaStart) -> Result<(), ProbeError> {
    match start {
        KafkaStart::Earliest | KafkaStart::Latest => Ok(()),
        KafkaStart::Timestamp(text) => match timestamp_ms(text) {
            Ok(_) => Ok(()),
            Err(error) => {
                let help = "start = { timestamp = \"2026-01-01T00:00:00Z\" }";
                wrong(ProbeKey::Entry, error.message, help)
            }
        },
        KafkaStart::Offsets(offsets) => {
            let Some(key) = offsets.keys().find(|key| partition_of(key).is_none()) else {
                return Ok(());
            };
            let message = format!("`{key}` in `start` is no partition");
            wrong(ProbeKey::Entry, message, "write TOPIC/NUMBER: \"txns/0\" = 5")
        }
    }
}

/// Whether all columns have names of their own.
fn check_names(config: &KafkaSourceConfig, probed: &Probed) -> Result<(), ProbeError> {
    let mut seen = BTreeSet::new();
    let Some(twice) = probed.schema.fields().iter().find(|field| !seen.insert(field.name())) else {
        return Ok(());
    };
    let (what, name) = config
        .metadata
        .columns()
        .into_iter()
        .rfind(|(_, name)| name == twice.name())
        .map_or(("key", twice.name().clone()), |(what, name)| (what.name(), name));
    let message = format!("two columns are called `{name}`");
    let help = format!("rename what comes from Kafka: metadata = {{ {what} = \"kafka_{what}\" }}");
    let is_in_schema = config.schema.as_ref().is_some_and(|schema| schema.contains_key(&name));
    let key = if is_in_schema { ProbeKey::Column(name) } else { ProbeKey::Entry };
    wrong(key, message, help)
}

fn at(text: &Text) -> ProbeKey {
    ProbeKey::At(text.place())
}

fn wrong<T>(
    key: ProbeKey,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T, ProbeError> {
    Err(ProbeError::new(key, message, help))
}
