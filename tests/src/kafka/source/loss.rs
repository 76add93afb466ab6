//! Records that are gone before they were read: an error that says so, or what the file says.

use millrace::error::ErrorKind;
use millrace_tests::broker::{Broker, Message, unique};

use super::{SINK, endless, lines, named, numbers, once, watch};
use crate::harness::Sandbox;

fn policy(name: &str) -> String {
    format!("on_data_loss = \"{name}\"\ndiscover = \"100ms\"")
}

fn fails(sandbox: &Sandbox, pipeline: &str, said: &[&str]) {
    let error = sandbox.try_run(pipeline).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config, "{error}");
    let text = error.to_string();
    for said in said.iter().chain(&["on_data_loss", "source `s`"]) {
        assert!(text.contains(said), "`{said}` is missing: {text}");
    }
}

/// Retention was faster than the pipeline.
#[test]
fn records_that_were_deleted_before_the_start() {
    let broker = Broker::shared();
    for (name, expected) in [("earliest", 13..20), ("latest", 20..20)] {
        let topic = broker.topic("deleted", 1);
        broker.produce(&topic, numbers(0..10));
        let sandbox = Sandbox::new();
        let stop = once(broker, &named(&topic), "") + SINK;
        sandbox.run(&stop);
        broker.produce(&topic, numbers(10..20));
        broker.delete_records(&topic, 0, 13);
        fails(&sandbox, &stop, &["/0`", "offset 10", "offset 13", "3 records"]);
        let pipeline = once(broker, &named(&topic), &policy(name)) + SINK;
        let (told, ended) = watch(&sandbox, &pipeline, || false);
        ended.unwrap();
        assert_eq!(told.lost, 3);
        let expected: Vec<String> = numbers(0..10).into_iter().chain(numbers(expected)).collect();
        assert_eq!(lines(&sandbox), expected, "{name}");
        // It is said once, and then over.
        broker.produce(&topic, ["00020"]);
        sandbox.run(&stop);
        assert_eq!(lines(&sandbox).last().unwrap(), "00020");
    }
}

/// Retention overtakes a source that is running.
#[test]
fn records_that_are_deleted_while_it_runs() {
    let broker = Broker::shared();
    for name in ["stop", "earliest"] {
        let topic = broker.topic("overtaken", 1);
        broker.produce(&topic, numbers(0..10));
        let sandbox = Sandbox::new();
        // The client holds no more than a few large records, and the lane takes one in an epoch.
        let more = format!("{}\nlimit_per_epoch = {{ rows = 2 }}", policy(name));
        let small = "properties = { \"queued.max.messages.kbytes\" = 1 }";
        // Long enough that it can't have read them all before they are deleted.
        let slow = "\n[checkpoint]\ninterval = \"250ms\"\n";
        let pipeline = endless(broker, &named(&topic), &format!("{more}\n{small}")) + SINK + slow;
        let mut deleted = false;
        let padded = |n: usize| Message::new(format!("{n:05}{}", " ".repeat(600_000)));
        let (told, ended) = watch(&sandbox, &pipeline, || {
            if !deleted && lines(&sandbox).len() == 10 {
                broker.produce(&topic, (10..40).map(padded));
                broker.delete_records(&topic, 0, 39);
                deleted = true;
            }
            lines(&sandbox).iter().any(|line| line.starts_with("00039"))
        });
        if name == "stop" {
            let error = ended.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Config);
            assert!(error.to_string().contains("offset 39"), "{error}");
        } else {
            ended.unwrap();
            let read = lines(&sandbox).len() as u64;
            assert_eq!(read + told.lost, 40, "each is read, or counted as lost");
        }
    }
}

/// A topic under an old name is another topic, however many records it has.
#[test]
fn a_topic_that_was_made_anew_before_the_start() {
    let broker = Broker::shared();
    for (name, count) in [("earliest", 5), ("latest", 5), ("earliest", 20)] {
        let topic = broker.topic("again", 1);
        broker.produce(&topic, (0..10).map(|n| format!("old {n}")));
        let sandbox = Sandbox::new();
        let stop = once(broker, &named(&topic), "") + SINK;
        sandbox.run(&stop);
        broker.delete_topic(&topic);
        broker.create_topic(&topic, 1, &[]);
        broker.produce(&topic, numbers(0..count));
        fails(&sandbox, &stop, &["/0`", "made anew", "offset 10"]);
        sandbox.run(&(once(broker, &named(&topic), &policy(name)) + SINK));
        let new: Vec<String> =
            lines(&sandbox).into_iter().filter(|line| !line.starts_with("old")).collect();
        assert_eq!(new, if name == "latest" { Vec::new() } else { numbers(0..count) });
        sandbox.run(&stop);
    }
}

/// The same under the source's eyes.
#[test]
fn a_topic_that_is_made_anew_while_it_runs() {
    let broker = Broker::shared();
    for name in ["stop", "earliest"] {
        let topic = broker.topic("renewed", 2);
        broker.produce(&topic, numbers(0..10));
        let sandbox = Sandbox::new();
        let pipeline = endless(broker, &named(&topic), &policy(name)) + SINK;
        let mut renewed = false;
        let (_, ended) = watch(&sandbox, &pipeline, || {
            if !renewed && lines(&sandbox).len() == 10 {
                broker.delete_topic(&topic);
                broker.create_topic(&topic, 2, &[]);
                broker.produce(&topic, numbers(10..15));
                renewed = true;
            }
            lines(&sandbox).len() == 15
        });
        if name == "stop" {
            let error = ended.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Config);
            assert!(error.to_string().contains("made anew"), "{error}");
        } else {
            ended.unwrap();
            assert_eq!(lines(&sandbox), numbers(0..15));
        }
    }
}

/// What was to be read at the start is gone with its topic: the end is where the new one ends.
#[test]
fn available_now_ends_although_a_topic_is_made_anew() {
    let broker = Broker::shared();
    let topic = broker.topic("shorter", 1);
    let padded = |n: usize| Message::new(format!("{n:05}{}", " ".repeat(600_000)));
    broker.produce(&topic, (0..40).map(padded));
    let sandbox = Sandbox::new();
    let few = "limit_per_epoch = { rows = 2 }\n\
               properties = { \"queued.max.messages.kbytes\" = 1 }";
    let more = format!("{}\n{few}", policy("earliest"));
    let mut renewed = false;
    let (_, ended) = watch(&sandbox, &(once(broker, &named(&topic), &more) + SINK), || {
        if !renewed && lines(&sandbox).len() >= 4 {
            broker.delete_topic(&topic);
            broker.create_topic(&topic, 1, &[]);
            broker.produce(&topic, ["new 0", "new 1", "new 2"]);
            renewed = true;
        }
        false
    });
    ended.unwrap();
    let new = lines(&sandbox).into_iter().filter(|line| line.starts_with("new")).count();
    assert_eq!(new, 3);
}

/// A topic that goes is said to be gone, before the start and while it runs.
#[test]
fn a_topic_that_vanishes() {
    let broker = Broker::shared();
    let prefix = unique("vanishing");
    let topic = |n: usize| format!("{prefix}-{n}");
    for n in 0..2 {
        broker.create_topic(&topic(n), 1, &[]);
        broker.produce(&topic(n), [format!("{n:05}")]);
    }
    let sandbox = Sandbox::new();
    let topics = format!("topic_pattern = \"{prefix}-.*\"");
    let mut deleted = false;
    let (_, ended) = watch(&sandbox, &(endless(broker, &topics, &policy("stop")) + SINK), || {
        if !deleted && lines(&sandbox).len() == 2 {
            broker.delete_topic(&topic(0));
            deleted = true;
        }
        false
    });
    let error = ended.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains("no longer there"), "{error}");
    fails(&sandbox, &(once(broker, &topics, "") + SINK), &["no longer there", "-0/0`"]);
    // Let go, the other one goes on; and a new one of the old name is new.
    sandbox.run(&(once(broker, &topics, &policy("earliest")) + SINK));
    broker.create_topic(&topic(0), 1, &[]);
    broker.produce(&topic(0), ["00002"]);
    broker.produce(&topic(1), ["00003"]);
    sandbox.run(&(once(broker, &topics, "") + SINK));
    assert_eq!(lines(&sandbox), numbers(0..4));
}
