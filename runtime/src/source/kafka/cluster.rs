//! What there is to read: topics, partitions and offsets, asked of the brokers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use regex::Regex;

use super::native::{self, Answer, Commits, Topic, TopicPartition, Wanted};
use crate::error::{Error, Result};
use crate::kafka::{self, Context};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The topics that a source reads.
#[derive(Debug, Clone)]
pub enum Subscription {
    Names(Vec<String>),
    /// Topics for the brokers' own use are never meant.
    Pattern(Regex),
}

impl Subscription {
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|name| name == topic),
            Self::Pattern(pattern) => pattern.is_match(topic),
        }
    }
}

/// The first offset that there is in a partition, and the one that its next record will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub first: u64,
    pub end: u64,
}

/// A client that asks questions and never fetches a record.
pub struct Cluster {
    name: String,
    consumer: Arc<BaseConsumer<Context>>,
    read_committed: bool,
    commits: Commits<Context>,
}

impl Cluster {
    /// # Errors
    /// If the configuration does not make a client.
    pub fn new(config: &ClientConfig, context: Context) -> Result<Self> {
        let name = context.name.clone();
        let read_committed = config.get("isolation.level") != Some("read_uncommitted");
        let consumer = BaseConsumer::from_config_and_context(config, context);
        let consumer =
            consumer.map_err(|e| kafka::failed(format_args!("read source `{name}`"), e))?;
        let consumer = Arc::new(consumer);
        let commits = Commits::new(consumer.clone());
        Ok(Self { name, consumer, read_committed, commits })
    }

    /// Lets the client say what it has to say, for the log.
    pub fn listen(&self) {
        while let Some(Ok(_) | Err(_)) = self.consumer.poll(Duration::ZERO) {}
    }

    /// All topics of the subscription that there are.
    ///
    /// # Errors
    /// `Unavailable` if there is no answer, `Config` if a topic may not be read.
    pub fn topics(&self, subscription: &Subscription) -> Result<BTreeMap<String, Topic>> {
        let names = match subscription {
            Subscription::Names(names) => names.clone(),
            Subscription::Pattern(_) => {
                let found = self.consumer.fetch_metadata(None, ANSWER_MAX);
                let found = found.map_err(|e| self.failed("list the topics", e))?;
                let names = found.topics().iter().map(|topic| topic.name().to_owned());
                names.filter(|name| subscription.matches(name)).collect()
            }
        };
        let by_pattern = matches!(subscription, Subscription::Pattern(_));
        let mut topics = BTreeMap::new();
        for (name, topic) in self.describe(&names)? {
            match topic {
                Ok(topic) if topic.internal && by_pattern => {}
                Ok(topic) => drop(topics.insert(name, topic)),
                // Deleted, perhaps between the two questions.
                Err(code) if is_unknown(code) => {}
                Err(code) => {
                    let what = format!("read topic `{name}`");
                    return Err(self.failed(&what, KafkaError::MetadataFetch(code)));
                }
            }
        }
        Ok(topics)
    }

    /// These topics, as far as there is an answer for each.
    ///
    /// # Errors
    /// `Unavailable` if there is none at all.
    pub fn describe(&self, names: &[String]) -> Result<Vec<(String, Answer<Topic>)>> {
        let described = native::describe_topics(&self.consumer, names, ANSWER_MAX);
        described.map_err(|code| self.failed("look at the topics", KafkaError::MetadataFetch(code)))
    }

    /// An offset of each partition. Those of which none is known now are left out.
    ///
    /// # Errors
    /// `Unavailable` if there is no answer at all.
    pub fn offsets(
        &self,
        partitions: &[(TopicPartition, Wanted)],
    ) -> Result<BTreeMap<TopicPartition, Option<u64>>> {
        self.offsets_at(partitions, self.read_committed)
    }

    fn offsets_at(
        &self,
        partitions: &[(TopicPartition, Wanted)],
        read_committed: bool,
    ) -> Result<BTreeMap<TopicPartition, Option<u64>>> {
        let found = native::list_offsets(&self.consumer, partitions, read_committed, ANSWER_MAX);
        let found =
            found.map_err(|code| self.failed("ask for offsets", KafkaError::OffsetFetch(code)))?;
        let known = found.into_iter().filter_map(|(partition, offset)| match offset {
            Ok(offset) => Some((partition, offset)),
            Err(code) => {
                let (topic, number) = &partition;
                tracing::debug!("{}: no offset of {topic}/{number} is known: {code}", self.name);
                None
            }
        });
        Ok(known.collect())
    }

    /// What there is of each partition, open transactions included. Those of which nothing is
    /// known now are left out.
    ///
    /// # Errors
    /// `Unavailable` if there is no answer at all.
    pub fn bounds(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Bounds>> {
        let ask = |wanted: Wanted| {
            let all: Vec<_> = partitions.iter().map(|p| (p.clone(), wanted)).collect();
            self.offsets_at(&all, false)
        };
        // The first offset may move on meanwhile, the end may not fall behind it.
        let first = ask(Wanted::Earliest)?;
        let end = ask(Wanted::Latest)?;
        let bounds = |(partition, first): (TopicPartition, Option<u64>)| {
            let end = (*end.get(&partition)?)?;
            Some((partition, Bounds { first: first?, end: end.max(first?) }))
        };
        Ok(first.into_iter().filter_map(bounds).collect())
    }

    /// Tells the group how far the partitions are read. [`committed`](Self::committed) says what
    /// became of it.
    ///
    /// # Errors
    /// If it can't even be tried.
    pub fn commit(&self, offsets: &TopicPartitionList) -> Answer<()> {
        self.commits.begin(offsets)
    }

    /// What became of a commit, once that is known.
    pub fn committed(&self) -> Option<Answer<()>> {
        self.commits.poll()
    }

    fn failed(&self, what: &str, error: KafkaError) -> Error {
        // What the client has to say of it.
        self.listen();
        let error = kafka::failed(format_args!("{what} for source `{}`", self.name), error);
        self.consumer.context().explain(error)
    }
}

/// Whether a topic or partition is not there.
pub fn is_unknown(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicId
            // The client's own word for a partition that nobody leads any more.
            | Code::NoEnt
    )
}
