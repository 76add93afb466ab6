//! A broker that is away, slow, paused or cut off, and a disk without room: in each phase of an
//! epoch, and the job goes on by itself with each row once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace::error::ErrorKind;
use millrace_tests::broker::{Api, Broker, Isolation, Moment, unique};

use super::fixture::{FOLLOWED, Job, failure, feed, ids, quick_ids, ready, sink};
use crate::full_disk::FullDisk;
use crate::harness::{Sandbox, wait_until};

const FILE: &str = "[sink.file]\ntype = \"file\"\npath = \"out\"\nfrom = \"orders\"\n";

/// A job with two sinks that is fed ever more rows.
struct Fed<'a> {
    broker: &'a Broker,
    topic: String,
    sandbox: Sandbox,
    rows: u64,
}

impl<'a> Fed<'a> {
    fn new(broker: &'a Broker, brokers: &str, partitions: i32, more: &str) -> Self {
        let topic = broker.topic("fed", partitions);
        let sandbox = Sandbox::new();
        let sink = sink("out", "\"orders\"", brokers, &topic, more);
        sandbox.pipeline(&format!("batch_rows = 7\n{FOLLOWED}{sink}{FILE}"));
        let mut fed = Self { broker, topic, sandbox, rows: 0 };
        fed.feed();
        fed
    }

    fn feed(&mut self) {
        feed(&self.sandbox, self.rows..self.rows + 20);
        self.rows += 20;
    }

    fn expected(&self) -> Vec<u64> {
        (0..self.rows).collect()
    }

    fn await_rows(&self) {
        wait_until(|| quick_ids(self.broker, &self.topic).len() as u64 >= self.rows);
    }

    /// Whether `ready` says no and names the Kafka sink alone.
    fn is_told_of(&self) -> bool {
        let (said, yes) = ready(&self.sandbox, &[]);
        assert!(!said.contains("sink.file"), "{said}");
        !yes && said.contains("sink.out")
    }

    fn is_ready(&self) -> bool {
        ready(&self.sandbox, &[]).1
    }

    fn end(self, job: Job) {
        self.await_rows();
        job.stop().unwrap();
        assert_eq!(ids(self.broker, &self.topic), self.expected());
        let mut file: Vec<u64> = self
            .sandbox
            .rows("out")
            .iter()
            .map(|row| row[6..row.len() - 1].parse().unwrap())
            .collect();
        file.sort_unstable();
        assert_eq!(file, self.expected());
    }
}

/// Whatever a transaction says to the broker, it may not arrive, or the answer may not come back.
#[test]
fn a_connection_that_is_cut_in_any_phase_of_a_transaction_is_survived() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let mut fed = Fed::new(broker, &proxy.address(), 3, "");
    let job = Job::start(&fed.sandbox);
    for api in [
        Api::Produce,
        Api::AddPartitionsToTxn,
        Api::AddOffsetsToTxn,
        Api::TxnOffsetCommit,
        Api::EndTxn,
    ] {
        for moment in [Moment::Request, Moment::Response] {
            fed.await_rows();
            wait_until(|| fed.is_ready());
            proxy.cut_at(api, moment);
            fed.feed();
            proxy.await_cut();
            wait_until(|| fed.is_told_of());
            proxy.heal();
        }
    }
    fed.await_rows();
    wait_until(|| fed.is_ready());
    fed.end(job);
}

/// A start says more to the broker: who writes now, and what was written last.
#[test]
fn a_connection_that_is_cut_while_a_job_starts_is_survived() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let mut fed = Fed::new(broker, &proxy.address(), 1, "");
    let apis = [Api::Metadata, Api::FindCoordinator, Api::InitProducerId, Api::OffsetFetch];
    for api in apis.into_iter().chain([Api::TxnOffsetCommit, Api::EndTxn]) {
        for moment in [Moment::Request, Moment::Response] {
            proxy.cut_at(api, moment);
            let job = Job::start(&fed.sandbox);
            proxy.await_cut();
            proxy.heal();
            fed.await_rows();
            job.stop().unwrap();
            fed.feed();
        }
    }
    let job = Job::start(&fed.sandbox);
    fed.end(job);
}

/// What stands still is not gone, and what is slow is not down: rows wait, and the source with them.
#[test]
fn a_broker_that_takes_nothing_for_a_while_slows_the_source_down() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let more = "properties = { \"queue.buffering.max.messages\" = 50 }";
    let mut fed = Fed::new(broker, &proxy.address(), 1, more);
    let job = Job::start(&fed.sandbox);
    fed.await_rows();
    proxy.stall();
    (0..20).for_each(|_| fed.feed());
    wait_until(|| fed.is_told_of());
    proxy.heal();
    fed.await_rows();
    wait_until(|| fed.is_ready());
    proxy.delay(Duration::from_millis(30));
    (0..5).for_each(|_| fed.feed());
    fed.await_rows();
    assert_eq!(job.restarts(), Vec::<String>::new(), "nothing was lost");
    fed.end(job);
}

/// How a broker goes away and comes back.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Stopped,
    Killed,
    /// For longer than a transaction may last.
    Paused,
}

const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);

impl Outage {
    fn begin(self, broker: &Broker) {
        match self {
            Self::Stopped => broker.stop(),
            Self::Killed => broker.kill(),
            Self::Paused => broker.pause(),
        }
    }

    fn end(self, broker: &Broker) {
        match self {
            Self::Stopped | Self::Killed => broker.start(),
            Self::Paused => broker.resume(),
        }
    }
}

/// A broker that is stopped, killed or paused in the middle of an epoch: the job waits, says so,
/// and goes on. Where a transaction has run out of time meanwhile, it is made again.
#[test]
fn a_broker_that_goes_away_in_any_phase_comes_back_to_each_row_once() {
    let broker = Broker::own();
    let proxy = broker.proxy();
    let timeout = TRANSACTION_TIMEOUT.as_millis();
    let more = format!("properties = {{ \"transaction.timeout.ms\" = {timeout} }}");
    let mut fed = Fed::new(&broker, &proxy.address(), 3, &more);
    let job = Job::start(&fed.sandbox);
    for (api, moment, outage) in [
        (Api::Produce, Moment::Response, Outage::Stopped),
        (Api::Produce, Moment::Response, Outage::Paused),
        (Api::TxnOffsetCommit, Moment::Response, Outage::Killed),
        (Api::EndTxn, Moment::Request, Outage::Paused),
        (Api::EndTxn, Moment::Request, Outage::Killed),
        (Api::EndTxn, Moment::Response, Outage::Paused),
    ] {
        fed.await_rows();
        proxy.cut_at(api, moment);
        fed.feed();
        proxy.await_cut();
        let begun = Instant::now();
        outage.begin(&broker);
        proxy.heal();
        fed.feed();
        wait_until(|| fed.is_told_of());
        if matches!(outage, Outage::Paused) {
            wait_until(|| begun.elapsed() > 2 * TRANSACTION_TIMEOUT);
        }
        outage.end(&broker);
        fed.await_rows();
        wait_until(|| fed.is_ready());
    }
    fed.end(job);
}

/// At least once is what it says, whatever happens: all rows, some of them perhaps twice.
#[test]
fn at_least_once_loses_nothing() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let more = "delivery = \"at_least_once\"\nproperties = { \"message.timeout.ms\" = 500 }";
    let mut fed = Fed::new(broker, &proxy.address(), 1, more);
    let job = Job::start(&fed.sandbox);
    let complete = |fed: &Fed| {
        wait_until(|| {
            let mut found = quick_ids(broker, &fed.topic);
            found.dedup();
            found == fed.expected()
        });
    };
    for moment in [Moment::Request, Moment::Response] {
        complete(&fed);
        let restarts = job.restarts().len();
        proxy.cut_at(Api::Produce, moment);
        fed.feed();
        proxy.await_cut();
        fed.feed();
        wait_until(|| fed.is_told_of());
        // Records that were given up are read and sent again.
        wait_until(|| job.restarts().len() > restarts);
        proxy.heal();
    }
    complete(&fed);
    wait_until(|| fed.is_ready());
    job.stop().unwrap();
}

/// Without room for what an epoch has to keep, the sink says so and waits for room, whatever its
/// transaction has come to.
#[test]
fn a_full_disk_under_the_staging_directory_is_waited_for() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let mut fed = Fed::new(broker, &proxy.address(), 1, "");
    let staging = fed.sandbox.path(".millrace/test/staged");
    let disk = FullDisk::below(&staging);
    disk.make_room();
    let job = Job::start_on(&fed.sandbox, Arc::new(disk.clone()));
    fed.await_rows();
    assert!(staging.is_dir(), "this is where records wait");
    for api in [None, Some(Api::Produce), Some(Api::EndTxn)] {
        if let Some(api) = api {
            proxy.cut_at(api, Moment::Response);
            fed.feed();
            proxy.await_cut();
        }
        disk.fill();
        proxy.heal();
        fed.feed();
        wait_until(|| fed.is_told_of());
        disk.make_room();
        fed.await_rows();
        wait_until(|| fed.is_ready());
    }
    assert!(!job.restarts().is_empty());
    fed.end(job);
}

/// A job that ends for good must not keep readers waiting for the transaction that it had open.
#[test]
fn a_transaction_ends_with_its_job() {
    let broker = Broker::shared();
    let topic = unique("narrow");
    broker.create_topic(&topic, 1, &[("max.message.bytes", "1000")]);
    let sandbox = Sandbox::new();
    let value = "value = \"CASE WHEN id = 2 THEN repeat('x', 3000) ELSE 'short' END\"";
    let sink = sink("out", "\"orders\"", broker.address(), &topic, value);
    sandbox.pipeline(&format!("{}{sink}", FOLLOWED.replace("20ms", "1h")));
    feed(&sandbox, 0..1);
    let job = Job::start(&sandbox);
    let begun = Instant::now();
    let sent = || broker.read_with(&topic, Isolation::ReadUncommitted).len();
    wait_until(|| sent() == 1);
    // The first epoch is a short one; what comes after it stays in an open transaction.
    wait_until(|| begun.elapsed() > Duration::from_secs(1));
    feed(&sandbox, 1..2);
    wait_until(|| sent() == 2);
    feed(&sandbox, 2..3);
    failure(job.end(), ErrorKind::Config);
    broker.produce(&topic, ["from somebody else"]);
    let texts: Vec<String> = broker.read(&topic).iter().map(|r| r.text().to_owned()).collect();
    assert_eq!(texts.last().map(String::as_str), Some("from somebody else"), "{texts:?}");
}
