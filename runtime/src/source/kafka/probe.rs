//! What can be said of a Kafka source without a broker: its columns, and what is wrong in the
//! pipeline file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};

use super::rows::schema;
use super::start::{partition_of, timestamp_ms};
use super::subscription;
use crate::config::{Format, KafkaFormat, KafkaSourceConfig, KafkaStart, OneOrMany, Text};
use crate::kafka::{check_brokers, check_properties, topic_mistake};
use crate::plan::{ProbeError, ProbeKey, Probed};
use crate::source::given::given;

/// The columns. Connects to nothing.
///
/// # Errors
/// The first mistake, and where it is.
pub fn probe(config: &KafkaSourceConfig, directory: &Path) -> Result<Probed, ProbeError> {
    if let Some(wrong) = check_brokers(&config.brokers) {
        return Err(wrong);
    }
    check_topics(config)?;
    if let Some(empty) = config.group.as_ref().filter(|group| group.is_empty()) {
        return wrong(at(empty), "the group has no name", "name it, or remove `group`");
    }
    check_start(config)?;
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
        (Some(topics), None) => {
            let mut seen = BTreeSet::new();
            for topic in topics.iter() {
                if let Some(message) = topic_mistake(topic) {
                    let help = "mend the name, or remove it; topic_pattern = \"^PREFIX-.*\" names \
                                many";
                    return wrong(at(topic), message, help);
                }
                if !seen.insert(&**topic) {
                    let message = format!("topic `{}` is named twice", &**topic);
                    return wrong(at(topic), message, "name it once: a source reads it once");
                }
            }
            Ok(())
        }
        (None, Some(pattern)) if pattern.is_empty() => {
            wrong(at(pattern), "no topic fits an empty pattern", "write, say, \"^PREFIX-.*\"")
        }
        (None, Some(pattern)) => match subscription(config) {
            Ok(_) => Ok(()),
            Err(error) => wrong(at(pattern), error.to_string(), "mend the regular expression"),
        },
    }
}

fn check_start(config: &KafkaSourceConfig) -> Result<(), ProbeError> {
    match &config.start {
        KafkaStart::Earliest | KafkaStart::Latest => Ok(()),
        KafkaStart::Timestamp(text) => match timestamp_ms(text) {
            Ok(_) => Ok(()),
            Err(error) => {
                let help = "start = { timestamp = \"2026-01-01T00:00:00Z\" }";
                wrong(ProbeKey::Entry, error.message, help)
            }
        },
        KafkaStart::Offsets(offsets) => {
            for key in offsets.keys() {
                let Some((topic, _)) = partition_of(key).filter(|(_, number)| *number >= 0) else {
                    let message = format!("`{key}` in `start` is no partition");
                    return wrong(ProbeKey::Entry, message, "write TOPIC/NUMBER: \"txns/0\" = 5");
                };
                let is_read = |names: &OneOrMany| names.iter().any(|name| &**name == topic);
                if config.topics.as_ref().is_some_and(|names| !is_read(names)) {
                    let message = format!("`start` names `{key}`, a topic that is not read");
                    let help = "add it to `topics`, or remove it from `start`";
                    return wrong(ProbeKey::Entry, message, help);
                }
            }
            Ok(())
        }
    }
}

/// Whether all columns have names of their own.
fn check_names(config: &KafkaSourceConfig, probed: &Probed) -> Result<(), ProbeError> {
    let columns = config.metadata.columns();
    if let Some((what, _)) = columns.iter().find(|(_, name)| name.is_empty()) {
        let message = format!("the column for `{}` has no name", what.name());
        let help = format!("metadata = {{ {what} = \"kafka_{what}\" }}", what = what.name());
        return wrong(ProbeKey::Entry, message, help);
    }
    let mut seen = BTreeSet::new();
    let Some(twice) = probed.schema.fields().iter().find(|field| !seen.insert(field.name())) else {
        return Ok(());
    };
    let (what, name) = columns
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
