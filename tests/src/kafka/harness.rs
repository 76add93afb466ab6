//! The broker, the proxy and the readers that all other tests rely on.

use std::time::Duration;

use millrace_tests::broker::{
    Api, Broker, Isolation, Message, Moment, Outcome, Proxy, Record, unique,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whatever a record may have must come back, the same from both readers, however old it is.
#[test]
fn what_is_produced_is_read_by_both_readers() {
    let broker = Broker::shared();
    let (one, other) = (broker.topic("one", 3), broker.topic("other", 1));
    let mut produced = vec![
        Message::new("a").key("k").partition(0).timestamp(1000).header("h", "1").header("h", "2"),
        Message::new([0, 255, 128]).partition(1).timestamp(2000),
        Message::tombstone("gone").partition(1).timestamp(3000),
        Message::new("").key("").partition(2).timestamp(4000),
    ];
    produced[0].headers.push(("null".to_owned(), None));
    broker.produce(&one, produced.clone());
    broker.produce(&other, ["b"]);

    let read = broker.read(&one);
    let record = |message: &Message, offset| Record {
        topic: one.clone(),
        partition: message.partition.unwrap(),
        offset,
        timestamp: message.timestamp.unwrap(),
        key: message.key.clone(),
        value: message.value.clone(),
        headers: message.headers.clone(),
    };
    let offsets = [0, 0, 1, 0];
    let expected: Vec<_> = produced.iter().zip(offsets).map(|(m, o)| record(m, o)).collect();
    assert_eq!(read, expected);
    assert_eq!(read[0].header("h"), Some("2"));

    let mut both = [read, broker.read(&other)].concat();
    both.sort();
    assert_eq!(broker.read_independently(&[&one, &other]), both);
}

/// Both readers are to see what is committed, and nothing else.
#[test]
fn only_committed_records_are_read() {
    let broker = Broker::shared();
    let topic = broker.topic("transactions", 1);
    broker.produce_in_transaction(&topic, ["committed"], Outcome::Commit);
    broker.produce_in_transaction(&topic, ["aborted"], Outcome::Abort);
    let open = broker.begin_transaction(&topic, ["open"]);
    broker.produce(&topic, ["after it"]);

    let texts = |records: Vec<Record>| -> Vec<String> {
        records.iter().map(|record| record.text().to_owned()).collect()
    };
    assert_eq!(texts(broker.read(&topic)), ["committed"]);
    assert_eq!(texts(broker.read_independently(&[&topic])), ["committed"]);
    let everything = ["committed", "aborted", "open", "after it"];
    assert_eq!(texts(broker.read_with(&topic, Isolation::ReadUncommitted)), everything);
    open.commit_transaction(PATIENCE).unwrap();
    assert_eq!(texts(broker.read(&topic)), ["committed", "open", "after it"]);
}

/// Tests of topics that change need what changes them.
#[test]
fn topics_partitions_and_records_come_and_go() {
    let broker = Broker::shared();
    let topic = unique("topic");
    broker.create_topic(&topic, 1, &[("max.message.bytes", "6000000")]);
    broker.produce(&topic, [Message::new(vec![7; 5_000_000]), Message::new("small")]);
    assert_eq!(broker.offsets(&topic, 0), (0, 2));
    broker.delete_records(&topic, 0, 1);
    assert_eq!(broker.offsets(&topic, 0), (1, 2));
    assert_eq!(broker.read(&topic)[0].text(), "small");
    broker.add_partitions(&topic, 2);
    broker.produce(&topic, [Message::new("more").partition(1)]);
    assert_eq!(broker.read(&topic).len(), 2);
    broker.delete_topic(&topic);
    assert_eq!(broker.partitions(&topic), 0);
    broker.create_topic(&topic, 1, &[]);
    assert_eq!(broker.read(&topic), []);
}

/// The marker of an epoch is a committed offset with metadata, which expires.
#[test]
fn committed_offsets_are_read_and_forgotten() {
    let broker = Broker::shared();
    let (topic, group) = (broker.topic("committed", 2), unique("group"));
    assert!(broker.committed(&group, &topic).is_empty());
    let consumer: BaseConsumer = broker.client().set("group.id", &group).create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    let mut element = list.add_partition(&topic, 1);
    element.set_offset(rdkafka::Offset::Offset(7)).unwrap();
    element.set_metadata("an epoch");
    consumer.commit(&list, rdkafka::consumer::CommitMode::Sync).unwrap();
    drop(consumer);
    let committed = broker.committed(&group, &topic);
    assert_eq!(committed.into_iter().collect::<Vec<_>>(), [(1, (7, "an epoch".to_owned()))]);
    broker.delete_group(&group);
    assert!(broker.committed(&group, &topic).is_empty());
}

/// A broker that comes back must have its data and its address.
#[test]
fn a_broker_that_was_stopped_or_killed_keeps_its_data() {
    let broker = Broker::own();
    let topic = broker.topic("kept", 1);
    broker.produce(&topic, ["before"]);
    broker.stop();
    broker.start();
    broker.produce(&topic, ["stopped"]);
    broker.kill();
    broker.start();
    broker.produce(&topic, ["killed"]);
    broker.pause();
    broker.resume();
    let texts: Vec<_> = broker.read(&topic).iter().map(|r| r.text().to_owned()).collect();
    assert_eq!(texts, ["before", "stopped", "killed"]);
}

/// A client of a proxy must not find its way around it, and must come back when it heals.
#[test]
fn a_proxy_cuts_stalls_and_heals() {
    let broker = Broker::shared();
    let topic = broker.topic("proxied", 1);
    let proxy = broker.proxy();
    let producer: BaseProducer = broker
        .client()
        .set("bootstrap.servers", proxy.address())
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    let send = |value: &str| {
        producer.send(BaseRecord::<str, str>::to(&topic).payload(value)).unwrap();
    };
    send("open");
    producer.flush(PATIENCE).unwrap();
    for hinder in [Proxy::cut, Proxy::stall] {
        hinder(&proxy);
        send("late");
        assert!(producer.flush(Duration::from_millis(100)).is_err());
        proxy.heal();
        producer.flush(PATIENCE).unwrap();
    }
    assert_eq!(broker.read(&topic).len(), 3);
}

/// A commit whose outcome nobody heard is what exactly-once has to live with.
#[test]
fn a_proxy_cuts_at_a_request_before_or_after_the_broker_has_done_it() {
    let broker = Broker::shared();
    for (moment, committed) in [(Moment::Request, 0), (Moment::Response, 1)] {
        let topic = broker.topic("unknown", 1);
        let proxy = broker.proxy();
        let producer: BaseProducer = broker
            .client()
            .set("bootstrap.servers", proxy.address())
            .set("transactional.id", unique("unknown"))
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<str, str>::to(&topic).payload("value")).unwrap();
        producer.flush(PATIENCE).unwrap();
        proxy.cut_at(Api::EndTxn, moment);
        let error = producer.commit_transaction(Duration::from_millis(500)).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::OperationTimedOut));
        proxy.await_cut();
        assert_eq!(broker.read(&topic).len(), committed, "{moment:?}");
    }
}
