//! Sinks: what was committed is in files, once, under names that say what is in them.

use std::collections::BTreeSet;

use millrace::error::ErrorKind;

use crate::harness::{Sandbox, canonical_rows};

const SOURCE: &str = "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n";

fn sink(name: &str, from: &str, more: &str) -> String {
    format!("[sink.{name}]\ntype = \"file\"\npath = \"{name}\"\nfrom = {from}\n{more}\n")
}

fn sandbox(rows: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", rows.join("\n"));
    sandbox
}

/// One stream to several sinks, each in a format of its own: all have all rows.
#[test]
fn every_format_holds_the_same_rows() {
    let rows = [
        "{\"a\": 1, \"b\": \"x,\\\"y\\\"\\nz\", \"c\": 1.5, \"d\": true}",
        "{\"a\": 2, \"b\": \"ü\", \"c\": null, \"d\": false}",
        "{\"a\": 3}",
    ];
    let sandbox = sandbox(&rows);
    let sinks: String = ["ndjson", "csv", "parquet"]
        .iter()
        .map(|format| sink(format, "\"s\"", &format!("format = \"{format}\"")))
        .collect();
    sandbox.run(&format!("{SOURCE}{sinks}"));
    let expected = canonical_rows(rows.map(|row| row.replace(", \"c\": null", "")));
    for format in ["ndjson", "csv", "parquet"] {
        assert_eq!(sandbox.rows(format), expected, "{format}");
        assert_eq!(sandbox.files(format)[0].extension().unwrap(), format);
    }
}

/// Several streams into one sink: a column that one of them lacks is null there.
#[test]
fn streams_of_different_columns_meet_in_one_sink() {
    let sandbox = sandbox(&["{\"a\": 1}", "{\"a\": 2}"]);
    for format in ["ndjson", "parquet", "csv"] {
        let _ = std::fs::remove_dir_all(sandbox.path(".millrace"));
        let _ = std::fs::remove_dir_all(sandbox.path("out"));
        sandbox.run(&format!(
            "{SOURCE}[step.x]\nsql = \"SELECT a * 10 AS a, 'x' AS b FROM s WHERE a = 1\"\n\
             [step.y]\nsql = \"SELECT true AS c, a FROM s WHERE a = 2\"\n{}",
            sink("out", "[\"s\", \"x\", \"y\"]", &format!("format = \"{format}\""))
        ));
        let expected = canonical_rows([
            "{\"a\": 1}",
            "{\"a\": 2}",
            "{\"a\": 10, \"b\": \"x\"}",
            "{\"a\": 2, \"c\": true}",
        ]);
        assert_eq!(sandbox.rows("out"), expected, "{format}");
    }
}

/// Directories by value, as Hive and Spark read them, whatever the value.
#[test]
fn partitions_have_directories_that_can_be_read_back() {
    let values =
        ["a", "a b", "a/b", "..", ".", "", "50%", "x=y", "ü", "q\\\"q", "line\\nend", "C:\\\\"];
    let mut rows: Vec<String> =
        values.iter().map(|value| format!("{{\"p\": \"{value}\", \"n\": 1}}")).collect();
    rows.push("{\"p\": null, \"n\": 2}".to_owned());
    let sandbox = sandbox(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.run(&format!("{SOURCE}{}", sink("out", "\"s\"", "partition_by = [\"p\"]")));
    let directories: BTreeSet<String> = sandbox
        .files("out")
        .iter()
        .map(|file| {
            let inside = file.strip_prefix(sandbox.path("out")).unwrap();
            assert_eq!(inside.components().count(), 2, "{inside:?}");
            inside.parent().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let expected = [
        "p=a",
        "p=a b",
        "p=a%2Fb",
        "p=%2E.",
        "p=%2E",
        "p=50%25",
        "p=x%3Dy",
        "p=ü",
        "p=q%22q",
        "p=line%0Aend",
        "p=C%3A%5C",
        "p=__HIVE_DEFAULT_PARTITION__",
    ];
    assert_eq!(directories, expected.iter().map(|s| (*s).to_owned()).collect());
    assert_eq!(sandbox.rows("out").len(), 13);
    assert!(sandbox.rows("out").iter().all(|row| row.starts_with("{\"n\":")));
}

/// Several columns, not all of them text.
#[test]
fn partitions_nest_in_the_order_of_the_list() {
    let sandbox = sandbox(&["{\"d\": \"2024-01-02\", \"k\": 7, \"n\": 1}"]);
    sandbox.run(&format!(
        "{SOURCE}schema = {{ d = \"date\", k = \"int64\", n = \"int64\" }}\n{}",
        sink("out", "\"s\"", "partition_by = [\"k\", \"d\"]\nformat = \"parquet\"")
    ));
    assert!(sandbox.path("out/k=7/d=2024-01-02").is_dir());
    assert_eq!(sandbox.rows("out"), ["{\"n\":1}"]);
}

/// A name that the file system does not take must stop the job before it is committed: after
/// that, every restart would fail again.
#[test]
fn a_partition_of_a_long_value_is_refused() {
    let long = format!("{{\"p\": \"{}\", \"n\": 1}}", "x".repeat(300));
    let sandbox = sandbox(&[&long]);
    let text = format!("{SOURCE}{}", sink("out", "\"s\"", "partition_by = [\"p\"]"));
    let error = sandbox.try_run(&text).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("column `p` is too long"), "{error}");
}

/// Files end by their size, so that readers get pieces that they can handle.
#[test]
fn a_file_ends_at_its_size() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> =
        (0..4000).map(|n| format!("{{\"n\": {n}, \"text\": \"{}\"}}", "x".repeat(80))).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    for format in ["ndjson", "csv"] {
        let more = format!("format = \"{format}\"\nroll = {{ size = \"32KiB\" }}");
        let text = format!("batch_rows = 100\n{SOURCE}{}", sink(format, "\"s\"", &more));
        let _ = std::fs::remove_dir_all(sandbox.path(".millrace"));
        sandbox.run(&format!("parallelism = 1\n{text}"));
        let files = sandbox.files(format);
        assert!(files.len() >= 10, "{} files", files.len());
        for file in files {
            let size = file.metadata().unwrap().len();
            assert!(size < 48 << 10, "{} has {size} bytes", file.display());
        }
        assert_eq!(sandbox.rows(format).len(), 4000);
    }
}

/// Output of many epochs in few files, none lost when the job ends before the time is over.
#[test]
fn output_is_collected_over_epochs() {
    for format in ["ndjson", "csv", "parquet"] {
        let sandbox = Sandbox::new();
        let rows: Vec<String> = (0..50).map(|n| format!("{{\"n\": {n}}}")).collect();
        sandbox.write("in.ndjson", rows.join("\n"));
        let more = format!("format = \"{format}\"\nroll = {{ every = \"1h\" }}");
        sandbox.run(&format!(
            "parallelism = 1\n{SOURCE}limit_per_epoch = {{ rows = 10 }}\n{}",
            sink("out", "\"s\"", &more)
        ));
        assert_eq!(sandbox.rows("out"), canonical_rows(&rows), "{format}");
        assert_eq!(sandbox.files("out").len(), 1, "{format}");
    }
}

/// Whoever reads `errors` gets them; then they are no dead letters.
#[test]
fn errors_can_be_read_like_any_other_port() {
    let sandbox = sandbox(&["{\"a\": 1}", "{\"a\": \"x\"}"]);
    sandbox.run(&format!(
        "{SOURCE}schema = {{ a = \"int64\" }}\n\
         [step.short]\nsql = \"SELECT code, row, payload FROM s.errors\"\n{}{}",
        sink("out", "\"s\"", ""),
        sink("bad", "\"short\"", "")
    ));
    let expected = "{\"code\":\"wrong_type\",\"payload\":\"{\\\"a\\\": \\\"x\\\"}\",\"row\":1}";
    assert_eq!(sandbox.rows("bad"), [expected]);
    assert!(sandbox.letters().is_empty());
    assert_eq!(sandbox.rows("out"), ["{\"a\":1}"]);
}

/// Nothing half-written is ever in sight: what is not published is hidden, and gone at the end.
#[test]
fn nothing_is_left_behind() {
    let sandbox = sandbox(&["{\"a\": 1}"]);
    sandbox.run(&format!("{SOURCE}{}", sink("out", "\"s\"", "")));
    let staging = std::fs::read_dir(sandbox.path("out/.millrace")).unwrap();
    for id in staging {
        assert_eq!(std::fs::read_dir(id.unwrap().path()).unwrap().count(), 0);
    }
}
