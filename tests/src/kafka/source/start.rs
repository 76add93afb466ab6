//! Where reading begins, and where it goes on.

use millrace::error::ErrorKind;
use millrace_tests::broker::{Broker, Message};

use super::{SINK, endless, lines, named, numbers, once, watch};
use crate::harness::{Sandbox, wait_until};

/// `latest` is where the first start found the topic: who starts again before the first record
/// must not miss what came between.
#[test]
fn latest_is_resolved_once() {
    let broker = Broker::shared();
    let topic = broker.topic("latest", 2);
    broker.produce(&topic, ["old", "older"]);
    let sandbox = Sandbox::new();
    let pipeline = once(broker, &named(&topic), "start = \"latest\"") + SINK;
    sandbox.run(&pipeline);
    broker.produce(&topic, numbers(0..20));
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(0..20));
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(0..20));
}

/// A time means the first record that is not older, in each partition for itself.
#[test]
fn a_time_means_the_first_record_that_is_not_older() {
    let broker = Broker::shared();
    let topic = broker.topic("time", 3);
    let second = |n: usize| 1_767_225_600_000 + n as i64 * 1000;
    let spread =
        |n: usize| Message::new(format!("{n:05}")).timestamp(second(n)).partition(n as i32 % 2);
    broker.produce(&topic, (0..20).map(spread));
    let sandbox = Sandbox::new();
    let start = "start = { timestamp = \"2026-01-01T00:00:07Z\" }";
    sandbox.run(&(once(broker, &named(&topic), start) + SINK));
    assert_eq!(lines(&sandbox), numbers(7..20));
    // Nobody has written yet then: what comes next is read.
    let sandbox = Sandbox::new();
    let start = "start = { timestamp = \"2099-01-01T00:00:00Z\" }";
    let pipeline = once(broker, &named(&topic), start) + SINK;
    sandbox.run(&pipeline);
    broker.produce(&topic, [Message::new("00020").partition(2)]);
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(20..21));
}

/// Offsets are given for each partition; the others begin at their first record.
#[test]
fn given_offsets_are_kept_to() {
    let broker = Broker::shared();
    let topic = broker.topic("offsets", 2);
    let spread = |n: usize| Message::new(format!("{n:05}")).partition(i32::from(n >= 10));
    broker.produce(&topic, (0..20).map(spread));
    let sandbox = Sandbox::new();
    let start = format!("start = {{ offsets = {{ \"{topic}/0\" = 4 }} }}");
    sandbox.run(&(once(broker, &named(&topic), &start) + SINK));
    assert_eq!(lines(&sandbox), numbers(4..20));
    for (key, offset, said) in
        [(format!("{topic}/0"), 11, "offsets from 0 to 10"), (format!("{topic}/2"), 0, "not there")]
    {
        let start = format!("start = {{ offsets = {{ \"{key}\" = {offset} }} }}");
        let pipeline = once(broker, &named(&topic), &start) + SINK;
        let error = Sandbox::new().try_run(&pipeline).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// All that there is at the start is read, and no more, although a producer goes on.
#[test]
fn available_now_ends_although_a_producer_goes_on() {
    let broker = Broker::shared();
    let topic = broker.topic("endless", 2);
    let spread = |n: usize| Message::new(format!("{n:05}")).partition(n as i32 % 2);
    broker.produce(&topic, (0..500).map(spread));
    let sandbox = Sandbox::new();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut sent = 500;
            while !over.load(std::sync::atomic::Ordering::Acquire) {
                broker.produce(&topic, (sent..sent + 50).map(spread));
                sent += 50;
            }
            sent
        });
        let limit = "limit_per_epoch = { rows = 40 }";
        sandbox.run(&(once(broker, &named(&topic), limit) + SINK));
        over.store(true, std::sync::atomic::Ordering::Release);
        let sent = producer.join().unwrap();
        let first = lines(&sandbox);
        assert!(first.len() >= 500 && first.len() < sent, "{} of {sent}", first.len());
        sandbox.run(&(once(broker, &named(&topic), "") + SINK));
        assert_eq!(lines(&sandbox), numbers(0..sent));
    });
}

/// Round after round, each reads what there is.
#[test]
fn rounds_read_what_there_is() {
    let broker = Broker::shared();
    let topic = broker.topic("rounds", 3);
    broker.produce(&topic, numbers(0..300));
    let sandbox = Sandbox::new();
    let pipeline = format!(
        "trigger = {{ interval = \"100ms\" }}\n{}{SINK}",
        endless(broker, &named(&topic), "")
    );
    let mut sent = 300;
    sandbox.run_until(&pipeline, || {
        if lines(&sandbox).len() == sent && sent < 600 {
            broker.produce(&topic, numbers(sent..sent + 100));
            sent += 100;
        }
        lines(&sandbox).len() == 600
    });
    assert_eq!(lines(&sandbox), numbers(0..600));
}

/// The usual tools look at the group: it hears what is committed, and the last of it, too.
#[test]
fn the_group_hears_how_far_the_source_is() {
    let broker = Broker::shared();
    let topic = broker.topic("group", 2);
    let spread = |n: usize| Message::new(format!("{n:05}")).partition(n as i32 % 2);
    broker.produce(&topic, (0..11).map(spread));
    for (more, group) in [("", "millrace-test-s"), ("group = \"mine\"", "mine")] {
        let sandbox = Sandbox::new();
        sandbox.run(&(once(broker, &named(&topic), more) + SINK));
        let committed = broker.committed(group, &topic);
        assert_eq!((committed[&0].0, committed[&1].0), (6, 5));
    }
    // While it runs, too.
    let group = "group = \"running\"";
    let sandbox = Sandbox::new();
    sandbox.run_until(&(endless(broker, &named(&topic), group) + SINK), || {
        broker.committed("running", &topic).get(&0).is_some_and(|(offset, _)| *offset == 6)
    });
}

/// A process that is killed again and again loses nothing and gives nothing twice.
#[test]
fn a_killed_process_goes_on_where_it_was() {
    let broker = Broker::shared();
    let topic = broker.topic("killed", 4);
    let sandbox = Sandbox::new();
    sandbox.pipeline(&(endless(broker, &named(&topic), "") + SINK));
    let mut sent = 0;
    for round in 1..=4 {
        let mut child = sandbox.command(&["run", "pipeline.toml", "--quiet"]).spawn().unwrap();
        let before = lines(&sandbox).len();
        wait_until(|| {
            broker.produce(&topic, numbers(sent..sent + 50));
            sent += 50;
            lines(&sandbox).len() > before + 200
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(lines(&sandbox).len() < sent || round > 0);
    }
    sandbox.run(&(once(broker, &named(&topic), "") + SINK));
    assert_eq!(lines(&sandbox), numbers(0..sent));
}

/// How far it is behind is told while it runs, and comes to 0.
#[test]
fn lag_is_told_and_comes_to_nothing() {
    let broker = Broker::shared();
    let topic = broker.topic("lag", 2);
    broker.produce(&topic, numbers(0..1000));
    let sandbox = Sandbox::new();
    let limit = "limit_per_epoch = { rows = 100 }";
    let slow = "[checkpoint]\ninterval = \"300ms\"\n";
    let pipeline = endless(broker, &named(&topic), limit) + SINK + slow;
    let (told, ended) = watch(&sandbox, &pipeline, || lines(&sandbox).len() == 1000);
    ended.unwrap();
    assert!(told.lag.iter().any(|lag| (1..=1000).contains(lag)), "{:?}", told.lag);
    assert_eq!(told.lag.last(), Some(&0));
}

/// A broker that is away makes the source wait, whatever it was doing: nothing ends, fails or is
/// lost, and it is said that the broker is away.
#[test]
fn a_broker_that_is_away_is_waited_for() {
    let broker = Broker::own();
    let topic = broker.topic("away", 3);
    broker.produce(&topic, numbers(0..50));
    let sandbox = Sandbox::new();
    sandbox.pipeline(&(endless(&broker, &named(&topic), "") + SINK));
    let mut child = sandbox.command(&["run", "pipeline.toml", "--quiet"]).spawn().unwrap();
    wait_until(|| lines(&sandbox).len() == 50);
    broker.kill();
    let ready = || sandbox.millrace(&["ready", "pipeline.toml"]).status.success();
    wait_until(|| !ready());
    broker.start();
    wait_until(ready);
    broker.produce(&topic, numbers(50..100));
    wait_until(|| lines(&sandbox).len() == 100);
    child.kill().unwrap();
    child.wait().unwrap();
    // Nor does it look like the end of what there is.
    broker.produce(&topic, numbers(100..5000));
    let proxy = broker.proxy();
    let once = once(&broker, &named(&topic), "limit_per_epoch = { rows = 100 }");
    let once = once.replace(broker.address(), &proxy.address());
    sandbox.pipeline(&(once + SINK));
    let mut child = sandbox.command(&["run", "pipeline.toml", "--quiet"]).spawn().unwrap();
    wait_until(|| lines(&sandbox).len() > 200);
    proxy.cut();
    wait_until(|| !ready());
    assert!(child.try_wait().unwrap().is_none(), "it took a broker that is away for the end");
    proxy.heal();
    assert!(child.wait().unwrap().success());
    assert_eq!(lines(&sandbox), numbers(0..5000));
}

/// The command tells programs how far each partition is.
#[test]
fn the_command_tells_lag_as_json() {
    let broker = Broker::shared();
    let topic = broker.topic("told", 1);
    broker.produce(&topic, numbers(0..7));
    let sandbox = Sandbox::new();
    sandbox.pipeline(&(once(broker, &named(&topic), "") + SINK));
    let output = sandbox.millrace(&["run", "pipeline.toml", "--json"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    let end = text.lines().find(|line| line.contains("\"event\":\"end\"")).unwrap();
    let end: serde_json::Value = serde_json::from_str(end).unwrap();
    let source = &end["sources"]["s"];
    assert_eq!((&source["records_lag"], &source["records_lost"]), (&0.into(), &0.into()));
    let partition = &source["partitions"][format!("{topic}/0")];
    assert_eq!((&partition["end_offset"], &partition["latest_offset"]), (&7.into(), &7.into()));
}
