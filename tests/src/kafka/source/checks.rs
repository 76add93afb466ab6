//! What is wrong with a Kafka source is said before anything starts, and without a broker.

use super::{ROWS, source};
use crate::harness::{Mistake, Sandbox};

fn mistake(topics: &str, more: &str) -> Mistake {
    // Nobody listens there: the check must not even try.
    Sandbox::new().mistake(&(source("127.0.0.1:1", topics, more) + ROWS))
}

const JSON: &str = "format = \"json\"\nschema = { key = \"int64\", a = \"string\" }\n";

/// Every mistake is named with its place and what to write instead.
#[test]
fn mistakes_are_said_with_their_place() {
    let topics = "topics = [\"a\"]";
    let cases = [
        ("", "", None, "names no topics", "topic_pattern"),
        (
            "topics = [\"a\"]\ntopic_pattern = \"b\"",
            "",
            Some("\"b\""),
            "exclude each other",
            "keep one",
        ),
        ("topic_pattern = \"a(\"", "", Some("\"a(\""), "no regular expression", "mend"),
        (topics, "format = \"json\"", None, "not known", "schema = {"),
        (topics, "schema = { a = \"int64\" }", None, "takes no schema", "json"),
        (topics, "start = { timestamp = \"noon\" }", None, "`noon` is no time", "2026-01-01"),
        (topics, "start = { offsets = { a = 1 } }", None, "`a` in `start`", "TOPIC/NUMBER"),
        ("topics = [\"a\", \"b c\"]", "", Some("\"b c\""), "`b c`: letters", "mend"),
        ("topics = [\"a\", \"a\"]", "", Some("\"a\""), "twice", "once"),
        ("topic_pattern = \"\"", "", Some("\"\""), "empty pattern", "PREFIX"),
        (topics, "group = \"\"", Some("\"\""), "no name", "remove"),
        (topics, "start = { offsets = { \"a/-1\" = 1 } }", None, "`a/-1` in", "TOPIC/NUMBER"),
        (topics, "start = { offsets = { \"b/0\" = 1 } }", None, "not read", "`topics`"),
        (topics, "metadata = { key = \"\" }", None, "`key` has no name", "kafka_key"),
        (
            topics,
            "properties = { \"sasl.password\" = { file = \"no/such\" } }",
            Some("{ file = \"no/such\" }"),
            "no/such",
            "start at the pipeline file",
        ),
        (topics, "limit_per_epoch = { files = 1 }", None, "no files", "rows"),
        (topics, "metadata = { key = \"value\" }", None, "called `value`", "kafka_key"),
        (
            topics,
            "properties = { \"fetch.wait.ms\" = 1 }",
            Some("1"),
            "no property `fetch.wait.ms`",
            "CONFIGURATION.md",
        ),
        (
            topics,
            "properties = { \"group.id\" = \"x\" }",
            Some("\"x\""),
            "set by Millrace",
            "`group`",
        ),
        (
            topics,
            "properties = { \"sasl.password\" = { env = \"MILLRACE_NO_SUCH\" } }",
            Some("{ env = \"MILLRACE_NO_SUCH\" }"),
            "no variable `MILLRACE_NO_SUCH`",
            "before the start",
        ),
    ];
    for (topics, more, at, message, help) in cases {
        let found = mistake(topics, more);
        assert!(found.message.contains(message), "{found:#?}");
        assert!(found.help.contains(help), "{found:#?}");
        if at.is_some() {
            assert_eq!(found.at.as_deref(), at, "{found:#?}");
        }
    }
    let found = mistake(topics, &format!("{JSON}metadata = [\"key\"]"));
    assert!(found.message.contains("`key`") && found.help.contains("kafka_key"), "{found:#?}");
    assert_eq!(found.at.as_deref(), Some("\"int64\""));
}

/// An address that can't be one would be tried for ever.
#[test]
fn addresses_of_brokers_are_checked() {
    let topics = "topics = [\"a\"]";
    for wrong in ["", "host:0", "host:99999", "host:port", ":9092", "a:1,,b:2", "a b"] {
        let text = source(wrong, topics, "") + ROWS;
        let found = Sandbox::new().mistake(&text);
        assert!(found.message.contains("a broker"), "{wrong}: {found:#?}");
        assert_eq!(found.at.as_deref(), Some(format!("\"{wrong}\"").as_str()), "{found:#?}");
        assert!(found.help.contains("HOST:PORT"), "{wrong}: {found:#?}");
    }
    for right in ["host", "host:1", "a:1, b:2", "ssl://a.b-c:9093", "[::1]:9092", "[::1]"] {
        Sandbox::new().check(&(source(right, topics, "") + ROWS));
    }
}

/// A source in good order is checked without a broker.
#[test]
fn a_check_needs_no_broker() {
    let more = format!("{JSON}metadata = {{ key = \"k\", offset = \"o\" }}");
    Sandbox::new().check(&(source("127.0.0.1:1", "topics = [\"a\"]", &more) + ROWS));
}

/// The value of a property is never told: it may be secret.
#[test]
fn a_secret_is_not_told() {
    let more = "properties = { \"session.timeout.ms\" = \"hunter2\" }";
    let found = mistake("topics = [\"a\"]", more);
    assert!(!found.message.contains("hunter2") && !found.help.contains("hunter2"), "{found:#?}");
}
