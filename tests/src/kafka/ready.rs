//! A broker that is away: who waits for it is named, and nobody else.

use millrace_tests::broker::Broker;
use serde_json::Value;

use crate::harness::Sandbox;

/// Who is down, as a running pipeline says.
fn down(sandbox: &Sandbox) -> Vec<String> {
    let answer = sandbox.millrace(&["ready", "pipeline.toml", "--json"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let down = answer["down"].as_array().cloned().unwrap_or_default();
    assert_eq!(
        answer["ready"] == true,
        answer["phase"] == "running" && down.is_empty(),
        "{answer}"
    );
    down.iter().map(|node| node["node"].as_str().unwrap_or("nobody").to_owned()).collect()
}

/// Of a fan-out to a topic and to files, only the sink is named whose connection is cut; when it is
/// mended, all goes on, with every record once.
#[test]
fn of_a_fan_out_the_sink_that_waits_is_named() {
    let broker = Broker::shared();
    let proxy = broker.proxy();
    let (from, to) = (broker.topic("from", 2), broker.topic("to", 2));
    let sandbox = Sandbox::new();
    let text = format!(
        "[restart]\ndelay_max = \"100ms\"\n\
         [source.orders]\ntype = \"kafka\"\nbrokers = \"{}\"\ntopics = [\"{from}\"]\n\
         format = \"raw\"\n\
         [sink.files]\ntype = \"file\"\nfrom = \"orders\"\npath = \"out\"\nformat = \"raw\"\n\
         [sink.alerts]\ntype = \"kafka\"\nfrom = \"orders\"\nbrokers = \"{}\"\ntopic = \"{to}\"\n\
         format = \"raw\"\n",
        broker.address(),
        proxy.address()
    );
    let record = |n: i32| format!("record {n}");
    let sent = |count: i32| {
        let mut texts: Vec<String> =
            broker.read(&to).iter().map(|record| record.text().to_owned()).collect();
        texts.sort();
        texts == (0..count).map(record).collect::<Vec<_>>()
    };
    let mut step = 0;
    sandbox.run_until_restarting(&text, |told| {
        match step {
            0 => broker.produce(&from, (0..5).map(record)),
            // Everything works.
            1 if sent(5) && down(&sandbox).is_empty() => {
                proxy.cut();
                broker.produce(&from, (5..9).map(record));
            }
            // The progress tells the same, also while the sink makes everything wait.
            2 if down(&sandbox) == ["sink.alerts"] && told.contains("sink.alerts") => {
                assert_eq!(told.len(), 1, "{told:?}");
                proxy.heal();
            }
            3 if sent(9) && down(&sandbox).is_empty() => return true,
            _ => return false,
        }
        step += 1;
        false
    });
    let files = sandbox.files("out");
    let lines = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let mut lines: Vec<String> =
        lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.sort();
    assert_eq!(lines, (0..9).map(record).collect::<Vec<_>>());
    assert!(sent(9));
}

/// A broker that stands still is down for source and sink; the pipeline keeps its place, and goes on
/// when the broker does.
#[test]
fn a_broker_that_stands_still_is_down_for_all() {
    let broker = Broker::own();
    let (from, to) = (broker.topic("from", 1), broker.topic("to", 1));
    let sandbox = Sandbox::new();
    let address = broker.address();
    let text = format!(
        "[restart]\ndelay_max = \"100ms\"\n\
         [source.orders]\ntype = \"kafka\"\nbrokers = \"{address}\"\ntopics = [\"{from}\"]\n\
         format = \"raw\"\n\
         [sink.alerts]\ntype = \"kafka\"\nfrom = \"orders\"\nbrokers = \"{address}\"\n\
         topic = \"{to}\"\nformat = \"raw\"\n",
    );
    let sent = || broker.read(&to).iter().map(|r| r.text().to_owned()).collect::<Vec<_>>();
    let mut step = 0;
    sandbox.run_until_restarting(&text, |_| {
        match step {
            0 => broker.produce(&from, ["one"]),
            1 if sent() == ["one"] && down(&sandbox).is_empty() => broker.pause(),
            2 if down(&sandbox).contains(&"orders".to_owned()) => broker.resume(),
            3 => broker.produce(&from, ["two"]),
            4 if sent() == ["one", "two"] && down(&sandbox).is_empty() => return true,
            _ => return false,
        }
        step += 1;
        false
    });
    assert_eq!(sent(), ["one", "two"]);
}
