//! The Kafka sink: which records rows become, and when they are seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use millrace::error::ErrorKind;
use millrace_tests::broker::{Broker, Isolation, Record, unique};

use super::fixture::{FOLLOWED, Job, failure, id, mark, rows, sink};
use crate::harness::{Sandbox, canonical, canonical_rows, wait_until};

const ORDERS: &str = r#"
[source.orders]
type = "file"
path = "orders.ndjson"
format = "ndjson"
schema = { id = "int64", user = "string", note = "string", t = "timestamp[ms]", p = "int64" }
"#;

/// Raw lines, and a plugin that parses them.
const PARSED: &str = r#"
[source.lines]
type = "file"
path = "lines.txt"
format = "raw"

[step.parse]
from = "lines"
plugin = "safe_parse"
config = { schema = { id = "int64" } }
"#;

/// What is compared of a record; its offset depends on the transactions before it.
fn parts(
    record: &Record,
) -> (String, i32, Option<String>, Option<String>, BTreeMap<String, String>) {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    let headers = record.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), text(value.as_ref().unwrap())));
    let (key, value) = (record.key.as_ref().map(text), record.value.as_ref().map(text));
    (record.topic.clone(), record.partition, key, value, headers.collect())
}

/// Every part of a record can be said in SQL; what is null is left to its default.
#[test]
fn a_record_is_made_of_expressions_over_the_row() {
    let broker = Broker::shared();
    let (usual, other) = (unique("usual"), broker.topic("other", 2));
    // Records of 1970 are over the usual time.
    broker.create_topic(&usual, 3, &[("retention.ms", "-1")]);
    let sandbox = Sandbox::new();
    let lines = [
        "{\"id\": 1, \"user\": \"u\", \"note\": \"first\", \"t\": 1700000000123, \"p\": 2}",
        "{\"id\": 2, \"user\": \"\", \"note\": \"\", \"t\": 5, \"p\": 1}",
        "{\"id\": 3, \"user\": \"gone\", \"t\": 7, \"p\": 0}",
        "{\"id\": 4, \"note\": \"ü\", \"p\": 1}",
    ];
    sandbox.write("orders.ndjson", lines.join("\n"));
    let more = format!(
        "topic_by = \"CASE WHEN id % 2 = 0 THEN '{other}' END\"\nkey = \"user\"\nvalue = \"note\"\n\
         partition = \"p\"\ntimestamp = \"t\"\n\
         headers = {{ app = \"'millrace'\", id = \"id\", user = \"user\" }}"
    );
    sandbox.run(&format!("{ORDERS}{}", sink("out", "\"orders\"", broker.address(), &usual, &more)));

    let records = broker.read_independently(&[&usual, &other]);
    let headers = |id: &str, user: Option<&str>| {
        let all = [("app", Some("millrace")), ("id", Some(id)), ("user", user)];
        let there = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        there.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let mut expected = vec![
        (usual.clone(), 2, text("u"), text("first"), headers("1", Some("u"))),
        (other.clone(), 1, text(""), text(""), headers("2", Some(""))),
        (usual.clone(), 0, text("gone"), None, headers("3", Some("gone"))),
        (other.clone(), 1, None, text("ü"), headers("4", None)),
    ];
    expected.sort();
    let mut found: Vec<_> = records.iter().map(parts).collect();
    found.sort();
    assert_eq!(found, expected);
    let times: BTreeMap<&str, i64> =
        records.iter().map(|r| (r.header("id").unwrap(), r.timestamp)).collect();
    assert_eq!((times["1"], times["2"], times["3"]), (1_700_000_000_123, 5, 7));
    assert!(times["4"] > times["1"], "a time that is null is the time of sending");
}

/// The default is the row as JSON, as a file would have it; raw bytes stay what they are.
#[test]
fn values_are_the_row_as_json_or_bytes_as_they_are() {
    let broker = Broker::shared();
    let (json, raw, text) =
        (broker.topic("json", 1), broker.topic("raw", 1), broker.topic("text", 1));
    let sandbox = Sandbox::new();
    let lines = ["{\"id\": 1, \"user\": \"u\", \"t\": 1700000000123}", "{\"id\": 2, \"p\": 3}"];
    sandbox.write("orders.ndjson", lines.join("\n"));
    sandbox.write("lines.txt", [b"plain\n".as_slice(), &[0, 255, 128, b'\n']].concat());
    let source = "[source.lines]\ntype = \"file\"\npath = \"lines.txt\"\nformat = \"raw\"\n";
    let step = "[step.users]\nsql = \"SELECT user FROM orders\"\n";
    let brokers = broker.address();
    sandbox.run(&format!(
        "{ORDERS}{source}{step}{}{}{}[sink.file]\ntype = \"file\"\npath = \"out\"\nfrom = \"orders\"\n",
        sink("json", "\"orders\"", brokers, &json, ""),
        sink("raw", "\"lines\"", brokers, &raw, "format = \"raw\""),
        sink("text", "\"users\"", brokers, &text, "format = \"raw\""),
    ));
    assert_eq!(rows(&broker.read_independently(&[&json])), sandbox.rows("out"));
    let values = |topic: &str| -> Vec<Option<Vec<u8>>> {
        broker.read_independently(&[topic]).into_iter().map(|record| record.value).collect()
    };
    assert_eq!(values(&raw), [Some(b"plain".to_vec()), Some(vec![0, 255, 128])]);
    assert_eq!(values(&text), [Some(b"u".to_vec()), None]);
}

/// A dead letter in a topic can be repaired and sent back: it has its bytes, and says in headers
/// who refused it, why, and where it was.
#[test]
fn dead_letters_in_a_topic_keep_their_bytes_and_say_why() {
    let broker = Broker::shared();
    let topic = broker.topic("letters", 1);
    let sandbox = Sandbox::new();
    let bytes: &[u8] = &[b'{', 0xff, 0xfe];
    sandbox.write("lines.txt", [b"{\"id\": 1}\nbroken\n".as_slice(), bytes, b"\n"].concat());
    sandbox.run(&format!(
        "{PARSED}[sink.good]\ntype = \"file\"\npath = \"good\"\nfrom = \"parse\"\n{}",
        sink("bad", "\"parse.errors\"", broker.address(), &topic, "key = \"source\""),
    ));
    assert_eq!(sandbox.rows("good"), ["{\"id\":1}"]);
    assert_eq!(sandbox.letters().len(), 0, "they were read");
    let letters = broker.read_independently(&[&topic]);
    let values: Vec<&[u8]> = letters.iter().map(|l| l.value.as_deref().unwrap()).collect();
    assert_eq!(values, [b"broken".as_slice(), bytes]);
    for (at, letter) in letters.iter().enumerate() {
        let header = |name: &str| letter.header(&format!("millrace.{name}")).unwrap_or_default();
        assert_eq!(letter.key_text(), "lines");
        assert_eq!(header("step"), "parse");
        assert_eq!(header("code"), "malformed");
        assert!(!header("message").is_empty());
        assert_eq!(header("plugin"), "safe_parse");
        assert_eq!(header("digest").len(), 64, "{}", header("digest"));
        assert_eq!(header("source"), "lines");
        assert_eq!(header("partition"), "lines.txt");
        assert_eq!(header("row"), (at + 1).to_string());
        assert_eq!(letter.header("millrace.backtrace"), None, "what is null is left out");
    }
}

/// One record that no broker would take must not stop the others, however close to the limit it is
/// and whatever it consists of.
#[test]
fn records_that_are_too_large_become_dead_letters() {
    let broker = Broker::shared();
    let topic = broker.topic("large", 1);
    let sandbox = Sandbox::new();
    let limit = 1000;
    let mut lines = String::new();
    for size in 500..1500 {
        writeln!(lines, "{{\"id\": {size}, \"note\": \"{}\"}}", "x".repeat(size)).unwrap();
    }
    sandbox.write("orders.ndjson", &lines);
    let headers: Vec<String> = (0..9).map(|i| format!("header_{i} = \"'value'\"")).collect();
    let more = format!(
        "value = \"note\"\nkey = \"id\"\nheaders = {{ {} }}\n\
         properties = {{ \"message.max.bytes\" = {limit} }}",
        headers.join(", ")
    );
    sandbox.run(&format!("{ORDERS}{}", sink("out", "\"orders\"", broker.address(), &topic, &more)));
    let sent = broker.read_independently(&[&topic]).len();
    let letters = sandbox.letters();
    assert_eq!(sent + letters.len(), 1000);
    assert!((200..400).contains(&sent), "{sent} were sent");
    assert!(letters.iter().all(|letter| letter.text("code") == "record_too_large"));
    assert!(letters[0].text("message").contains("`message.max.bytes`"), "{letters:?}");
}

/// Whoever needs large records raises the limits on both sides.
#[test]
fn a_record_of_five_megabytes_fits_where_both_limits_allow_it() {
    let broker = Broker::shared();
    let topic = unique("five");
    broker.create_topic(&topic, 1, &[("max.message.bytes", "6000000")]);
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n{\"id\": 2}\n");
    let more = "properties = { \"message.max.bytes\" = 6000000 }\n\
                value = \"CASE WHEN id = 1 THEN repeat('x', 5000000) ELSE 'small' END\"";
    sandbox.run(&format!("{ORDERS}{}", sink("out", "\"orders\"", broker.address(), &topic, more)));
    let records = broker.read_independently(&[&topic]);
    let sizes: Vec<usize> = records.iter().map(|record| record.text().len()).collect();
    assert_eq!(sizes, [5_000_000, 5]);

    // Where the topic's limit is lower than the sink's, only the broker can say so.
    let small = broker.topic("small", 1);
    let other = Sandbox::new();
    other.write("orders.ndjson", "{\"id\": 1}\n");
    let sink = sink("out", "\"orders\"", broker.address(), &small, more);
    let error = failure(other.try_run(&format!("{ORDERS}{sink}")), ErrorKind::Config);
    assert!(error.contains("the broker's limit is lower than the sink's"), "{error}");
}

/// What no topic can be called and no partition can be numbered is a matter of its row: it must not
/// stop the others.
#[test]
fn rows_for_impossible_topics_and_partitions_become_dead_letters() {
    let broker = Broker::shared();
    let topic = broker.topic("possible", 2);
    let sandbox = Sandbox::new();
    let long = "x".repeat(250);
    let names = ["", ".", "..", "a b", "ü", &long];
    let mut lines =
        "{\"id\": 0, \"p\": 1}\n{\"id\": 9, \"p\": -1}\n{\"id\": 10, \"p\": -2}\n{\"id\": 11, \"p\": 2}\n\
         {\"id\": 12, \"user\": \"nowhere\"}\n"
            .to_owned();
    for (id, name) in names.iter().enumerate() {
        writeln!(lines, "{{\"id\": {}, \"user\": \"{name}\", \"p\": 0}}", id + 1).unwrap();
    }
    sandbox.write("orders.ndjson", lines);
    let more = "topic_by = \"user\"\npartition = \"p\"";
    sandbox.run(&format!("{ORDERS}{}", sink("out", "\"orders\"", broker.address(), &topic, more)));
    let found = rows(&broker.read_independently(&[&topic]));
    assert_eq!(found, canonical_rows(["{\"id\": 0, \"p\": 1}"]));
    let letters = sandbox.letters();
    let codes: Vec<&str> = letters.iter().map(|letter| letter.text("code")).collect();
    assert_eq!(codes.iter().filter(|code| **code == "invalid_topic").count(), names.len());
    assert_eq!(codes.iter().filter(|code| **code == "invalid_partition").count(), 3);
    assert_eq!(codes.iter().filter(|code| **code == "unknown_topic").count(), 1);
}

/// Output of an epoch is seen when the epoch is committed, and not before; at least once it is seen
/// at once.
#[test]
fn rows_are_seen_at_once_or_when_their_epoch_is_committed() {
    let broker = Broker::shared();
    let (exact, quick) = (broker.topic("exact", 1), broker.topic("quick", 1));
    let sandbox = Sandbox::new();
    sandbox.write("data/0.ndjson", "{\"id\": 0}\n");
    sandbox.pipeline(&format!(
        "{}{}{}",
        FOLLOWED.replace("20ms", "1h"),
        sink("exact", "\"orders\"", broker.address(), &exact, ""),
        sink("quick", "\"orders\"", broker.address(), &quick, "delivery = \"at_least_once\""),
    ));
    let job = Job::start(&sandbox);
    wait_until(|| broker.read(&exact).len() == 1);
    // The first epoch has ended; the next will not before the stop.
    sandbox.write("data/1.ndjson", "{\"id\": 1}\n{\"id\": 2}\n");
    wait_until(|| broker.read(&quick).len() == 3);
    wait_until(|| broker.read_with(&exact, Isolation::ReadUncommitted).len() == 3);
    assert_eq!(broker.read(&exact).len(), 1);
    job.stop().unwrap();
    let all = ["{\"id\":0}", "{\"id\":1}", "{\"id\":2}"];
    assert_eq!(rows(&broker.read_independently(&[&exact])), all);
    assert_eq!(rows(&broker.read_independently(&[&quick])), all);
}

/// A key's records must be in the order of its rows: whoever keeps the last one of each key would
/// keep a wrong one otherwise. Two producers take turns, and what one still has must not be
/// overtaken by what the other gets.
#[test]
fn a_key_keeps_its_order_from_epoch_to_epoch() {
    let broker = Broker::shared();
    let topic = broker.topic("order", 1);
    let sandbox = Sandbox::new();
    let lines: String =
        (0..2000).map(|id| format!("{{\"id\": {id}, \"user\": \"u\"}}\n")).collect();
    sandbox.write("orders.ndjson", lines);
    let more = "key = \"user\"\nvalue = \"id\"\n\
                properties = { \"linger.ms\" = 1000, \"batch.num.messages\" = 10 }";
    sandbox.run(&format!(
        "batch_rows = 5\nparallelism = 1\n{ORDERS}limit_per_epoch = {{ rows = 55 }}\n\
         [checkpoint]\ninterval = \"1ms\"\n{}",
        sink("out", "\"orders\"", broker.address(), &topic, more)
    ));
    let records = broker.read_independently(&[&topic]);
    let found: Vec<usize> = records.iter().map(|r| r.text().parse().unwrap()).collect();
    let turned = found.windows(2).find(|pair| pair[0] > pair[1]);
    assert_eq!(turned, None, "a later row came first");
    assert_eq!(found, (0..2000).collect::<Vec<_>>());
}

/// Many streams into one topic, and one stream into several topics and files: all of an epoch is in
/// sight by the same commit.
#[test]
fn streams_fan_in_and_out_in_the_same_epoch() {
    let broker = Broker::shared();
    let (all, twin) = (broker.topic("all", 2), broker.topic("twin", 1));
    let sandbox = Sandbox::new();
    let mut sources = String::new();
    let mut expected = Vec::new();
    for source in ["a", "b", "c"] {
        let lines: Vec<String> = (0..300)
            .map(|id| canonical(&format!("{{\"id\": {id}, \"of\": \"{source}\"}}")))
            .collect();
        sandbox.write(&format!("{source}.ndjson"), lines.join("\n"));
        write!(
            sources,
            "[source.{source}]\ntype = \"file\"\npath = \"{source}.ndjson\"\nformat = \"ndjson\"\n\
             schema = {{ id = \"int64\", of = \"string\" }}\nlimit_per_epoch = {{ rows = 50 }}\n"
        )
        .unwrap();
        expected.extend(lines);
    }
    expected.sort();
    let from = "[\"a\", \"b\", \"c\"]";
    sandbox.run(&format!(
        "batch_rows = 10\n{sources}{}{}[sink.file]\ntype = \"file\"\npath = \"out\"\nfrom = {from}\n",
        sink("all", from, broker.address(), &all, "key = \"id\""),
        sink("twin", from, broker.address(), &twin, ""),
    ));
    assert_eq!(rows(&broker.read_independently(&[&all])), expected);
    assert_eq!(rows(&broker.read_independently(&[&twin])), expected);
    assert_eq!(sandbox.rows("out"), expected);
    let epoch = mark(broker, &all, "all");
    assert!(epoch > Some(1), "{epoch:?}");
    assert_eq!(mark(broker, &twin, "twin"), epoch);
}

/// Mistakes are found before anything is connected to, each at its place.
#[test]
fn check_finds_what_is_wrong_with_a_sink() {
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n");
    let mistake = |more: &str| {
        let sink = "[sink.out]\ntype = \"kafka\"\nfrom = \"orders\"\nbrokers = \"b:1\"\n\
                    topic = \"t\"\n";
        let mistake = sandbox.mistake(&format!("{ORDERS}{sink}{more}\n"));
        (mistake.at.unwrap_or_default(), mistake.message, mistake.help)
    };
    let cases = [
        (
            "properties = { \"linger.mss\" = 1 }",
            "1",
            "knows no property `linger.mss`",
            "CONFIGURATION",
        ),
        (
            "properties = { \"acks\" = \"some\" }",
            "\"some\"",
            "does not take this value of `acks`",
            "",
        ),
        (
            "properties = { \"group.id\" = \"g\" }",
            "\"g\"",
            "`group.id` is set by Millrace",
            "`group`",
        ),
        (
            "properties = { \"transactional.id\" = \"g\" }",
            "\"g\"",
            "`transactional.id` is set by Millrace",
            "`transactional_id`",
        ),
        (
            "properties = { \"sasl.password\" = { env = \"MILLRACE_NO_SUCH\" } }",
            "{ env = \"MILLRACE_NO_SUCH\" }",
            "no variable `MILLRACE_NO_SUCH`",
            "set it",
        ),
        (
            "properties = { \"sasl.password\" = { file = \"no/such\" } }",
            "{ file = \"no/such\" }",
            "no/such",
            "",
        ),
        ("key = \"usr\"", "\"usr\"", "usr", "user"),
        ("key = \"user ||\"", "\"user ||\"", "Expected: an expression", ""),
        ("partition = \"user\"", "\"user\"", "a whole number is wanted", "cast"),
        ("timestamp = \"user\"", "\"user\"", "milliseconds since 1970", "cast"),
        ("topic_by = \"[id]\"", "\"[id]\"", "", ""),
        ("headers = { h = \"now()\" }", "\"now()\"", "now", ""),
        ("headers = { \"\" = \"id\" }", "\"id\"", "no name", "NAME"),
        ("transactional_id = \"\"", "\"\"", "no name", "remove"),
        ("key = \"count(*)\"", "\"count(*)\"", "many rows", "step"),
        ("format = \"raw\"", "", "writes `raw`, but gets columns", "value = "),
    ];
    for (more, at, message, help) in cases {
        let found = mistake(more);
        assert!(at.is_empty() || found.0 == at, "{more}: {found:?}");
        assert!(found.1.contains(message) && !found.1.contains("ParserError"), "{more}: {found:?}");
        assert!(found.2.contains(help), "{more}: {found:?}");
    }
}

/// The names of a topic and of brokers are looked at, too.
#[test]
fn check_looks_at_a_sink_s_names() {
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n");
    for (brokers, topic, wrong) in [("b:1", "", ""), ("b:1", "a b", "a b"), ("b:x", "t", "b:x")] {
        let sink = sink("out", "\"orders\"", brokers, topic, "");
        let found = sandbox.mistake(&format!("{ORDERS}{sink}"));
        assert_eq!(found.at.as_deref(), Some(format!("\"{wrong}\"").as_str()), "{found:?}");
    }
}

/// Two sinks with one transactional id would fence each other off, whether both are given or one is
/// the other's default.
#[test]
fn check_refuses_a_transactional_id_that_two_sinks_have() {
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n");
    let sink = |name: &str, id: &str| {
        format!(
            "[sink.{name}]\ntype = \"kafka\"\nfrom = \"orders\"\nbrokers = \"b:1\"\ntopic = \"t\"\n{id}\n"
        )
    };
    let same = "transactional_id = \"same\"";
    let mistake = sandbox.mistake(&format!("{ORDERS}{}{}", sink("a", same), sink("b", same)));
    assert!(mistake.message.contains("sink `a` has the same `transactional_id`"), "{mistake:?}");
    assert_eq!(mistake.at.as_deref(), Some("\"same\""));
    let default = "transactional_id = \"millrace-test-b\"";
    for sinks in [[sink("a", default), sink("b", "")], [sink("b", ""), sink("z", default)]] {
        let mistake = sandbox.mistake(&format!("{ORDERS}{}", sinks.concat()));
        assert!(mistake.message.contains("has the same `transactional_id`"), "{mistake:?}");
    }
}

/// A topic that is not there, a broker's refusal and a second place to write to: the command ends
/// and says what to do.
#[test]
fn a_run_that_can_not_write_says_why() {
    let broker = Broker::shared();
    let topic = broker.topic("there", 1);
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n");
    let run = |topic: &str, more: &str, arguments: &[&str]| {
        sandbox.pipeline(&format!(
            "{ORDERS}{}",
            sink("out", "\"orders\"", broker.address(), topic, more)
        ));
        let output = sandbox.millrace(&[&["run", "pipeline.toml", "--quiet"], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let missing = unique("missing");
    let (code, said) = run(&missing, "", &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&missing) && said.contains("make the topic, or mend its name"), "{said}");

    let long = "properties = { \"transaction.timeout.ms\" = 86400000 }";
    let (code, said) = run(&topic, long, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the broker's limit is lower"), "{said}");

    let (code, said) = run(&topic, "", &["--into", "elsewhere"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`out` writes to Kafka"), "{said}");
    assert!(said.contains("another topic"), "{said}");

    let (code, said) = run(&topic, "", &["--outcome", "out=perhaps"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&topic, "", &["--outcome", "nobody=published"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no Kafka sink `nobody`"), "{said}");
    assert_eq!(broker.read(&topic), [], "nothing was to be written");
}

/// Passwords come from outside, and are never shown: not by the log, the client's debugging, the
/// progress or an error.
#[test]
fn secrets_are_never_shown() {
    let broker = Broker::shared();
    let topic = broker.topic("secret", 1);
    let sandbox = Sandbox::new();
    sandbox.write("orders.ndjson", "{\"id\": 1}\n");
    sandbox.write("key.txt", "from-a-file-5ecret\n");
    let secrets = "\"sasl.password\" = { env = \"MILLRACE_TEST_PASSWORD\" }, \
                   \"ssl.key.password\" = { file = \"key.txt\" }";
    let sink = |more: &str| {
        let more = format!("properties = {{ debug = \"all\", {secrets}{more} }}");
        sink("out", "\"orders\"", broker.address(), &topic, &more)
    };
    let run = |text: String, command: &str| {
        sandbox.pipeline(&text);
        let mut command = sandbox.command(&[command, "pipeline.toml"]);
        if command.get_args().next().unwrap() == "run" {
            command.arg("--json");
        }
        command.env("MILLRACE_TEST_PASSWORD", "from-outside-5ecret").env("MILLRACE_LOG", "trace");
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains("5ecret"), "{command:?}: {said}");
        (output.status.code(), said)
    };
    let (code, said) = run(format!("{ORDERS}{}", sink("")), "run");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(broker.read(&topic).len(), 1);
    // Secrets where numbers belong.
    let wrong = ", \"linger.ms\" = { env = \"MILLRACE_TEST_PASSWORD\" }";
    for command in ["check", "run"] {
        let (code, said) = run(format!("{ORDERS}{}", sink(wrong)), command);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("`linger.ms`"), "{said}");
    }
    let checkpoint = fs::read_dir(sandbox.path(".millrace/test")).unwrap();
    for file in checkpoint.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&file).unwrap();
        let shown = bytes.windows(6).any(|window| window == b"5ecret");
        assert!(!shown, "{} holds a secret", file.display());
    }
    assert!(mark(broker, &topic, "out").is_some(), "{}", id(&topic, "out"));
}
