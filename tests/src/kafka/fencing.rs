//! Who may write, and what was written: processes that take over, and marks that are gone.

use std::collections::BTreeMap;
use std::fs;

use millrace::error::ErrorKind;
use millrace::sink::Outcome;
use millrace_tests::broker::{Api, Broker, Moment};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

use super::fixture::{FOLLOWED, Job, Process, failure, feed, id, ids, mark, quick_ids, sink};
use crate::harness::{Sandbox, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const FENCED: i32 = 6;

/// `FOLLOWED` into the topic, with an end: the next run reads what is there and ends.
fn bounded(text: &str) -> String {
    text.replace("follow = \"10ms\"\n", "")
}

fn pipeline(brokers: &str, topic: &str, more: &str) -> String {
    format!("{FOLLOWED}{}", sink("out", "\"orders\"", brokers, topic, more))
}

/// A pipeline of which an epoch is committed, but not known to be in the topic: it was killed when
/// the commit of its transaction was cut off. Row 0 is in sight.
fn unfinished(broker: &Broker, topic: &str, moment: Moment) -> Sandbox {
    let sandbox = Sandbox::new();
    let proxy = broker.proxy();
    feed(&sandbox, 0..1);
    sandbox.pipeline(&pipeline(&proxy.address(), topic, ""));
    let mut process = Process::start(&sandbox);
    wait_until(|| quick_ids(broker, topic) == [0]);
    // The mark says that the epoch of row 0 is over.
    proxy.cut_at(Api::EndTxn, moment);
    feed(&sandbox, 1..3);
    proxy.await_cut();
    process.kill();
    // What was open is aborted, as its time would do it.
    for turn in 0..2 {
        let producer: BaseProducer = broker
            .client()
            .set("transactional.id", format!("{}-{turn}", id(topic, "out")))
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
    }
    let seen: &[u64] = match moment {
        Moment::Request => &[0],
        Moment::Response => &[0, 1, 2],
    };
    assert_eq!(quick_ids(broker, topic), seen);
    sandbox.pipeline(&bounded(&pipeline(broker.address(), topic, "")));
    sandbox
}

/// The broker knows what was published, and what it says goes before what the user says.
#[test]
fn a_commit_whose_outcome_nobody_heard_is_looked_up() {
    let broker = Broker::shared();
    for moment in [Moment::Request, Moment::Response] {
        for outcome in [None, Some("out=published"), Some("out=unpublished")] {
            let topic = broker.topic("unheard", 1);
            let sandbox = unfinished(broker, &topic, moment);
            let outcome = outcome.map(|outcome| ["--outcome", outcome]);
            let arguments: Vec<&str> = ["run", "pipeline.toml", "--quiet"]
                .into_iter()
                .chain(outcome.into_iter().flatten())
                .collect();
            let output = sandbox.millrace(&arguments);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(quick_ids(broker, &topic), [0, 1, 2], "{moment:?}, {outcome:?}");
        }
    }
}

/// Where the broker has forgotten the mark, only the user can know: the run refuses to guess, and
/// goes on by what the user says.
#[test]
fn an_epoch_of_which_nobody_knows_is_the_users_to_decide() {
    let broker = Broker::shared();
    for (moment, outcome) in [(Moment::Request, "unpublished"), (Moment::Response, "published")] {
        let topic = broker.topic("forgotten", 1);
        let sandbox = unfinished(broker, &topic, moment);
        broker.delete_group(&id(&topic, "out"));
        for _ in 0..2 {
            // It stays so, however often it is tried.
            let output = sandbox.millrace(&["run", "pipeline.toml", "--quiet"]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("the broker has forgotten"), "{said}");
            assert!(said.contains("offsets.retention.minutes"), "{said}");
            assert!(
                said.contains("--outcome out=published or --outcome out=unpublished"),
                "{said}"
            );
        }
        let outcome = format!("out={outcome}");
        let output = sandbox.millrace(&["run", "pipeline.toml", "--outcome", &outcome, "--quiet"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(ids(broker, &topic), [0, 1, 2], "{moment:?}");
        feed(&sandbox, 3..4);
        assert!(sandbox.millrace(&["run", "pipeline.toml", "--quiet"]).status.success());
        assert_eq!(quick_ids(broker, &topic), [0, 1, 2, 3], "{moment:?}");
    }
}

/// What the user has said of one epoch says nothing of later ones of the same process.
#[test]
fn what_the_user_says_of_an_epoch_counts_once() {
    let broker = Broker::shared();
    for (first, second, outcome) in [
        (Moment::Request, Moment::Response, Outcome::Unpublished),
        (Moment::Response, Moment::Request, Outcome::Published),
    ] {
        let topic = broker.topic("once", 1);
        let sandbox = unfinished(broker, &topic, first);
        broker.delete_group(&id(&topic, "out"));
        let proxy = broker.proxy();
        sandbox.pipeline(&pipeline(&proxy.address(), &topic, ""));
        let outcomes = BTreeMap::from([("out".to_owned(), outcome)]);
        let job = Job::start_with(&sandbox, |options| options.outcomes = outcomes);
        wait_until(|| quick_ids(broker, &topic) == [0, 1, 2]);
        proxy.cut_at(Api::EndTxn, second);
        feed(&sandbox, 3..5);
        proxy.await_cut();
        proxy.heal();
        wait_until(|| quick_ids(broker, &topic).contains(&4));
        feed(&sandbox, 5..6);
        wait_until(|| quick_ids(broker, &topic).contains(&5));
        job.stop().unwrap();
        assert_eq!(ids(broker, &topic), [0, 1, 2, 3, 4, 5], "{first:?}");
    }
}

/// A mark that has gone by its time is no trouble where everything is in sight.
#[test]
fn a_mark_that_is_gone_is_no_matter_if_nothing_waits() {
    let broker = Broker::shared();
    let topic = broker.topic("expired", 1);
    let sandbox = Sandbox::new();
    let text = bounded(&pipeline(broker.address(), &topic, ""));
    feed(&sandbox, 0..2);
    sandbox.run(&text);
    let before = mark(broker, &topic, "out");
    broker.delete_group(&id(&topic, "out"));
    feed(&sandbox, 2..3);
    sandbox.run(&text);
    assert_eq!(ids(broker, &topic), [0, 1, 2]);
    assert!(mark(broker, &topic, "out") > before);
}

/// Two checkpoints of one name know nothing of each other's epochs.
#[test]
fn a_mark_of_another_checkpoint_is_not_taken_for_its_own() {
    let broker = Broker::shared();
    let topic = broker.topic("another", 1);
    let sandbox = unfinished(broker, &topic, Moment::Request);
    let other = Sandbox::new();
    feed(&other, 100..101);
    other.run(&bounded(&pipeline(broker.address(), &topic, "")));
    let run = Job::start(&sandbox).end();
    let said = failure(run, ErrorKind::Config);
    assert!(said.contains("another checkpoint has written with its transactional id"), "{said}");
    assert!(said.contains("--outcome out=unpublished"), "{said}");
    let outcomes = BTreeMap::from([("out".to_owned(), Outcome::Unpublished)]);
    Job::start_with(&sandbox, |options| options.outcomes = outcomes).end().unwrap();
    assert_eq!(ids(broker, &topic), [0, 1, 2, 100]);
}

/// A group that somebody reads with is not to be overwritten.
#[test]
fn a_group_that_is_in_use_is_refused() {
    let broker = Broker::shared();
    let topic = broker.topic("foreign", 1);
    let sandbox = Sandbox::new();
    feed(&sandbox, 0..1);
    let text = bounded(&pipeline(broker.address(), &topic, ""));
    let reader: BaseConsumer = broker.client().set("group.id", id(&topic, "out")).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
    reader.commit(&offsets, CommitMode::Sync).unwrap();
    let said = failure(sandbox.try_run(&text), ErrorKind::Config);
    assert!(said.contains("holds offsets that are not Millrace's"), "{said}");
    assert!(said.contains("another `transactional_id`"), "{said}");
    let kept = broker.committed(&id(&topic, "out"), &topic);
    assert_eq!(kept[&0], (7, String::new()), "they are the reader's");
}

/// Between a crash and the next run the pipeline file may change: the rows that wait become the
/// records that they were to be.
#[test]
fn records_that_wait_are_those_of_the_file_that_made_them() {
    let broker = Broker::shared();
    let topic = broker.topic("changed", 1);
    let sandbox = unfinished(broker, &topic, Moment::Request);
    feed(&sandbox, 3..4);
    let more = "key = \"id\"\nheaders = { new = \"'yes'\" }\ntimestamp = \"id\"";
    sandbox.run(&bounded(&pipeline(broker.address(), &topic, more)));
    assert_eq!(ids(broker, &topic), [0, 1, 2, 3]);
    let records = broker.read(&topic);
    let new: Vec<_> = records.iter().map(|r| (r.key.is_some(), r.header("new"))).collect();
    assert_eq!(new, [(false, None), (false, None), (false, None), (true, Some("yes"))]);
}

/// Committed records whose sink is gone, or does no longer what it did, must not be forgotten.
#[test]
fn records_that_wait_for_a_sink_that_is_gone_stop_the_start() {
    let broker = Broker::shared();
    let topic = broker.topic("orphans", 1);
    let sandbox = unfinished(broker, &topic, Moment::Request);
    let good = fs::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let file = "[sink.file]\ntype = \"file\"\npath = \"out\"\nfrom = \"orders\"\n";
    for other in [
        bounded(&format!("{FOLLOWED}{file}")),
        bounded(&pipeline(broker.address(), &topic, "")).replace("[sink.out]", "[sink.renamed]"),
        bounded(&pipeline(broker.address(), &topic, "delivery = \"at_least_once\"")),
    ] {
        let said = failure(sandbox.try_run(&other), ErrorKind::Config);
        assert!(said.contains("epoch") && said.contains("`out`"), "{said}");
        assert!(said.contains("--outcome out=published"), "{said}");
    }
    fs::write(sandbox.path("pipeline.toml"), good).unwrap();
    Job::start(&sandbox).end().unwrap();
    assert_eq!(ids(broker, &topic), [0, 1, 2]);
}

/// An old copy of a checkpoint would write rows again that are there: only the topic knows.
#[test]
fn an_old_copy_of_a_checkpoint_is_refused() {
    let broker = Broker::shared();
    let topic = broker.topic("restored", 1);
    let sandbox = Sandbox::new();
    let text = bounded(&pipeline(broker.address(), &topic, ""));
    feed(&sandbox, 0..2);
    sandbox.run(&text);
    let copy = |from: &str, to: &str| {
        let _ = fs::remove_dir_all(sandbox.path(to));
        let (from, to) = (sandbox.path(from), sandbox.path(to));
        assert!(
            std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success()
        );
    };
    copy(".millrace", "backup");
    feed(&sandbox, 2..4);
    sandbox.run(&text);
    copy("backup", ".millrace");
    let said = failure(sandbox.try_run(&text), ErrorKind::Config);
    assert!(said.contains("old copy"), "{said}");
    assert!(said.contains("--outcome out=unpublished"), "{said}");
    assert_eq!(quick_ids(broker, &topic), [0, 1, 2, 3]);
    let outcomes = BTreeMap::from([("out".to_owned(), Outcome::Unpublished)]);
    Job::start_with(&sandbox, |options| options.outcomes = outcomes).end().unwrap();
    assert_eq!(ids(broker, &topic), [0, 1, 2, 2, 3, 3], "as the user wanted");
}

/// Of two processes with one name the older ends, says why, and writes nothing any more.
#[test]
fn the_older_of_two_processes_is_fenced_off() {
    let broker = Broker::shared();
    let topic = broker.topic("fenced", 1);
    let text = pipeline(broker.address(), &topic, "");
    let (older, newer) = (Sandbox::new(), Sandbox::new());
    older.pipeline(&text);
    newer.pipeline(&text);
    feed(&older, 0..1);
    let said = older.path("said");
    let mut first = Process::start_to(&older, &said);
    wait_until(|| quick_ids(broker, &topic) == [0]);
    feed(&newer, 10..11);
    let mut second = Process::start(&newer);
    wait_until(|| quick_ids(broker, &topic) == [0, 10]);
    feed(&older, 1..2);
    assert_eq!(first.wait().code(), Some(FENCED));
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("another process has taken over `sink.out`"), "{said}");
    assert!(said.contains("Stop one of the two"), "{said}");
    feed(&newer, 11..12);
    wait_until(|| quick_ids(broker, &topic) == [0, 10, 11]);
    assert!(second.runs());
    second.signal("-TERM");
    assert!(second.wait().success());
    assert_eq!(ids(broker, &topic), [0, 10, 11]);
}

/// A process that stood still, in the middle of an epoch, while another took over must not finish
/// what it had begun.
#[test]
fn a_process_that_wakes_up_late_writes_nothing() {
    let broker = Broker::shared();
    for api in [Api::Produce, Api::AddOffsetsToTxn, Api::EndTxn] {
        let topic = broker.topic("zombie", 1);
        let proxy = broker.proxy();
        let (older, newer) = (Sandbox::new(), Sandbox::new());
        older.pipeline(&pipeline(&proxy.address(), &topic, ""));
        newer.pipeline(&pipeline(broker.address(), &topic, ""));
        feed(&older, 0..1);
        let mut first = Process::start(&older);
        wait_until(|| quick_ids(broker, &topic) == [0]);
        proxy.cut_at(api, Moment::Request);
        feed(&older, 1..2);
        proxy.await_cut();
        first.signal("-STOP");
        feed(&newer, 10..11);
        let mut second = Process::start(&newer);
        wait_until(|| quick_ids(broker, &topic) == [0, 10]);
        proxy.heal();
        first.signal("-CONT");
        assert_eq!(first.wait().code(), Some(FENCED), "{api:?}");
        feed(&newer, 11..12);
        wait_until(|| quick_ids(broker, &topic).contains(&11));
        assert!(second.runs());
        second.kill();
        assert_eq!(quick_ids(broker, &topic), [0, 10, 11], "{api:?}");
    }
}
