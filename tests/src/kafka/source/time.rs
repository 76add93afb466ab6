//! Event time: partitions that are idle, behind, or out of reach.

use millrace_tests::broker::{Broker, Message};

use super::{endless, lines, named, source};
use crate::harness::{Sandbox, wait_until};

/// Counts rows per minute of event time.
const COUNTS: &str = "[step.counts]\nsql = \"\"\"SELECT tumble(at, INTERVAL '1 minute') AS w, \
                      count(*) AS n FROM s GROUP BY w\"\"\"\n\
                      [step.shown]\nsql = \"\"\"SELECT n FROM counts\"\"\"\n\
                      [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"shown\"\n";

fn json(idle: &str) -> String {
    format!(
        "format = \"json\"\nschema = {{ at = \"timestamp\" }}\n\
         event_time = {{ column = \"at\", delay = \"0s\", idle = \"{idle}\" }}"
    )
}

fn at(minute: usize, partition: i32) -> Message {
    Message::new(format!("{{\"at\": \"2026-01-01T00:{minute:02}:00Z\"}}")).partition(partition)
}

/// A partition without records holds nothing back for longer than it may.
#[test]
fn an_idle_partition_does_not_hold_time_back() {
    let broker = Broker::shared();
    let topic = broker.topic("idle", 3);
    broker.produce(&topic, [at(0, 0), at(1, 0), at(2, 0)]);
    let sandbox = Sandbox::new();
    let pipeline = endless(broker, &named(&topic), &json("200ms")) + COUNTS;
    sandbox.run_until(&pipeline, || lines(&sandbox).len() >= 2);
}

/// A partition that is behind the others holds time back, and none of its rows is late.
#[test]
fn a_partition_that_is_behind_is_waited_for() {
    let broker = Broker::shared();
    let topic = broker.topic("behind", 2);
    broker.produce(&topic, (0..20).map(|minute| at(minute, 0)));
    broker.produce(&topic, (0..10).map(|minute| at(minute, 1)));
    let sandbox = Sandbox::new();
    let pipeline = endless(broker, &named(&topic), &json("1h")) + COUNTS;
    // Windows of both come, and none that the partition that is behind has not reached.
    sandbox.run_until(&pipeline, || lines(&sandbox).len() >= 9);
    assert_eq!(lines(&sandbox), vec!["{\"n\":2}"; 9]);
    assert!(sandbox.letters().is_empty());
}

/// Nobody knows what a partition holds whose broker does not answer: it is not idle.
#[test]
fn a_partition_out_of_reach_is_not_idle() {
    let broker = Broker::shared();
    let (near, far) = (broker.topic("near", 1), broker.topic("far", 1));
    broker.produce(&near, [at(0, 0)]);
    broker.produce(&far, [at(0, 0)]);
    let proxy = broker.proxy();
    let sandbox = Sandbox::new();
    let event_time = json("2s");
    let two = endless(broker, &named(&near), &event_time)
        + &source(&proxy.address(), &named(&far), &event_time).replace("[source.s]", "[source.t]")
        + "[step.both]\nsql = \"\"\"SELECT at FROM s UNION ALL SELECT at FROM t\"\"\"\n"
        + &COUNTS.replace("FROM s", "FROM both");
    let mut phase = 0;
    let mut waited = std::time::Instant::now();
    sandbox.run_until(&two, || {
        match phase {
            0 if sandbox.path(".millrace/test/checkpoint.redb").exists()
                && broker.committed("millrace-test-t", &far).contains_key(&0) =>
            {
                proxy.cut();
                // Longer than a partition may be empty before it is idle.
                waited = std::time::Instant::now();
                phase = 1;
            }
            1 if waited.elapsed() > std::time::Duration::from_secs(5) => {
                broker.produce(&near, [at(5, 0)]);
                phase = 2;
            }
            2 if broker.committed("millrace-test-s", &near).get(&0).is_some_and(|c| c.0 == 2) => {
                assert!(lines(&sandbox).is_empty(), "a window went out without its rows");
                broker.produce(&far, [at(0, 0), at(6, 0)]);
                proxy.heal();
                phase = 3;
            }
            _ => {}
        }
        phase == 3 && !lines(&sandbox).is_empty()
    });
    assert_eq!(lines(&sandbox)[0], "{\"n\":3}");
    wait_until(|| sandbox.letters().is_empty());
}
