//! Records into the client's queue, and out of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray, BinaryArray, Int32Array, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use super::native::{Record, Topic, flush, produce};
use crate::config::Delivery;
use crate::error::{Error, Result};
use crate::kafka::{Context, failed};
use crate::metrics::Health;
use crate::plan::{KafkaSinkPlan, RecordColumns};

/// A broker that has not taken anything for so long counts as gone: the job starts again.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long one look at the client's queue takes.
const GLANCE: Duration = Duration::from_millis(100);
/// To take all events that there are. Without any time the client gives only one, and a broker that
/// is away makes many.
const LISTEN: Duration = Duration::from_millis(1);
/// Between two looks whether there is room in the queue.
const PAUSE: Duration = Duration::from_millis(2);
/// A broker that has kept a lane waiting for so long is worth a word.
const SLOW: Duration = Duration::from_secs(2);
/// How long a question to the broker may take.
pub const ASK: Duration = Duration::from_secs(10);
/// What was found out of a topic counts for so long.
const REMEMBER: Duration = Duration::from_secs(5);
/// How long one try of it takes.
const TRY: Duration = Duration::from_secs(1);

/// A producer with what its lanes share.
pub struct Producer {
    /// Before the client, which must outlive them. Others than the plan's.
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    default_topic: Topic,
    pub client: BaseProducer<Deliveries>,
    /// How many partitions topics had when the broker was asked.
    partitions: Mutex<HashMap<String, (Option<i32>, Instant)>>,
    /// Shared by lanes that send; whoever flushes has it alone, as the client waits for an empty
    /// queue and other lanes would keep it full.
    filling: RwLock<()>,
    plan: Arc<KafkaSinkPlan>,
    health: Arc<Health>,
}

/// Hears of records that could not be delivered, and of brokers.
pub struct Deliveries {
    context: Context,
    /// Whether the client has said so of all brokers.
    unreachable: AtomicBool,
    /// The first failure. It stays: whichever lane asks, no epoch may be staged after it.
    failure: Mutex<Option<(KafkaError, String)>>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let is_away = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        self.context.error(error, reason);
        // Last, or whoever looks could say that it is back before it was said to be away.
        if is_away {
            self.unreachable.store(true, Ordering::Release);
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        use rdkafka::Message;
        if let Err((error, record)) = result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| (error.clone(), record.topic().to_owned()));
        }
    }
}

impl Producer {
    /// # Errors
    /// `Config` if the client does not take the configuration or the topic is missing,
    /// `Unavailable` if no broker answers.
    pub fn open(
        name: &str,
        plan: &Arc<KafkaSinkPlan>,
        config: &ClientConfig,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let context = Context::new(name, health);
        let unreachable = AtomicBool::new(false);
        let deliveries = Deliveries { context, unreachable, failure: Mutex::default() };
        let client: BaseProducer<Deliveries> = config
            .create_with_context(deliveries)
            .map_err(|e| failed(format!("open sink `{name}`"), e))?;
        let topic = Topic::new(&client, &plan.topic);
        let topic = topic.map_err(|e| failed(format!("use topic `{}`", plan.topic), e))?;
        let producer = Self {
            topics: Mutex::default(),
            default_topic: topic,
            client,
            partitions: Mutex::default(),
            filling: RwLock::default(),
            plan: plan.clone(),
            health: health.clone(),
        };
        producer.ask_for_topic()?;
        Ok(producer)
    }

    /// Whether the topic is there and a broker answers.
    fn ask_for_topic(&self) -> Result<()> {
        let topic = &self.plan.topic;
        let Deliveries { context, .. } = &**self.client.context();
        let until = Instant::now() + ASK;
        let found = loop {
            let found = self.client.client().fetch_metadata(Some(topic), TRY);
            // What the client has to say meanwhile.
            self.client.poll(LISTEN);
            if found.is_ok() || Instant::now() >= until {
                break found;
            }
            context.no_broker_answers();
        };
        let unreachable = |e| failed(format!("reach a broker for topic `{topic}`"), e);
        let found = found.map_err(|e| context.explain(unreachable(e)));
        let found = found.inspect_err(|e| self.health.down(e.to_string()))?;
        let error = found.topics().iter().find_map(|topic| topic.error());
        match error.map(|code| KafkaError::MetadataFetch(code.into())) {
            Some(error) => Err(failed(format!("write to topic `{topic}`"), error)),
            None => {
                self.health.up();
                Ok(())
            }
        }
    }

    /// How many partitions a topic has; `None` if there is no such topic, or there was none a
    /// moment ago. More than there were may be there since.
    ///
    /// # Errors
    /// If no broker answers.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        let mut known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, asked)) = known.get(topic)
            && asked.elapsed() < REMEMBER
        {
            return Ok(*count);
        }
        let found = self.client.client().fetch_metadata(Some(topic), ASK);
        let found = found.map_err(|e| failed(format!("look for topic `{topic}`"), e))?;
        let found = found.topics().iter().find(|found| found.name() == topic);
        let count = found
            .filter(|found| found.error().is_none())
            .map(|found| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX));
        known.insert(topic.to_owned(), (count, Instant::now()));
        Ok(count)
    }

    /// Hears what has happened, and asks brokers that were away whether they are back. One that
    /// answers and yet takes nothing is not back: whoever waits for it says when it does.
    pub fn look(&self) {
        self.client.poll(LISTEN);
        let context: &Deliveries = self.client.context();
        if context.unreachable.load(Ordering::Acquire) {
            let topic = Some(self.plan.topic.as_str());
            if self.client.client().fetch_metadata(topic, TRY).is_ok() {
                context.unreachable.store(false, Ordering::Release);
                self.health.up();
            }
        }
    }

    /// Puts records into the queue; waits for room.
    ///
    /// # Errors
    /// If there is none for long, or a record before could not be delivered.
    pub fn send(&self, records: &RecordBatch) -> Result<()> {
        let schema = records.schema_ref();
        let columns = RecordColumns::of(schema)
            .ok_or_else(|| Error::internal(format!("these are no records: {schema}")))?;
        let bytes = |at: usize| records.column(at).as_binary::<i32>();
        let topics = columns.topic.map(|at| records.column(at).as_string::<i32>());
        let partitions: Option<&Int32Array> =
            columns.partition.map(|at| records.column(at).as_primitive::<Int32Type>());
        let times = columns.timestamp.map(|at| records.column(at).as_primitive::<Int64Type>());
        let keys = columns.key.map(bytes);
        let values = bytes(columns.value);
        let headers: Vec<(&str, &BinaryArray)> =
            columns.headers.iter().map(|(name, at)| (*name, bytes(*at))).collect();
        let mut known: HashMap<&str, Arc<Topic>> = HashMap::new();
        let _filling = self.filling.read().unwrap_or_else(PoisonError::into_inner);
        for row in 0..records.num_rows() {
            let record = Record {
                partition: partitions.and_then(|c| c.is_valid(row).then(|| c.value(row))),
                key: keys.and_then(|c| c.is_valid(row).then(|| c.value(row))),
                value: values.is_valid(row).then(|| values.value(row)),
                timestamp: times.and_then(|c| c.is_valid(row).then(|| c.value(row))),
            };
            let name = topics.and_then(|c| c.is_valid(row).then(|| c.value(row)));
            let topic: &Topic = match name {
                None => &self.default_topic,
                Some(name) => match known.entry(name) {
                    Entry::Occupied(topic) => topic.into_mut(),
                    Entry::Vacant(place) => place.insert(self.topic(name)?),
                },
            };
            let headers = || {
                let there = headers.iter().filter(|(_, column)| column.is_valid(row));
                there.map(|(name, column)| (*name, column.value(row)))
            };
            match produce(&self.client, topic, &record, headers()) {
                Ok(()) => {}
                Err(RDKafkaErrorCode::QueueFull) => {
                    self.wait_for_room(|| produce(&self.client, topic, &record, headers()))?;
                }
                Err(code) => return Err(self.refused(code, name)),
            }
        }
        self.client.poll(Duration::ZERO);
        self.check()
    }

    /// Tries again until there is room in the queue: a slow broker slows the lane down.
    fn wait_for_room(&self, mut again: impl FnMut() -> Result<(), RDKafkaErrorCode>) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.client.poll(PAUSE);
            self.check()?;
            match again() {
                Ok(()) => {
                    self.waited_since(begun);
                    return Ok(());
                }
                Err(RDKafkaErrorCode::QueueFull) if begun.elapsed() < PATIENCE => {
                    if begun.elapsed() > SLOW {
                        self.health.down("the broker takes no records: the queue is full");
                    }
                }
                Err(RDKafkaErrorCode::QueueFull) => {
                    let message = "the broker has taken no records for a minute";
                    return Err(Error::unavailable(message));
                }
                Err(code) => return Err(self.refused(code, None)),
            }
        }
    }

    /// Waits until everything sent is acknowledged, `until` then at most. Whether it is. Nothing
    /// is sent meanwhile.
    ///
    /// # Errors
    /// If a record could not be delivered.
    pub fn flush(&self, until: Instant) -> Result<bool> {
        let _alone = self.filling.write().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let done = flush(&self.client, left.min(GLANCE));
            self.client.poll(if done { Duration::ZERO } else { LISTEN });
            self.check()?;
            if done {
                self.waited_since(begun);
            }
            if done || left.is_zero() {
                return Ok(done);
            }
            if begun.elapsed() > SLOW {
                self.health.down("the broker does not acknowledge records");
            }
        }
    }

    /// The broker goes on, which has kept somebody waiting since `begun`.
    fn waited_since(&self, begun: Instant) {
        if begun.elapsed() > SLOW {
            self.health.up();
        }
    }

    /// Whether all records so far could be delivered.
    ///
    /// # Errors
    /// What the first was not delivered for.
    pub fn check(&self) -> Result<()> {
        let context: &Deliveries = self.client.context();
        let failure = context.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            None => Ok(()),
            Some((error, topic)) => {
                let error = self.cause(error);
                let error = failed(format!("deliver a record to topic `{topic}`"), error);
                self.health.down(error.to_string());
                Err(error)
            }
        }
    }

    /// Records are thrown away once their transaction has failed; what for is told by the client
    /// to whoever asks it for something that it can't do in that state.
    fn cause(&self, error: KafkaError) -> KafkaError {
        use RDKafkaErrorCode as Code;
        let thrown_away =
            matches!(error.rdkafka_error_code(), Some(Code::PurgeQueue | Code::PurgeInflight));
        if !thrown_away || self.plan.delivery == Delivery::AtLeastOnce {
            return error;
        }
        match self.client.begin_transaction() {
            Err(KafkaError::Transaction(inner)) if inner.code() != Code::State => {
                KafkaError::Transaction(inner)
            }
            _ => error,
        }
    }

    fn refused(&self, code: RDKafkaErrorCode, topic: Option<&str>) -> Error {
        let topic = topic.unwrap_or(&self.plan.topic);
        failed(format!("send a record to topic `{topic}`"), KafkaError::MessageProduction(code))
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(name) {
            return Ok(topic.clone());
        }
        let topic = Topic::new(&self.client, name);
        let topic = topic.map_err(|e| failed(format!("use topic `{name}`"), e))?;
        let topic = Arc::new(topic);
        topics.insert(name.to_owned(), topic.clone());
        Ok(topic)
    }
}
