//! Every record comes once, as it is.

use millrace_tests::broker::{Broker, Message, Outcome, unique};

use super::{ROWS, SINK, endless, lines, named, numbers, once, watch};
use crate::harness::{Sandbox, canonical_rows};

/// The plainest use: what is in the topic is read, and a second run goes on where the first ended.
#[test]
fn a_topic_is_read_and_read_on() {
    let broker = Broker::shared();
    let topic = broker.topic("plain", 3);
    let spread = |n: usize| Message::new(format!("{n:05}")).partition(n as i32 % 3);
    broker.produce(&topic, (0..100).map(spread));
    let sandbox = Sandbox::new();
    let pipeline = once(broker, &named(&topic), "") + SINK;
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(0..100));
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(0..100));
    broker.produce(&topic, (100..103).map(spread));
    sandbox.run(&pipeline);
    assert_eq!(lines(&sandbox), numbers(0..103));
}

/// Whatever the lanes, the batches and the limits: no record is lost or comes twice.
#[test]
fn lanes_batches_and_limits_do_not_matter() {
    let broker = Broker::shared();
    let topic = broker.topic("spread", 8);
    let spread = |n: usize| Message::new(format!("{n:05}")).partition(n as i32 * 7 % 8);
    broker.produce(&topic, (0..3000).map(spread));
    for (lanes, batch, limit) in [(1, 8192, 100_000), (2, 64, 700), (8, 7, 500), (3, 1000, 3)] {
        if limit == 3 && lanes == 3 {
            continue;
        }
        let sandbox = Sandbox::new();
        let settings = format!("parallelism = {lanes}\nbatch_rows = {batch}\n");
        let more = format!("limit_per_epoch = {{ rows = {limit} }}");
        sandbox.run(&(settings + &once(broker, &named(&topic), &more) + SINK));
        assert_eq!(lines(&sandbox), numbers(0..3000), "{lanes} lanes, {batch} rows, {limit}");
    }
}

/// A record's surroundings become columns when they are asked for, and only then.
#[test]
fn key_headers_time_and_place_become_columns() {
    let broker = Broker::shared();
    let topic = broker.topic("metadata", 2);
    let mut full = Message::new("{\"a\": 1}").key("k").timestamp(1_700_000_000_123).partition(1);
    full = full.header("h", "x").header("h", "y");
    full.headers.push(("null".to_owned(), None));
    let bare = Message::new("{\"a\": 2}").timestamp(1).partition(1);
    broker.produce(&topic, [full, bare]);
    let all =
        "metadata = [\"key\", \"headers\", \"timestamp\", \"topic\", \"partition\", \"offset\"]";
    let json = format!("format = \"json\"\nschema = {{ a = \"int64\" }}\n{all}");
    let step = "[step.shown]\nsql = \"\"\"SELECT a, arrow_cast(key, 'Utf8') AS key, \
                headers[1]['key'] AS first, arrow_cast(headers[2]['value'], 'Utf8') AS second, \
                headers[3]['value'] IS NULL AS third, \"timestamp\", topic, \"partition\", \
                \"offset\" FROM s\"\"\"\n";
    let step = step.replace("arrow_cast(key, 'Utf8')", "CAST(key AS VARCHAR)");
    let step = step
        .replace("arrow_cast(headers[2]['value'], 'Utf8')", "CAST(headers[2]['value'] AS VARCHAR)");
    let sandbox = Sandbox::new();
    let pipeline =
        once(broker, &named(&topic), &json) + &step + &ROWS.replace("\"s\"", "\"shown\"");
    sandbox.run(&pipeline);
    let expected = canonical_rows([
        format!(
            "{{\"a\": 1, \"key\": \"k\", \"first\": \"h\", \"second\": \"y\", \"third\": true, \
             \"timestamp\": \"2023-11-14T22:13:20.123Z\", \"topic\": \"{topic}\", \
             \"partition\": 1, \"offset\": 0}}"
        ),
        format!(
            "{{\"a\": 2, \"third\": true, \"timestamp\": \"1970-01-01T00:00:00.001Z\", \
             \"topic\": \"{topic}\", \"partition\": 1, \"offset\": 1}}"
        ),
    ]);
    assert_eq!(sandbox.rows("out"), expected);
}

/// Many topics are one stream, which says of each row where it came from, under a name of the
/// user's own.
#[test]
fn many_topics_are_one_stream() {
    let broker = Broker::shared();
    let (one, other) = (broker.topic("one", 2), broker.topic("other", 1));
    broker.produce(&one, ["{\"topic\": \"mine\"}"]);
    broker.produce(&other, ["{\"topic\": \"yours\"}", "{\"topic\": null}"]);
    let sandbox = Sandbox::new();
    let topics = format!("topics = [\"{one}\", \"{other}\"]");
    let more =
        "format = \"json\"\nschema = { topic = \"string\" }\nmetadata = { topic = \"from\" }";
    sandbox.run(&(once(broker, &topics, more) + ROWS));
    let expected = canonical_rows([
        format!("{{\"topic\": \"mine\", \"from\": \"{one}\"}}"),
        format!("{{\"topic\": \"yours\", \"from\": \"{other}\"}}"),
        format!("{{\"from\": \"{other}\"}}"),
    ]);
    assert_eq!(sandbox.rows("out"), expected);
}

/// A record that can't be parsed leaves with its place; the others do not notice.
#[test]
fn a_poison_record_becomes_a_dead_letter_with_its_place() {
    let broker = Broker::shared();
    let topic = broker.topic("poison", 1);
    let poison =
        ["{\"a\": 0}", "", "{\"a\": \"x\"}", "\u{0}\u{1}", "{\"a\": 4}", "{}{}", "{\"a\": 6}"];
    broker.produce(&topic, poison);
    let sandbox = Sandbox::new();
    let more = "format = \"json\"\nschema = { a = \"int64\" }\nmetadata = [\"offset\"]";
    sandbox.run(&(once(broker, &named(&topic), more) + ROWS));
    let rows = [0, 4, 6].map(|n| format!("{{\"a\": {n}, \"offset\": {n}}}"));
    assert_eq!(sandbox.rows("out"), canonical_rows(rows));
    let letters = sandbox.letters();
    let places: Vec<(String, u64, String)> = letters
        .iter()
        .map(|l| (l.text("partition").to_owned(), l.row(), l.text("payload").to_owned()))
        .collect();
    let place = |row: usize| (format!("{topic}/0"), row as u64, poison[row].to_owned());
    assert_eq!(places, [1, 2, 3, 5].map(place));
}

/// A dead letter can be given to its source again once the columns are mended; what stood beside
/// the record is gone by then.
#[test]
fn a_dead_letter_is_replayed_without_what_stood_beside_it() {
    let broker = Broker::shared();
    let topic = broker.topic("replayed", 1);
    broker.produce(&topic, ["{\"a\": 1}", "{\"a\": \"x\"}"]);
    let sandbox = Sandbox::new();
    let pipeline = |column: &str| {
        let more =
            format!("format = \"json\"\nschema = {{ a = \"{column}\" }}\nmetadata = [\"offset\"]");
        once(broker, &named(&topic), &more) + ROWS
    };
    sandbox.run(&pipeline("int64"));
    assert_eq!(sandbox.letters().len(), 1);
    sandbox.pipeline(&pipeline("string"));
    let replayed = sandbox.millrace(&["dlq", "replay", "pipeline.toml"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let expected = canonical_rows(["{\"a\": 1, \"offset\": 0}", "{\"a\": \"x\"}"]);
    assert_eq!(sandbox.rows("out"), expected);
}

/// A null value is no empty value, and the file says what becomes of it.
#[test]
fn tombstones_go_where_the_file_says() {
    let broker = Broker::shared();
    let topic = broker.topic("tombstones", 1);
    let records = || {
        vec![
            Message::new("{\"a\": 0}").key("k0"),
            Message::tombstone("k1"),
            Message::tombstone("k2"),
            Message::new("{\"a\": 3}").key("k3"),
            Message::tombstone("k4"),
        ]
    };
    broker.produce(&topic, records());
    let json = "format = \"json\"\nschema = { a = \"int64\" }\nmetadata = [\"offset\"]\n";
    let rows = |numbers: &[u32]| {
        let row = |n: &u32| match n {
            0 | 3 => format!("{{\"a\": {n}, \"offset\": {n}}}"),
            _ => format!("{{\"offset\": {n}}}"),
        };
        canonical_rows(numbers.iter().map(row))
    };
    for (policy, kept, letters) in
        [("", vec![0, 3], 3), ("skip", vec![0, 3], 0), ("keep", vec![0, 1, 2, 3, 4], 0)]
    {
        let sandbox = Sandbox::new();
        let more = match policy {
            "" => json.to_owned(),
            policy => format!("{json}tombstones = \"{policy}\""),
        };
        let pipeline = once(broker, &named(&topic), &more) + ROWS;
        let (told, ended) = watch(&sandbox, &pipeline, || false);
        ended.unwrap();
        assert_eq!(sandbox.rows("out"), rows(&kept), "{policy}");
        assert_eq!(told.skipped, if policy == "skip" { 3 } else { 0 });
        let found = sandbox.letters();
        assert_eq!(found.len(), letters);
        for (letter, offset) in found.iter().zip([1, 2, 4]) {
            assert_eq!((letter.text("code"), letter.row()), ("null_value", offset));
            assert!(letter.text("message").contains(&format!("`k{offset}`")));
        }
    }
}

/// Raw records keep every byte, also where there is none; and null is not empty.
#[test]
fn raw_records_keep_their_bytes() {
    let broker = Broker::shared();
    let topic = broker.topic("raw", 1);
    let values = [Some(vec![0, 255, 10, 13]), Some(Vec::new()), None, Some(b"x".to_vec())];
    broker.produce(&topic, values.map(|value| Message { value, ..Message::default() }));
    let sandbox = Sandbox::new();
    let step =
        "[step.shown]\nsql = \"\"\"SELECT encode(value, 'hex') AS hex, \"offset\" FROM s\"\"\"\n";
    let more = "tombstones = \"keep\"\nmetadata = [\"offset\"]";
    sandbox.run(&(once(broker, &named(&topic), more) + step + &ROWS.replace("\"s\"", "\"shown\"")));
    let expected = canonical_rows([
        "{\"hex\": \"00ff0a0d\", \"offset\": 0}",
        "{\"hex\": \"\", \"offset\": 1}",
        "{\"offset\": 2}",
        "{\"hex\": \"78\", \"offset\": 3}",
    ]);
    assert_eq!(sandbox.rows("out"), expected);
}

/// Records larger than the client asks for, and than a batch may be, come whole.
#[test]
fn large_records_come_whole() {
    let broker = Broker::shared();
    let topic = unique("large");
    broker.create_topic(&topic, 1, &[("max.message.bytes", "20000000")]);
    let sizes = [5_000_000, 1, 12_000_000, 12_000_000, 3];
    for (n, size) in sizes.iter().enumerate() {
        broker.produce(&topic, [Message::new(vec![b'a' + n as u8; *size])]);
    }
    let sandbox = Sandbox::new();
    sandbox.run(&(once(broker, &named(&topic), "") + SINK));
    let found: Vec<(usize, u8)> =
        lines(&sandbox).iter().map(|line| (line.len(), line.as_bytes()[0])).collect();
    let expected: Vec<(usize, u8)> =
        sizes.iter().enumerate().map(|(n, size)| (*size, b'a' + n as u8)).collect();
    assert_eq!(found, expected);
}

/// What was aborted never happened, and what is open may come later: it is neither read nor passed
/// over, and does not look like lag.
#[test]
fn only_committed_records_are_read() {
    let broker = Broker::shared();
    let topic = broker.topic("transactions", 1);
    broker.produce_in_transaction(&topic, ["00000", "00001"], Outcome::Commit);
    broker.produce_in_transaction(&topic, ["aborted"], Outcome::Abort);
    let sandbox = Sandbox::new();
    let once = once(broker, &named(&topic), "") + SINK;
    sandbox.run(&once);
    assert_eq!(lines(&sandbox), numbers(0..2));
    let open = broker.begin_transaction(&topic, ["00002"]);
    broker.produce(&topic, ["00003"]);
    sandbox.run(&once);
    assert_eq!(lines(&sandbox), numbers(0..2));
    rdkafka::producer::Producer::commit_transaction(&open, std::time::Duration::from_secs(30))
        .unwrap();
    let endless = endless(broker, &named(&topic), "") + SINK;
    let (_, end) = broker.offsets(&topic, 0);
    let (told, ended) = watch(&sandbox, &endless, || {
        // The marker at the end is passed, too.
        broker.committed("millrace-test-s", &topic).get(&0).is_some_and(|(at, _)| *at == end)
    });
    ended.unwrap();
    assert_eq!(lines(&sandbox), numbers(0..4));
    assert_eq!(told.lag.last(), Some(&0), "{:?}", told.lag);
}

/// A compacted topic has gaps: a record's number is its offset all the same.
#[test]
fn a_compacted_topic_keeps_its_offsets() {
    let broker = Broker::shared();
    let topic = unique("compacted");
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("min.compaction.lag.ms", "0"),
    ];
    broker.create_topic(&topic, 1, &compact);
    let keyed = |n: usize| Message::new(format!("{n}")).key(format!("k{}", n % 3));
    let mut count = 0;
    // The segment that is written to is not compacted: each of these begins a new one.
    crate::harness::wait_until(|| {
        broker.produce(&topic, (count..count + 5).map(keyed));
        count += 5;
        broker.read(&topic).len() < count
    });
    let expected: Vec<String> = broker
        .read(&topic)
        .iter()
        .map(|record| format!("{{\"value\": {}, \"offset\": {}}}", record.text(), record.offset))
        .collect();
    let sandbox = Sandbox::new();
    let more = "metadata = [\"offset\"]";
    let step = "[step.shown]\nsql = \"\"\"SELECT CAST(CAST(value AS VARCHAR) AS BIGINT) AS value, \
                \"offset\" FROM s\"\"\"\n";
    let rows = ROWS.replace("\"s\"", "\"shown\"");
    sandbox.run(&(once(broker, &named(&topic), more) + step + &rows));
    let rows = sandbox.rows("out");
    // The cleaner may have gone on since.
    assert!(rows.iter().all(|row| canonical_rows(&expected).contains(row)));
    assert!(rows.len() >= 3);
}
