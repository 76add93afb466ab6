//! Topics, records and groups of a broker, by librdkafka; and Kafka's own client to read with.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Cursor, Read};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::{Broker, PATIENCE, script, unique, wait_until};

/// Larger than any record of a test.
const RECORD_BYTES_MAX: &str = "20000000";

/// A record to produce: nothing is set but its value.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; the current time if not set.
    pub timestamp: Option<i64>,
    /// By the key if not set.
    pub partition: Option<i32>,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Clone, Copy, Debug)]
pub enum Isolation {
    ReadCommitted,
    ReadUncommitted,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    Commit,
    Abort,
}

impl Message {
    pub fn new(value: impl AsRef<[u8]>) -> Self {
        Self { value: Some(value.as_ref().to_vec()), ..Self::default() }
    }

    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        Self::default().key(key)
    }

    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), Some(value.as_ref().to_vec())));
        self
    }

    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

impl From<&str> for Message {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Message {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl Record {
    /// The value as text; panics if there is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_ref().unwrap()).unwrap()
    }

    /// The key as text; panics if there is none.
    pub fn key_text(&self) -> &str {
        std::str::from_utf8(self.key.as_ref().unwrap()).unwrap()
    }

    /// The last header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().rev().find(|(own, _)| own == name)?;
        Some(std::str::from_utf8(value.as_ref()?).unwrap())
    }
}

/// Topics.
impl Broker {
    /// A new topic whose name begins with `name`.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        let name = unique(name);
        self.create_topic(&name, partitions, &[]);
        name
    }

    /// `settings` as of a topic: `("cleanup.policy", "compact")`.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let created = self.administer(async |admin, options| {
            admin.create_topics([&topic], options).await.unwrap().remove(0)
        });
        created.unwrap();
        // The answer comes before clients see the topic.
        wait_until("for a new topic", || self.partitions(name) == partitions);
    }

    pub fn delete_topic(&self, name: &str) {
        let deleted = self.administer(async |admin, options| {
            admin.delete_topics(&[name], options).await.unwrap().remove(0)
        });
        deleted.unwrap();
        wait_until("for a topic to go", || self.partitions(name) == 0);
    }

    /// Brings the topic to `partitions` in total.
    pub fn add_partitions(&self, name: &str, partitions: i32) {
        let count = usize::try_from(partitions).unwrap();
        let added = self.administer(async |admin, options| {
            let more = NewPartitions::new(name, count);
            admin.create_partitions([&more], options).await.unwrap().remove(0)
        });
        added.unwrap();
        wait_until("for new partitions", || self.partitions(name) == partitions);
    }

    /// Deletes the records of a partition before `offset`, as its retention would.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let deleted = self
            .administer(async |admin, options| admin.delete_records(&list, options).await.unwrap());
        deleted.elements()[0].error().unwrap();
    }

    /// How many partitions a topic has; 0 if there is no such topic.
    pub fn partitions(&self, topic: &str) -> i32 {
        let client: BaseProducer = self.client().create().unwrap();
        partitions(client.client(), topic)
    }
}

/// Records.
impl Broker {
    /// Produces all, and returns when the broker has them.
    pub fn produce<M: Into<Message>>(&self, topic: &str, messages: impl IntoIterator<Item = M>) {
        // One request at a time keeps the order; an idempotent producer would have to ask first.
        let producer = producer(self.client().set("max.in.flight.requests.per.connection", "1"));
        send_all(&producer, topic, messages);
        producer.flush(PATIENCE).unwrap();
        producer.context().check();
    }

    /// Produces all in one transaction.
    pub fn produce_in_transaction<M: Into<Message>>(
        &self,
        topic: &str,
        messages: impl IntoIterator<Item = M>,
        outcome: Outcome,
    ) {
        let producer = self.begin_transaction(topic, messages);
        match outcome {
            Outcome::Commit => producer.commit_transaction(PATIENCE).unwrap(),
            Outcome::Abort => producer.abort_transaction(PATIENCE).unwrap(),
        }
    }

    /// Produces all in a transaction that is open as long as the producer lives and nobody ends it.
    pub fn begin_transaction<M: Into<Message>>(
        &self,
        topic: &str,
        messages: impl IntoIterator<Item = M>,
    ) -> BaseProducer<Deliveries> {
        let producer = producer(self.client().set("transactional.id", unique("harness")));
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        send_all(&producer, topic, messages);
        producer.flush(PATIENCE).unwrap();
        producer.context().check();
        producer
    }

    /// What a `read_committed` consumer sees in the topic, by partition and offset.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        self.read_with(topic, Isolation::ReadCommitted)
    }

    /// The records of the topic up to its end (`ReadUncommitted`) or its first open transaction
    /// (`ReadCommitted`), by partition and offset.
    pub fn read_with(&self, topic: &str, isolation: Isolation) -> Vec<Record> {
        let consumer = self.consumer(isolation);
        let mut unread = partitions(consumer.client(), topic);
        let mut list = TopicPartitionList::new();
        for partition in 0..unread {
            list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut records = Vec::new();
        let mut read = HashSet::new();
        while unread > 0 {
            match consumer.poll(PATIENCE).expect("the broker is silent") {
                Ok(message) => records.push(record(&message)),
                Err(KafkaError::PartitionEOF(partition)) => {
                    unread -= i32::from(read.insert(partition));
                }
                Err(error) => panic!("{error}"),
            }
        }
        records.sort();
        records
    }

    /// What Kafka's own `read_committed` consumer sees in the topics, by topic, partition and offset.
    /// It takes a second to start.
    pub fn read_independently(&self, topics: &[&str]) -> Vec<Record> {
        let mut read = script(&["read", self.address(), "read_committed"]);
        let output = read.args(topics).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success());
        let mut rest = Cursor::new(output.stdout.as_slice());
        let mut records = Vec::new();
        while rest.position() < output.stdout.len() as u64 {
            records.push(parse(&mut rest).unwrap());
        }
        records.sort();
        records
    }

    /// The first offset of a partition and the one after its last, whatever is committed.
    pub fn offsets(&self, topic: &str, partition: i32) -> (i64, i64) {
        let consumer = self.consumer(Isolation::ReadUncommitted);
        consumer.fetch_watermarks(topic, partition, PATIENCE).unwrap()
    }
}

/// Groups.
impl Broker {
    /// The group's committed offset and its metadata, by partition; none of partitions without.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, (i64, String)> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, self.partitions(topic) - 1);
        let committed = consumer.committed_offsets(list, PATIENCE).unwrap();
        let mut offsets = BTreeMap::new();
        for element in committed.elements() {
            element.error().unwrap();
            if let Offset::Offset(offset) = element.offset() {
                offsets.insert(element.partition(), (offset, element.metadata().to_owned()));
            }
        }
        offsets
    }

    /// Forgets what the group has committed, as the retention of offsets would.
    pub fn delete_group(&self, group: &str) {
        let deleted = self.administer(async |admin, options| {
            admin.delete_groups(&[group], options).await.unwrap().remove(0)
        });
        deleted.unwrap();
    }
}

impl Broker {
    /// The settings of a client of this broker.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.address());
        client.set("message.max.bytes", RECORD_BYTES_MAX);
        client
    }

    /// A consumer that belongs to no group and begins nowhere yet.
    fn consumer(&self, isolation: Isolation) -> BaseConsumer {
        let isolation = match isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        self.client()
            .set("group.id", "harness")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap()
    }

    fn administer<T>(
        &self,
        work: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> T,
    ) -> T {
        let admin = self.client().create().unwrap();
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(work(&admin, &options))
    }
}

/// Notes what could not be delivered.
#[derive(Default)]
pub struct Deliveries(Mutex<Vec<KafkaError>>);

impl Deliveries {
    fn check(&self) {
        let failed = self.0.lock().unwrap();
        assert!(failed.is_empty(), "{failed:?}");
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.clone());
        }
    }
}

fn producer(client: &ClientConfig) -> BaseProducer<Deliveries> {
    client.create_with_context(Deliveries::default()).unwrap()
}

/// How many partitions of the topic can be used. A client that has asked for that knows its broker,
/// and needs no second to find it when it is to produce or consume.
fn partitions<C: ClientContext>(client: &Client<C>, topic: &str) -> i32 {
    let begun = Instant::now();
    let metadata = loop {
        // On a busy machine a connection may fail.
        match client.fetch_metadata(Some(topic), PATIENCE) {
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure))
                if begun.elapsed() < PATIENCE => {}
            found => break found.unwrap(),
        }
    };
    let partitions = metadata.topics()[0].partitions();
    let led = partitions.iter().filter(|partition| partition.leader() >= 0);
    i32::try_from(led.count()).unwrap()
}

fn send_all<M: Into<Message>>(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    messages: impl IntoIterator<Item = M>,
) {
    partitions(producer.client(), topic);
    for message in messages {
        let message = message.into();
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        record.timestamp = message.timestamp;
        record.partition = message.partition;
        if !message.headers.is_empty() {
            let headers = message.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header { key, value: value.as_ref() })
            });
            record.headers = Some(headers);
        }
        while let Err((error, unsent)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            producer.poll(Duration::from_millis(10));
            record = unsent;
        }
    }
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
    });
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}

/// One record as `Reader.java` writes it.
fn parse(rest: &mut Cursor<&[u8]>) -> io::Result<Record> {
    Ok(Record {
        topic: text(rest)?,
        partition: number(rest)?,
        offset: i64::from_be_bytes(read(rest)?),
        timestamp: i64::from_be_bytes(read(rest)?),
        key: bytes(rest)?,
        value: bytes(rest)?,
        headers: (0..number(rest)?)
            .map(|_| Ok((text(rest)?, bytes(rest)?)))
            .collect::<io::Result<_>>()?,
    })
}

fn read<const N: usize>(rest: &mut Cursor<&[u8]>) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rest.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(rest: &mut Cursor<&[u8]>) -> io::Result<i32> {
    Ok(i32::from_be_bytes(read(rest)?))
}

fn text(rest: &mut Cursor<&[u8]>) -> io::Result<String> {
    Ok(String::from_utf8(bytes(rest)?.unwrap()).unwrap())
}

/// `None` for null.
fn bytes(rest: &mut Cursor<&[u8]>) -> io::Result<Option<Vec<u8>>> {
    let Ok(length) = usize::try_from(number(rest)?) else { return Ok(None) };
    let mut bytes = vec![0; length];
    rest.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
