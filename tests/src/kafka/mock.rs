//! librdkafka's own cluster, which answers with errors that a real broker will not show on demand.
//!
//! It takes a transaction's offsets and does not keep them: what was published is not known after
//! a restart there, so that a job that has to know ends and says what to do.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millrace::error::ErrorKind;
use millrace_tests::broker::unique;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use rdkafka::{Offset, TopicPartitionList};

use super::fixture::{FOLLOWED, Job, failure, feed, id, ready, sink};
use crate::harness::{Sandbox, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const BROKERS: i32 = 3;

/// A job that writes to a cluster of its own.
struct Mocked {
    cluster: MockCluster<'static, DefaultProducerContext>,
    topic: String,
    sandbox: Sandbox,
    rows: u64,
}

impl Mocked {
    fn new() -> Self {
        let cluster = MockCluster::new(BROKERS).unwrap();
        let (topic, sandbox) = (unique("mocked"), Sandbox::new());
        cluster.create_topic(&topic, 2, 1).unwrap();
        let sink = sink("out", "\"orders\"", &cluster.bootstrap_servers(), &topic, "");
        sandbox.pipeline(&format!("{FOLLOWED}{sink}"));
        let mut mocked = Self { cluster, topic, sandbox, rows: 0 };
        mocked.feed();
        mocked
    }

    fn feed(&mut self) {
        feed(&self.sandbox, self.rows..self.rows + 10);
        self.rows += 10;
    }

    /// All ids in the topic, whatever their transactions have come to.
    fn ids(&self) -> Vec<u64> {
        let begun = Instant::now();
        loop {
            if let Some(ids) = self.read() {
                return ids;
            }
            assert!(begun.elapsed() < PATIENCE, "the cluster is silent");
        }
    }

    /// `None` if a leader that has moved is not found soon.
    fn read(&self) -> Option<Vec<u64>> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.cluster.bootstrap_servers());
        client.set("group.id", "reader").set("enable.partition.eof", "true");
        client.set("isolation.level", "read_uncommitted").set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer = client.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..2 {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut ids, mut ended) = (Vec::new(), BTreeSet::new());
        while ended.len() < 2 {
            match consumer.poll(Duration::from_secs(2))? {
                Ok(message) => {
                    let row: serde_json::Value =
                        serde_json::from_slice(message.payload().unwrap()).unwrap();
                    ids.push(row["id"].as_u64().unwrap());
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    ended.insert(partition);
                }
                Err(_) => {}
            }
        }
        ids.sort_unstable();
        Some(ids)
    }

    fn expected(&self) -> Vec<u64> {
        (0..self.rows).collect()
    }

    /// Waits until all rows are in the topic, or the job has ended. Whether they are.
    fn await_rows(&self, job: &Job) -> bool {
        let begun = Instant::now();
        loop {
            let found: BTreeSet<u64> = self.ids().into_iter().collect();
            if found.len() as u64 == self.rows {
                return true;
            }
            if job.is_over() {
                return false;
            }
            assert!(begun.elapsed() < PATIENCE, "neither an end nor rows: {:?}", job.restarts());
        }
    }
}

/// What a broker refuses for a moment is asked for again; the job does not even start again.
#[test]
fn errors_that_pass_are_waited_for() {
    use Code as C;
    let moments = [
        C::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        C::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        C::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    ];
    let mut mocked = Mocked::new();
    mocked.cluster.request_errors(Api::InitProducerId, &moments);
    let job = Job::start(&mocked.sandbox);
    assert!(mocked.await_rows(&job));
    let busy = C::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
    for (api, errors) in [
        (Api::EndTxn, [moments.as_slice(), &[]].concat()),
        (Api::EndTxn, vec![busy; 3]),
        (Api::TxnOffsetCommit, moments[..2].to_vec()),
        (Api::AddOffsetsToTxn, [moments.as_slice(), &[busy]].concat()),
        (Api::AddPartitionsToTxn, [moments.as_slice(), &[busy]].concat()),
        (Api::Produce, vec![C::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 2]),
    ] {
        mocked.cluster.request_errors(api, &errors);
        mocked.feed();
        assert!(mocked.await_rows(&job), "{api:?}: {:?}", job.restarts());
        // The next epoch has needs of its own.
        mocked.feed();
        assert!(mocked.await_rows(&job), "{api:?}: {:?}", job.restarts());
        assert_eq!(mocked.ids(), mocked.expected(), "{api:?}: {errors:?}");
        mocked.cluster.clear_request_errors(api);
    }
    assert_eq!(job.restarts(), Vec::<String>::new());
    job.stop().unwrap();
    assert_eq!(mocked.ids(), mocked.expected());
}

/// Coordinators and leaders that move from broker to broker are found again.
#[test]
fn coordinators_that_move_are_found_again() {
    let mut mocked = Mocked::new();
    let job = Job::start(&mocked.sandbox);
    assert!(mocked.await_rows(&job));
    let group = id(&mocked.topic, "out");
    for broker in [1, 2, 3, 1] {
        for turn in 0..2 {
            let id = MockCoordinator::Transaction(format!("{group}-{turn}"));
            mocked.cluster.coordinator(id, broker).unwrap();
        }
        mocked.cluster.coordinator(MockCoordinator::Group(group.clone()), 1 + broker % 3).unwrap();
        mocked.cluster.partition_leader(&mocked.topic, 0, Some(1 + (broker + 1) % 3)).unwrap();
        mocked.feed();
        assert!(mocked.await_rows(&job), "{broker}: {:?}", job.restarts());
    }
    assert_eq!(job.restarts(), Vec::<String>::new());
    job.stop().unwrap();
    assert_eq!(mocked.ids(), mocked.expected());
}

/// A broker that goes and comes: librdkafka may wait for ever for a group's coordinator that went
/// away at the wrong moment, and the job must not.
#[test]
fn a_coordinator_that_does_not_come_is_not_waited_for_for_ever() {
    for broker in [1, 2] {
        let mut mocked = Mocked::new();
        let group = MockCoordinator::Group(id(&mocked.topic, "out"));
        mocked.cluster.coordinator(group, broker).unwrap();
        let job = Job::start(&mocked.sandbox);
        assert!(mocked.await_rows(&job));
        mocked.feed();
        mocked.cluster.broker_down(broker).unwrap();
        mocked.feed();
        wait_until(|| !ready(&mocked.sandbox, &[]).1);
        mocked.cluster.broker_up(broker).unwrap();
        let all = mocked.await_rows(&job);
        let ended = job.stop();
        if let Err(error) = &ended {
            let said = error.to_string();
            let stuck = said.contains("waits for a coordinator");
            assert!(stuck || said.contains("--outcome out=unpublished"), "{said}");
        }
        assert!(all || ended.is_err());
        let mut once = mocked.ids();
        once.dedup();
        assert_eq!(mocked.ids(), once, "{broker}");
    }
}

/// Where the broker gives a producer or a transaction up after the epoch was committed, only the
/// mark can say what is published; without one nothing is guessed, and nothing is sent twice.
#[test]
fn a_transaction_that_is_given_up_is_not_made_again_by_guess() {
    use Code as C;
    for (api, code) in [
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING),
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID),
        (Api::EndTxn, C::RD_KAFKA_RESP_ERR_UNKNOWN),
        (Api::TxnOffsetCommit, C::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::TxnOffsetCommit, C::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING),
        (Api::AddOffsetsToTxn, C::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
    ] {
        let mut mocked = Mocked::new();
        let job = Job::start(&mocked.sandbox);
        assert!(mocked.await_rows(&job));
        mocked.cluster.request_errors(api, &[code]);
        mocked.feed();
        let when = format!("{api:?} {code:?}");
        wait_until(|| job.is_over());
        let restarts = job.restarts();
        let said = failure(job.end(), ErrorKind::Config);
        assert!(said.contains("--outcome out=unpublished"), "{when}: {said}, {restarts:?}");
        assert!(!restarts.is_empty(), "{when}");
        assert_eq!(mocked.ids(), mocked.expected(), "{when}");
    }
}

/// What access lists don't allow will not pass by itself.
#[test]
fn refusals_that_do_not_pass_end_the_job() {
    use Code as C;
    for (api, code) in [
        (Api::InitProducerId, C::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        (Api::AddPartitionsToTxn, C::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        (Api::TxnOffsetCommit, C::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED),
        (Api::Produce, C::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
    ] {
        let mocked = Mocked::new();
        mocked.cluster.request_errors(api, &[code; 5]);
        let ended = Job::start(&mocked.sandbox).end();
        let said = failure(ended, ErrorKind::Config);
        assert!(said.contains("access lists don't allow it"), "{api:?}: {said}");
    }
}
