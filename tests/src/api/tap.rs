//! Rows as they pass by.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::fixture::{Pipeline, STEADY, open};
use crate::harness::{Sandbox, wait_until};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each row says where it came from; rows of a step are those of its port, errors as well.
#[test]
fn rows_pass_by_with_their_lineage() {
    let sandbox = Sandbox::new();
    let source = STEADY.replace("rate = 1000", "rate = 1000\nformat = \"raw\"\nmalformed = 0.2");
    let source = &source[..source.find("[step.even]").unwrap()];
    let source = source.replace("event_time = { column = \"at\", delay = \"1s\" }", "");
    sandbox.pipeline(&format!(
        "{source}[step.parse]\nfrom = \"ticks\"\nplugin = \"hostile\"\n\
         config = {{ mode = \"well_behaved\" }}\n[sink.out]\ntype = \"null\"\nfrom = \"parse\"\n"
    ));
    sandbox.pipeline(&format!(
        "{source}[step.texts]\nsql = \"SELECT arrow_cast(value, 'Utf8') AS text FROM ticks\"\n\
         [sink.out]\ntype = \"null\"\nfrom = \"texts\"\n"
    ));
    let pipeline = Pipeline::start(&sandbox, &[]);
    let tapped = pipeline.get("/v1/tap/ticks?limit=20");
    assert_eq!(tapped.status, 200, "{}", tapped.body);
    let rows = lines(&tapped.body);
    let rows: Vec<&Value> = rows.iter().filter(|row| row["missed"].is_null()).collect();
    assert_eq!(rows.len(), 20);
    for row in &rows {
        assert_eq!((&row["step"], &row["port"]), (&"ticks".into(), &"main".into()), "{row}");
        assert_eq!(row["source"], "ticks");
        assert!(row["partition"].is_string() && row["row"].is_u64(), "{row}");
        // Bytes that are text are shown as such.
        assert!(row["values"]["value"].is_string(), "{row}");
    }
    // What a sink takes is what its step gives.
    for port in ["texts", "texts.main", "out", "sink.out"] {
        let rows = lines(&pipeline.get(&format!("/v1/tap/{port}?limit=1")).body);
        assert_eq!(rows[0]["step"], "texts", "{port}: {rows:?}");
        assert!(rows[0]["values"]["text"].is_string(), "{port}: {rows:?}");
    }
    let output = sandbox.millrace(&["tap", "test", "texts", "-n", "3", "--values"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|row| row["text"].is_string()), "{shown:?}");
}

/// Names that mean nothing are told apart from ports that are not there.
#[test]
fn a_tap_on_nothing_says_what_there_is() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let refused = pipeline.get("/v1/tap/evn");
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("did you mean `even`?"), "{}", refused.body);
    let refused = pipeline.get("/v1/tap/even.fraud");
    assert!(refused.error().contains("has no port `fraud`; its ports:"), "{}", refused.body);
    let output = sandbox.millrace(&["tap", "test", "nothing_like_it"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`ticks`") && said.contains("`sums`"), "{said}");
}

/// A tap of a window's results has rows that many others made: they have no number of their own.
#[test]
fn rows_that_were_made_of_others_have_no_number() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let rows = lines(&pipeline.get("/v1/tap/sums?limit=2").body);
    for row in rows.iter().filter(|row| row["missed"].is_null()) {
        assert!(row["row"].is_null() && row["values"]["n"].is_u64(), "{row}");
    }
}

/// A stream that is faster than anybody can read is not held up: what is not shown is counted, and
/// all rows arrive where they belong.
#[test]
fn a_tap_that_nobody_reads_holds_nothing_up() {
    let sandbox = Sandbox::new();
    let rows = 3_000_000;
    let text = STEADY.replace("rate = 1000", &format!("rows = {rows}"));
    sandbox.pipeline(&text);
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    // Never read, and open until the end.
    let unread = open(&pipeline.url, "GET", "/v1/tap/even?rate=1000000", &[], "");
    let read = open(&pipeline.url, "GET", "/v1/tap/even?rate=100", &[], "");
    let (mut shown, mut missed) = (0, 0);
    for line in BufReader::new(read).lines() {
        let line = line.unwrap();
        let Ok(row) = serde_json::from_str::<Value>(&line) else { continue };
        match row["missed"].as_u64() {
            Some(rows) => missed += rows,
            None => shown += u64::from(row["values"].is_object()),
        }
        if missed > 0 && shown > 0 {
            break;
        }
    }
    assert!(missed > shown, "{missed} and {shown}");
    assert_eq!(pipeline.wait(), Some(0));
    drop(unread);
    let counted: u64 = sandbox
        .rows("out")
        .iter()
        .map(|row| serde_json::from_str::<Value>(row).unwrap()["n"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, rows);
}

/// Who stops reading is forgotten, so that the next ones find room.
#[test]
fn a_tap_ends_with_its_reader() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    for _ in 0..20 {
        let tap = open(&pipeline.url, "GET", "/v1/tap/even", &[], "");
        let mut lines = BufReader::new(tap).lines();
        assert!(lines.any(|line| line.unwrap().contains("\"values\"")));
    }
    wait_until(|| pipeline.get("/v1/tap/even?limit=1").status == 200);
    // Their number is bounded, and who comes too late is told.
    let open: Vec<_> =
        (0..16).map(|_| open(&pipeline.url, "GET", "/v1/tap/sums", &[], "")).collect();
    wait_until(|| pipeline.get("/v1/tap/even?limit=1").status == 503);
    drop(open);
    wait_until(|| pipeline.get("/v1/tap/even?limit=1").status == 200);
}
