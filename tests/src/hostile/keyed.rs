//! A keyed plugin that lies, loops and panics: only the row at fault leaves, and neither state nor
//! timers nor large state have a trace of what failed.

use std::collections::BTreeMap;

use millrace::error::ErrorKind;
use serde_json::{Value, json};

use crate::harness::{Sandbox, canonical_rows};

const ROWS: i64 = 60;
const POISON: i64 = 13;
const KEYS: i64 = 5;

fn pipeline(config: &str, more: &str) -> String {
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\", k = \"string\", at = \"timestamp[ms]\" }}\n\
         event_time = {{ column = \"at\", delay = \"0s\" }}\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\nkey = [\"k\"]\ngrant = [\"log\"]\n\
         config = {{ {config} }}\n{more}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n\
         [sink.reports]\ntype = \"file\"\npath = \"reports\"\nfrom = \"h.reports\"\n\
         [sink.late]\ntype = \"file\"\npath = \"late\"\nfrom = \"h.late\"\n"
    )
}

/// A tenth of a second from row to row.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let row = |n: i64| json!({"n": n, "k": format!("k{}", n % KEYS), "at": n * 100}).to_string();
    sandbox.write("in.ndjson", (1..=ROWS).map(row).collect::<Vec<_>>().join("\n"));
    sandbox
}

/// The running sums of all rows but `without`, and what is reported of each key.
fn sums(without: Option<i64>) -> (Vec<String>, Vec<String>) {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut rows = Vec::new();
    for n in (1..=ROWS).filter(|n| Some(*n) != without) {
        let key = format!("k{}", n % KEYS);
        let sum = sums.entry(key.clone()).or_default();
        *sum += n;
        rows.push(json!({"n": n, "k": key, "sum": *sum}).to_string());
    }
    let reports = sums.iter().map(|(key, sum)| json!({"k": key, "sum": sum}).to_string());
    (canonical_rows(rows), canonical_rows(reports))
}

fn rows(sandbox: &Sandbox, directory: &str) -> Vec<String> {
    let rows = sandbox.rows(directory).into_iter().map(|row| {
        let mut row: Value = serde_json::from_str(&row).unwrap();
        row.as_object_mut().unwrap().remove("at");
        row.to_string()
    });
    canonical_rows(rows)
}

/// What all other tests of this file compare with.
#[test]
fn a_keyed_plugin_that_behaves_loses_nothing() {
    for more in ["", "state_ttl = \"10s\"", "limits = { deadline = \"5s\" }"] {
        let sandbox = sandbox();
        sandbox.run(&pipeline("mode = \"well_behaved\"", more));
        let (expected, reports) = sums(None);
        assert_eq!(rows(&sandbox, "out"), expected, "{more}");
        assert_eq!(rows(&sandbox, "reports"), reports, "{more}");
        assert!(sandbox.letters().is_empty(), "{more}");
    }
}

/// Halving finds the row, and the rest of its key goes on as if it had never been.
#[test]
fn only_the_row_at_fault_is_lost_and_leaves_no_trace() {
    for (mode, code, message, limits) in [
        ("fail", "failed", "the value 13 can't be taken", ""),
        ("panic", "trap", "the value 13 is poison", ""),
        ("loop", "deadline", "did not return within", "limits = { deadline = \"200ms\" }"),
        ("changed_out_of_range", "lie", "changed key 1 of 1", ""),
        ("changed_twice", "lie", "changed keys 0 and 0", ""),
        ("too_few_states", "lie", "states: column `state`: has 0 values", ""),
        ("bad_null_count", "lie", "states: column `state`: claims 1 nulls", ""),
        ("timer_out_of_range", "lie", "a timer of key 1 of 1", ""),
        ("timer_twice", "lie", "timer 7 of key 0 twice", ""),
        ("many_timers", "state", "a key with 101 timers", ""),
        ("key_row_out_of_range", "lie", "row 2 of 2", ""),
        ("error_of_key", "lie", "an error of row 1 of 1", ""),
        ("large_key_out_of_range", "lie", "key 1 of 1", ""),
        ("large_name_too_long", "lie", "a name of 257 bytes", ""),
    ] {
        let sandbox = sandbox();
        sandbox.run(&pipeline(&format!("mode = \"{mode}\", poison = {POISON}"), limits));
        let (expected, reports) = sums(Some(POISON));
        let mut letters = sandbox.letters();
        assert_eq!(letters.len(), 1, "{mode}: {letters:#?}");
        let letter = letters.remove(0);
        assert_eq!(letter.text("code"), code, "{mode}: {letter:#?}");
        assert!(letter.text("message").contains(message), "{mode}: {letter:#?}");
        assert_eq!(letter.row(), (POISON - 1) as u64, "{mode}");
        assert_eq!(letter.text("partition"), "in.ndjson", "{mode}");
        assert_eq!(rows(&sandbox, "out"), expected, "{mode}");
        assert_eq!(rows(&sandbox, "reports"), reports, "{mode}");
    }
}

/// A timer has no row: what is known of it is its key.
#[test]
fn a_timer_on_which_the_plugin_fails_leaves_with_its_key() {
    let (_, reports) = sums(None);
    let total = (1..=ROWS).filter(|n| n % KEYS == 2).sum::<i64>();
    let sandbox = sandbox();
    sandbox.run(&pipeline(&format!("mode = \"fail_on_timer\", poison = {total}"), ""));
    assert_eq!(rows(&sandbox, "out"), sums(None).0);
    let others: Vec<String> =
        reports.into_iter().filter(|report| !report.contains("\"k2\"")).collect();
    assert_eq!(rows(&sandbox, "reports"), others);
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(letters[0].text("payload"), "{\"k\":\"k2\"}");
    assert!(letters[0].text("message").starts_with("timer 1 of "), "{letters:#?}");
}

/// Nothing can be told apart where everything fails.
#[test]
fn a_keyed_plugin_that_always_fails_ends_the_pipeline() {
    for mode in ["panic", "hasty", "changed_twice"] {
        let sandbox = sandbox();
        let limits = "limits = { consecutive_failures = 3 }";
        let error = sandbox.try_run(&pipeline(&format!("mode = \"{mode}\""), limits)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Plugin, "{mode}: {error}");
        assert!(error.to_string().contains("on_failure"), "{mode}: {error}");
        assert!(sandbox.letters().is_empty(), "{mode}");
        sandbox.run(&pipeline("mode = \"well_behaved\"", ""));
        assert_eq!(rows(&sandbox, "out"), sums(None).0, "{mode}");
    }
}

/// Large state belongs to the keys of a batch.
#[test]
fn large_state_is_there_for_process_alone() {
    let sandbox = sandbox();
    let mistake = sandbox.mistake(&pipeline("mode = \"large_outside_of_process\"", ""));
    assert!(mistake.message.contains("outside of `process`"), "{mistake:?}");
}

/// One key that takes long keeps no other from its rows, and nothing is lost that is only slow.
#[test]
fn a_key_that_is_slow_loses_nothing() {
    let sandbox = sandbox();
    let config = format!("mode = \"slow\", poison = {POISON}");
    sandbox.run(&pipeline(&config, "limits = { deadline = \"20s\" }"));
    assert_eq!(rows(&sandbox, "out"), sums(None).0);
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}
