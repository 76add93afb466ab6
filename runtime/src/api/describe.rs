//! Names, times and places in words that others know.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::config::{GeneratorConfig, KafkaSourceConfig, OneOrMany, SourceConfig};
use crate::plan::{SinkPlan, SourceNode, SourcePlan};
use crate::storage::random_id;

/// The id of a pipeline's checkpoint in the form of a UUID, which the readers of Spark's progress
/// expect.
pub fn uuid(pipeline: &str, checkpoint: &str) -> String {
    let digest = Sha256::digest(format!("{pipeline}/{checkpoint}"));
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Uuid::new_v8(bytes).to_string()
}

/// The id of a new run.
pub fn random_uuid() -> String {
    let (high, low) = (u128::from(random_id()), u128::from(random_id()));
    uuid::Uuid::new_v8((high << 64 | low).to_be_bytes()).to_string()
}

/// As Spark writes it: to the millisecond, in UTC.
pub fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(text).unwrap_or_default()
}

/// A moment in microseconds since 1970; `None` if it is the begin or the end of time.
pub fn micros(at: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(at).ok().map(text)
}

fn text(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}

pub fn is_kafka(plan: &SourcePlan) -> bool {
    matches!(plan, SourcePlan::Config(SourceConfig::Kafka(_)))
}

/// What a source reads.
pub fn source(source: &SourceNode) -> String {
    let list = |names: &OneOrMany| {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        names.join(", ")
    };
    let what = match &source.plan {
        SourcePlan::Config(SourceConfig::File(config)) => format!("file {}", list(&config.path)),
        SourcePlan::Config(SourceConfig::Generator(config)) => generator(config),
        SourcePlan::Config(SourceConfig::Stdin(_)) => "stdin".to_owned(),
        SourcePlan::Config(SourceConfig::Socket(config)) => {
            let address = config.connect.as_ref().or(config.listen.as_ref());
            format!("socket {}", address.map_or("", |address| &**address))
        }
        SourcePlan::Config(SourceConfig::Kafka(config)) => kafka(config, list),
        SourcePlan::Replay(replay) => format!("dead letters of {}", replay.step),
    };
    format!("{} ({what})", source.name)
}

fn generator(config: &GeneratorConfig) -> String {
    match config.rows {
        Some(rows) => format!("generator, {rows} rows"),
        None => "generator".to_owned(),
    }
}

fn kafka(config: &KafkaSourceConfig, list: impl Fn(&OneOrMany) -> String) -> String {
    match (&config.topics, &config.topic_pattern) {
        (Some(topics), _) => format!("kafka {}", list(topics)),
        (None, Some(pattern)) => format!("kafka {}", &**pattern),
        (None, None) => "kafka".to_owned(),
    }
}

/// Where a sink writes.
pub fn sink(plan: &SinkPlan) -> String {
    match plan {
        SinkPlan::File(file) => format!("file {}", file.directory.display()),
        SinkPlan::Kafka(kafka) => format!("kafka {}", kafka.topic),
        SinkPlan::Console(_) => "console".to_owned(),
        SinkPlan::Null => "null".to_owned(),
    }
}
