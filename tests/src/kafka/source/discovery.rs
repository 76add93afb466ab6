//! Topics and partitions that come while the source reads.

use millrace::error::ErrorKind;
use millrace_tests::broker::{Broker, Message, unique};

use super::{SINK, endless, lines, named, numbers, once};
use crate::harness::Sandbox;

/// New partitions are read from their first record, though the others began at the end.
#[test]
fn a_new_partition_is_read_from_its_start() {
    let broker = Broker::shared();
    let topic = broker.topic("growing", 1);
    broker.produce(&topic, ["old"]);
    let sandbox = Sandbox::new();
    let more = "start = \"latest\"\ndiscover = \"100ms\"";
    let mut grown = false;
    sandbox.run_until(&(endless(broker, &named(&topic), more) + SINK), || {
        if !grown && sandbox.path(".millrace/test/checkpoint.redb").exists() {
            broker.add_partitions(&topic, 3);
            let spread = |n: usize| Message::new(format!("{n:05}")).partition(1 + n as i32 % 2);
            broker.produce(&topic, (0..50).map(spread));
            grown = true;
        }
        lines(&sandbox).len() == 50
    });
    assert_eq!(lines(&sandbox), numbers(0..50));
    // What came while nobody looked is new as well.
    broker.add_partitions(&topic, 4);
    broker.produce(&topic, [Message::new("00050").partition(3)]);
    sandbox.run(&(once(broker, &named(&topic), more) + SINK));
    assert_eq!(lines(&sandbox), numbers(0..51));
}

/// A pattern means whole names, and topics that do not exist yet, too.
#[test]
fn a_pattern_finds_topics_that_come_later() {
    let broker = Broker::shared();
    let prefix = unique("pattern");
    let name = |n: usize| format!("{prefix}-{n}");
    let create = |n: usize| {
        broker.create_topic(&name(n), 2, &[]);
        broker.produce(&name(n), [format!("{n:05}")]);
    };
    let sandbox = Sandbox::new();
    let topics = format!("topic_pattern = \"{prefix}-[0-9]\"");
    let mut made = 0;
    broker.create_topic(&format!("not-{prefix}-1"), 1, &[]);
    broker.produce(&format!("not-{prefix}-1"), ["no"]);
    let pipeline = endless(broker, &topics, "discover = \"100ms\"") + SINK;
    sandbox.run_until(&pipeline, || {
        if lines(&sandbox).len() == made && made < 3 {
            create(made);
            made += 1;
        }
        lines(&sandbox).len() == 3
    });
    assert_eq!(lines(&sandbox), numbers(0..3));
}

/// A name that is misspelt is said at once, and nothing is written.
#[test]
fn a_topic_that_is_not_there_is_an_error() {
    let broker = Broker::shared();
    let topic = broker.topic("there", 1);
    let missing = unique("missing");
    let sandbox = Sandbox::new();
    let topics = format!("topics = [\"{topic}\", \"{missing}\"]");
    let error = sandbox.try_run(&(once(broker, &topics, "") + SINK)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.to_string().contains(&format!("`{missing}`")), "{error}");
    assert!(sandbox.files("out").is_empty());
}
