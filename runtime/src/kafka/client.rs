//! The client's configuration, its errors and its log.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

use crate::config::{Elsewhere, Properties, Property, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Health;
use crate::plan::{ProbeError, ProbeKey};

/// A broker that is back is to be found soon; the client's own bound is 10 seconds.
const RECONNECT_MS_MAX: &str = "1000";

/// Properties that Millrace sets itself, with what to write instead.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "write `brokers`"),
    ("metadata.broker.list", "write `brokers`"),
    ("group.id", "remove it; a source's group is called by its `group`"),
    ("group.instance.id", "remove it: partitions are read by lanes, not by members of a group"),
    ("enable.auto.commit", "remove it: the checkpoint says how far the source has read"),
    ("enable.auto.offset.store", "remove it: the checkpoint says how far the source has read"),
    ("auto.offset.reset", "write `start`, or `on_data_loss`"),
    ("enable.partition.eof", "remove it: the source needs it to tell idle partitions"),
    ("transactional.id", "write `transactional_id`"),
    ("enable.idempotence", "remove it: both kinds of delivery need it"),
    ("delivery.report.only.error", "remove it: every failed record is seen to"),
];

/// The configuration of a client: `defaults`, then the file's properties over them.
///
/// # Errors
/// `Config` if a value is nowhere to be found.
pub fn client_config(
    brokers: &[Text],
    properties: &Properties,
    defaults: &[(&str, &str)],
    directory: &Path,
) -> Result<ClientConfig> {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Info);
    config.set("reconnect.backoff.max.ms", RECONNECT_MS_MAX);
    for (key, value) in defaults {
        config.set(*key, *value);
    }
    for (key, property) in properties {
        config.set(key, value(key, property, directory).map_err(Error::config)?);
    }
    let brokers: Vec<&str> = brokers.iter().map(|broker| &**broker).collect();
    config.set("bootstrap.servers", brokers.join(","));
    Ok(config)
}

/// Whether the client knows all properties and takes their values. Connects to nothing.
///
/// # Errors
/// The first mistake, and where it is.
pub fn check_properties(properties: &Properties, directory: &Path) -> Result<(), ProbeError> {
    for (key, property) in properties {
        let wrong = |message: String, help: &str| {
            Err(ProbeError::new(ProbeKey::Property(key.clone()), message, help))
        };
        if let Some((_, help)) = OURS.iter().find(|(ours, _)| ours == key) {
            return wrong(format!("`{key}` is set by Millrace"), help);
        }
        let value = match value(key, property, directory) {
            Ok(value) => value,
            Err(message) => {
                let help = match **property {
                    Property::Elsewhere(Elsewhere::File(_)) => {
                        "name a file that Millrace may read; relative paths start at the pipeline file"
                    }
                    _ => "set it before the start, or mend its name",
                };
                return wrong(message, help);
            }
        };
        let mut config = ClientConfig::new();
        config.set(key, value);
        if let Err(error) = config.create_native_config() {
            // The error's own text holds the value, which may be secret.
            let message = match error {
                KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
                    format!("the Kafka client knows no property `{key}`")
                }
                _ => format!("the Kafka client does not take this value of `{key}`"),
            };
            return wrong(message, "its properties are listed in librdkafka's CONFIGURATION.md");
        }
    }
    Ok(())
}

/// What is wrong with addresses of brokers, and where, if anything is.
pub fn check_brokers(brokers: &[Text]) -> Option<ProbeError> {
    brokers.iter().find_map(|text| {
        let wrong = text.split(',').map(str::trim).find(|broker| !is_address(broker))?;
        let message = match wrong {
            "" => "a broker has no address".to_owned(),
            wrong => format!("`{wrong}` is no address of a broker"),
        };
        let help = "write HOST:PORT; several in a list: [\"broker-1:9092\", \"broker-2:9092\"]";
        Some(ProbeError::new(ProbeKey::At(text.place()), message, help))
    })
}

/// `HOST`, `HOST:PORT`, or those after a protocol; IPv6 in brackets.
fn is_address(text: &str) -> bool {
    let text = text.split_once("://").map_or(text, |(_, address)| address);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Why no topic can be called so, if none can.
pub fn topic_mistake(name: &str) -> Option<String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("a topic has no name".to_owned()),
        "." | ".." => Some(format!("no topic can be called `{name}`")),
        name if name.len() > 249 => Some("a topic's name has at most 249 letters".to_owned()),
        name if name.chars().all(is_letter) => None,
        name => Some(format!("no topic can be called `{name}`: letters, digits, `.`, `_` and `-`")),
    }
}

/// A property's value, or why there is none. The message never has the value.
fn value(key: &str, property: &Property, directory: &Path) -> Result<String, String> {
    match property {
        Property::Bool(value) => Ok(value.to_string()),
        Property::Int(value) => Ok(value.to_string()),
        Property::Float(value) => Ok(value.to_string()),
        Property::Text(value) => Ok(value.clone()),
        Property::Elsewhere(Elsewhere::Env(name)) => std::env::var(name).map_err(|_| {
            format!("the environment has no variable `{name}`, which `{key}` is to come from")
        }),
        Property::Elsewhere(Elsewhere::File(path)) => {
            let path = directory.join(path);
            let text = std::fs::read_to_string(&path).map_err(|e| {
                format!("cannot read {}, which `{key}` is to come from: {e}", path.display())
            })?;
            Ok(text.strip_suffix('\n').map_or(text.as_str(), |t| t.trim_end_matches('\r')).into())
        }
    }
}

/// An error of the client while doing `what`. Whatever may pass by itself is `Unavailable`.
pub fn failed(what: impl std::fmt::Display, error: KafkaError) -> Error {
    use RDKafkaErrorCode as Code;
    let code = match &error {
        KafkaError::Transaction(inner) => Some(inner.code()),
        other => other.rdkafka_error_code(),
    };
    let (kind, help) = match code {
        // Whether another process is to blame, or a transaction that took too long, is found out
        // by the next attempt.
        Some(Code::Fenced | Code::Fatal | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
            (ErrorKind::Unavailable, ": the broker has given up this producer")
        }
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            (ErrorKind::Config, ": make the topic, or mend its name")
        }
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed,
        ) => (ErrorKind::Config, ": the broker's access lists don't allow it"),
        Some(
            Code::SaslAuthenticationFailed | Code::Authentication | Code::UnsupportedSASLMechanism,
        ) => (ErrorKind::Config, ": mend the credentials in `properties`"),
        Some(Code::MessageSizeTooLarge | Code::InvalidTransactionTimeout) => {
            (ErrorKind::Config, ": the broker's limit is lower than the sink's")
        }
        _ => match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => (ErrorKind::Config, ""),
            _ => (ErrorKind::Unavailable, ""),
        },
    };
    Error::new(kind, format!("cannot {what}: {}{help}", reason(&error)))
}

/// Why, without the client's own words for it where there are others.
fn reason(error: &KafkaError) -> String {
    use RDKafkaErrorCode as Code;
    match error {
        // Configuration errors of the client name the value, which may be secret.
        KafkaError::ClientConfig(_, _, key, _) => format!("it does not take the value of `{key}`"),
        KafkaError::ClientCreation(text) => text.clone(),
        // It says more than its code.
        KafkaError::Transaction(inner) => inner.string(),
        other => match other.rdkafka_error_code() {
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown) => {
                "no broker answers".to_owned()
            }
            Some(Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut) => {
                "no broker has answered in time".to_owned()
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => "there is none".to_owned(),
            Some(Code::UnknownPartition) => "there is no such partition".to_owned(),
            Some(code) => words(code),
            None => other.to_string(),
        },
    }
}

/// The client's words for an error, without its name for it.
fn words(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    let inner = text.split_once(" (").map_or(text.as_str(), |(_, inner)| inner);
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    let inner = inner.strip_prefix("Broker: ").or(inner.strip_prefix("Local: ")).unwrap_or(inner);
    inner.to_owned()
}

/// Takes the log and the errors of one client.
#[derive(Clone)]
pub struct Context {
    /// The source or sink, for the log.
    pub name: String,
    health: Arc<Health>,
    /// Why the last connection failed.
    last_failure: Arc<Mutex<Option<String>>>,
}

impl Context {
    pub fn new(name: &str, health: &Arc<Health>) -> Self {
        Self { name: name.to_owned(), health: health.clone(), last_failure: Arc::default() }
    }

    /// Of a connection that failed: `BROKER: WHY (after 3ms in state CONNECT, ..)`.
    fn failed_to_connect(&self, text: &str) {
        let text = text.split(" (after ").next().unwrap_or(text);
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        // That a connection has ended says less than why another could not be made.
        let is_vague = text.contains(": Disconnected: ") && !text.contains("handshake");
        if last.is_none() || !is_vague {
            *last = Some(text.to_owned());
        }
    }

    /// An error of the same client with why the last connection failed, if nothing answers.
    pub fn explain(&self, mut error: Error) -> Error {
        let last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|_| error.kind == ErrorKind::Unavailable) {
            error.message = format!("{}: {last}", error.message).into();
        }
        error
    }

    /// Says so once, and why.
    pub fn no_broker_answers(&self) {
        let last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reason = last.map_or_else(String::new, |last| format!(": {last}"));
        let reason = format!("no broker answers{reason}");
        if self.health.is_news("no broker answers") {
            tracing::warn!("{}: {reason}; trying again", self.name);
        }
        self.health.down(reason);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        let name = &self.name;
        // Of a broker that is away the client speaks many times a second.
        if facility == "FAIL" {
            let text = message.split_once("]: ").map_or(message, |(_, text)| text);
            self.failed_to_connect(text);
        }
        let is_news = || self.health.is_news(&format!("{facility}: {message}"));
        match level {
            // The same properties go to producers and consumers; those of the other kind do no harm.
            _ if matches!(facility, "FAIL" | "CONFWARN") => {
                tracing::debug!("{name}: {facility}: {message}");
            }
            Level::Emerg | Level::Alert | Level::Critical | Level::Error if is_news() => {
                tracing::warn!("{name}: {facility}: {message}");
            }
            Level::Warning | Level::Notice => tracing::info!("{name}: {facility}: {message}"),
            _ => tracing::debug!("{name}: {facility}: {message}"),
        }
    }

    fn stats_raw(&self, _: &[u8]) {}

    /// Brokers that don't answer; the client itself goes on trying.
    fn error(&self, error: KafkaError, text: &str) {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            // A consumer that is closed says so of what it has not given.
            Some(Code::PartitionEOF) => return,
            Some(Code::AllBrokersDown) => return self.no_broker_answers(),
            Some(Code::BrokerTransportFailure | Code::Resolve) => self.failed_to_connect(text),
            Some(Code::OperationTimedOut) => {}
            _ if self.health.is_news(&error.to_string()) => {
                return tracing::warn!("{}: {}: {text}", self.name, reason(&error));
            }
            _ => {}
        }
        tracing::debug!("{}: {error}: {text}", self.name);
    }
}

impl ConsumerContext for Context {}
