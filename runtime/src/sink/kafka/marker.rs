//! The sink's last epoch, where its own transactions put it: the committed offset of a group that
//! nobody reads with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::producer::ASK;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::kafka::{Context, failed};
use crate::metrics::Health;
use crate::plan::KafkaSinkPlan;

/// The partition under which the offset is kept: every topic has it.
const PARTITION: i32 = 0;
/// Begins what stands beside the offset.
const FORM: &str = "millrace-1";
/// Between two questions to a coordinator that is not there yet.
const PAUSE: Duration = Duration::from_millis(50);
/// Stands for a checkpoint of which nothing is known.
const UNKNOWN: &str = "-";

/// What a sink has published last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub epoch: Epoch,
    /// Of whom the epoch is.
    pub author: Author,
}

impl Mark {
    /// Of a group that holds none.
    pub fn unknown() -> Self {
        let author = Author { checkpoint: UNKNOWN.to_owned(), process: UNKNOWN.to_owned() };
        Self { epoch: Epoch(0), author }
    }

    /// Whether it says nothing of what was published.
    pub fn is_unknown(&self) -> bool {
        self.author.checkpoint == UNKNOWN
    }
}

/// Who published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The checkpoint's id.
    pub checkpoint: String,
    /// The process's.
    pub process: String,
}

/// What is read while a transaction holds a newer mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Its end is waited for.
    ReadCommitted,
    /// The last one before it.
    ReadUncommitted,
}

impl Isolation {
    fn name(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read_committed",
            Self::ReadUncommitted => "read_uncommitted",
        }
    }
}

/// Reads the mark, and puts it into transactions.
pub struct Marker {
    consumer: BaseConsumer<Context>,
    group: String,
    topic: String,
    metadata: Arc<ConsumerGroupMetadata>,
}

impl Marker {
    /// # Errors
    /// If the client does not take the configuration.
    pub fn open(
        name: &str,
        plan: &KafkaSinkPlan,
        mut config: ClientConfig,
        isolation: Isolation,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let group = plan.transactional_id.clone();
        config.set("group.id", &group).set("enable.auto.commit", "false");
        config.set("isolation.level", isolation.name());
        let context = Context::new(name, health);
        let consumer: BaseConsumer<Context> = config
            .create_with_context(context)
            .map_err(|e| failed(format!("open sink `{name}`"), e))?;
        let metadata = consumer
            .group_metadata()
            .ok_or_else(|| Error::internal("a consumer without the group that it was given"))?;
        let metadata = Arc::new(metadata);
        Ok(Self { consumer, group, topic: plan.topic.clone(), metadata })
    }

    /// The last epoch that a transaction has committed; `None` if the broker knows of none.
    ///
    /// # Errors
    /// `Unavailable` if the broker does not answer, `Config` if the group is in use for something
    /// else.
    pub fn read(&self) -> Result<Option<Mark>> {
        let until = Instant::now() + ASK;
        let found = loop {
            match self.ask() {
                Err(error) if is_moving(&error) && Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                found => break found.map_err(|e| self.unreadable(e))?,
            }
        };
        let Some(element) = found.find_partition(&self.topic, PARTITION) else { return Ok(None) };
        let Offset::Offset(epoch) = element.offset() else { return Ok(None) };
        let mut words = element.metadata().split(' ');
        match (words.next(), words.next(), words.next(), u64::try_from(epoch)) {
            (Some(FORM), Some(checkpoint), Some(process), Ok(epoch)) => Ok(Some(Mark {
                epoch: Epoch(epoch),
                author: Author { checkpoint: checkpoint.into(), process: process.into() },
            })),
            _ => Err(Error::config(format!(
                "group `{}` holds offsets that are not Millrace's: it is to hold the sink's last \
                 epoch; give the sink another `transactional_id`",
                self.group
            ))),
        }
    }

    fn ask(&self) -> Result<TopicPartitionList, KafkaError> {
        let list = self.list(Offset::Invalid, "")?;
        let found = self.consumer.committed_offsets(list, ASK)?;
        found.elements_for_topic(&self.topic).iter().try_for_each(|element| element.error())?;
        Ok(found)
    }

    /// The offsets that make `mark` part of a transaction, and the group that they are of.
    ///
    /// # Errors
    /// If the mark can't be written down.
    pub fn offsets(&self, mark: &Mark) -> Result<(TopicPartitionList, Arc<ConsumerGroupMetadata>)> {
        let Author { checkpoint, process } = &mark.author;
        let text = format!("{FORM} {checkpoint} {process}");
        let epoch = i64::try_from(mark.epoch.0).unwrap_or(i64::MAX);
        let list = self.list(Offset::Offset(epoch), &text);
        Ok((list.map_err(|e| failed("note the sink's epoch", e))?, self.metadata.clone()))
    }

    fn list(&self, offset: Offset, text: &str) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(&self.topic, PARTITION);
        element.set_offset(offset)?;
        element.set_metadata(text);
        Ok(list)
    }

    fn unreadable(&self, error: KafkaError) -> Error {
        failed(format!("read the sink's last epoch from group `{}`", self.group), error)
    }
}

/// Whether the group's coordinator is on its way from one broker to another, or not yet up.
fn is_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}
