//! Every record comes once, as it is.

use millrace_tests::broker::{Broker, Message};

use super::{named, once, values};
use crate::harness::Sandbox;

const RAW: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"s\"\nformat = \"raw\"\n";

/// The plainest use: what is in the topic is read, and a second run goes on where the first ended.
#[test]
fn a_topic_is_read_and_read_on() {
    let broker = Broker::shared();
    let topic = broker.topic("plain", 3);
    broker.produce(&topic, (0..100).map(|n| Message::new(format!("{n:03}")).partition(n % 3)));
    let sandbox = Sandbox::new();
    let pipeline = once(broker, &named(&topic), "").replace(super::SINK, RAW);
    sandbox.run(&pipeline);
    let all: Vec<String> = (0..100).map(|n| format!("{n:03}")).collect();
    assert_eq!(values(&sandbox), all);
    sandbox.run(&pipeline);
    assert_eq!(values(&sandbox), all);
    broker.produce(&topic, ["100", "101"]);
    sandbox.run(&pipeline);
    assert_eq!(values(&sandbox).len(), 102);
}
