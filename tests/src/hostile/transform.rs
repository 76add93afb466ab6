//! A plugin that lies, loops and panics: the rows at fault leave on `errors`, all others go on,
//! and the host stands.

use millrace::error::ErrorKind;

use crate::harness::{Letter, Sandbox};

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n";
const ROWS: i64 = 40;
const POISON: i64 = 13;

/// Runs the numbers 1 to 40 through the plugin, `n` 13 being poison.
fn run(mode: &str, limits: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = pipeline(&sandbox, &format!("mode = \"{mode}\", poison = {POISON}"), limits);
    sandbox.run(&text);
    sandbox
}

fn pipeline(sandbox: &Sandbox, config: &str, more: &str) -> String {
    let rows: Vec<String> =
        (1..=ROWS).map(|n| format!("{{\"n\": {n}, \"k\": \"r{n}\"}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\nconfig = {{ {config} }}\n\
         {more}\n{SINK}"
    )
}

/// All rows but the poisoned one came through; it is the only dead letter, which is returned.
fn only_the_poison_failed(sandbox: &Sandbox, mode: &str) -> Letter {
    let good = |n: &i64| *n != POISON;
    let row = |n: i64| format!("{{\"k\":\"r{n}\",\"m\":{},\"n\":{n}", 2 * n);
    let mut expected: Vec<String> = (1..=ROWS).filter(good).map(row).collect();
    expected.sort();
    let rows = sandbox.rows("out");
    assert_eq!(rows.len(), expected.len(), "{mode}: {rows:?}");
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(row.starts_with(expected.as_str()), "{mode}: {row}");
    }
    let mut letters = sandbox.letters();
    assert_eq!(letters.len(), 1, "{mode}: {letters:#?}");
    let letter = letters.remove(0);
    assert_eq!(letter.text("step"), "h", "{mode}");
    assert_eq!(letter.row(), (POISON - 1) as u64, "{mode}");
    assert_eq!(letter.text("partition"), "in.ndjson", "{mode}");
    assert_eq!(letter.text("source"), "s", "{mode}");
    assert_eq!(letter.text("plugin"), "hostile", "{mode}");
    assert_eq!(letter.text("digest").len(), 64, "{mode}");
    assert_eq!(letter.text("encoding"), "json", "{mode}");
    assert_eq!(letter.text("payload"), "{\"n\":13,\"k\":\"r13\"}", "{mode}");
    letter
}

/// What all other tests of this file compare with.
#[test]
fn a_plugin_that_behaves_loses_nothing() {
    let sandbox = run("well_behaved", "");
    assert_eq!(sandbox.rows("out").len(), ROWS as usize);
    assert!(sandbox.letters().is_empty());
}

/// Failures with a code of their own, and words that help to find the reason.
#[test]
fn a_call_that_fails_costs_only_the_row_at_fault() {
    for (mode, code, message, limits) in [
        ("fail", "failed", "the value 13 can't be taken", ""),
        ("panic", "trap", "the value 13 is poison", ""),
        ("stack", "trap", "wasm trap", ""),
        ("loop", "deadline", "did not return within 30ms", "limits = { deadline = \"30ms\" }"),
        ("memory", "memory", "8 MiB", "limits = { memory = \"8MiB\" }"),
        ("huge_output", "output", "1048576 bytes of output", "limits = { output = \"1MiB\" }"),
    ] {
        let sandbox = run(mode, limits);
        let letter = only_the_poison_failed(&sandbox, mode);
        assert_eq!(letter.text("code"), code, "{mode}: {letter:#?}");
        assert!(letter.text("message").contains(message), "{mode}: {letter:#?}");
        let traps = ["panic", "stack", "loop", "memory"].contains(&mode);
        assert_eq!(letter.text("backtrace").contains(" at 0x"), traps, "{mode}: {letter:#?}");
    }
}

/// Whatever contradicts the contract is a lie, and told as one.
#[test]
fn a_lie_costs_only_the_row_at_fault() {
    for (mode, message) in [
        ("short_buffer", "column `m`: a buffer has 7 bytes, 8 are needed"),
        ("long_node", "column `m`: has 2 values where 1 belong"),
        ("bad_offsets", "column `t`: its offsets go backwards"),
        ("offsets_beyond", "column `t`: a buffer has 2 bytes"),
        ("bad_utf8", "column `t`"),
        ("bad_null_count", "column `m`: claims 1 nulls"),
        ("null_in_non_null", "column `m`: has 1 nulls and is declared without"),
        ("missing_column", "column `m`: its node is missing"),
        ("extra_buffers", "1 buffers follow after the last column"),
        ("row_out_of_range", "row 1 of 1"),
        ("port_out_of_range", "port 1000 of 1"),
        ("port_twice", "port 0 twice"),
        ("bad_error_row", ""),
        ("bad_error_code", "error code"),
        ("row_on_port_and_errors", ""),
        ("many_errors", "200000 row errors for 1 rows"),
    ] {
        let sandbox = run(mode, "");
        let letter = only_the_poison_failed(&sandbox, mode);
        assert_eq!(letter.text("code"), "lie", "{mode}: {letter:#?}");
        assert!(letter.text("message").contains(message), "{mode}: {letter:#?}");
        assert_eq!(letter.text("backtrace"), "", "{mode}: {letter:#?}");
    }
}

/// A message of 10 MB is cut, not stored.
#[test]
fn a_huge_message_is_cut() {
    let sandbox = run("huge_error", "");
    let letter = only_the_poison_failed(&sandbox, "huge_error");
    assert_eq!(letter.text("code"), "huge");
    assert_eq!(letter.text("message").len(), 4096);
}

/// Lines beyond the bound are dropped; the rows are good.
#[test]
fn a_flood_of_log_lines_is_cut_and_the_rows_go_on() {
    let sandbox = run("log_flood", "limits = { deadline = \"10s\" }");
    assert_eq!(sandbox.rows("out").len(), ROWS as usize);
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}

/// What a plugin says of itself is checked before anything starts.
#[test]
fn a_plugin_that_lies_about_itself_is_refused() {
    let sandbox = Sandbox::new();
    for (mode, message, limits) in [
        ("bad_port_name", "`Not A Port`", ""),
        ("unknown_read", "reads column `no_such_column`", ""),
        ("duplicate_column", "`m`", ""),
        ("loop_in_start", "did not return within 30ms", "limits = { deadline = \"30ms\" }"),
    ] {
        let text = pipeline(&sandbox, &format!("mode = \"{mode}\""), limits);
        let found = sandbox.mistake(&text);
        assert_eq!(found.at.as_deref(), Some("\"hostile\""), "{mode}: {found:#?}");
        assert!(found.message.contains(message), "{mode}: {found:#?}");
    }
}

/// A broken plugin must not turn a whole stream into dead letters, unless the user says so; once
/// it is mended, not a row is missing.
#[test]
fn a_plugin_that_fails_on_everything_stops_the_job() {
    let sandbox = Sandbox::new();
    for (mode, limits) in [
        ("panic", "limits = { consecutive_failures = 4 }"),
        ("loop", "limits = { deadline = \"20ms\", consecutive_failures = 4 }"),
        ("memory", "limits = { memory = \"4MiB\", consecutive_failures = 4 }"),
        ("short_buffer", "limits = { consecutive_failures = 1 }"),
    ] {
        let text = pipeline(&sandbox, &format!("mode = \"{mode}\""), limits);
        let error = sandbox.try_run(&text).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Plugin, "{mode}: {error}");
        assert!(error.to_string().contains("on_failure"), "{mode}: {error}");
        assert!(sandbox.rows("out").is_empty(), "{mode}");
        assert!(sandbox.letters().is_empty(), "{mode}");
    }
    sandbox.run(&pipeline(&sandbox, "mode = \"well_behaved\"", ""));
    assert_eq!(sandbox.rows("out").len(), ROWS as usize);
}

/// The user may prefer to go on.
#[test]
fn a_plugin_that_fails_on_everything_may_leave_dead_letters() {
    let sandbox = Sandbox::new();
    sandbox.run(&pipeline(&sandbox, "mode = \"panic\"", "on_failure = \"dead_letter\""));
    assert!(sandbox.rows("out").is_empty());
    let letters = sandbox.letters();
    let rows: Vec<u64> = letters.iter().map(Letter::row).collect();
    assert_eq!(rows, (0..ROWS as u64).collect::<Vec<_>>());
    assert!(letters.iter().all(|letter| letter.text("code") == "trap"));
}

/// Rows at fault side by side, more than a plugin may fail in a row, are still told from good ones
/// as long as good ones lie between.
#[test]
fn several_rows_at_fault_are_told_apart() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..200)
        .map(|n| format!("{{\"n\": {}}}", if n % 3 == 0 { 13 } else { n * 1000 }))
        .collect();
    let text = pipeline(&sandbox, "mode = \"fail\", poison = 13", "")
        .replace("batch_rows = 16", "batch_rows = 200");
    sandbox.write("in.ndjson", rows.join("\n"));
    sandbox.run(&text);
    assert_eq!(sandbox.letters().len(), 67);
    assert_eq!(sandbox.rows("out").len(), 133);
}

/// What fails now and then, for no reason that lies in a row, costs calls and no row.
#[test]
fn a_plugin_that_fails_at_random_loses_nothing() {
    for (mode, limits) in [("erratic", ""), ("leak", "limits = { memory = \"8MiB\" }")] {
        for batch_rows in [1, 7, 16] {
            let sandbox = Sandbox::new();
            let text = pipeline(&sandbox, &format!("mode = \"{mode}\""), limits);
            let own = format!("batch_rows = {batch_rows}");
            sandbox.run(&text.replace("batch_rows = 16", &own));
            assert_eq!(sandbox.rows("out").len(), ROWS as usize, "{mode}, {batch_rows}");
            assert!(sandbox.letters().is_empty(), "{mode}: {:#?}", sandbox.letters());
        }
    }
}

/// A call that takes too long as a whole is made in parts, and no row is lost that is only slow.
#[test]
fn rows_that_are_slow_together_go_on_one_after_the_other() {
    let sandbox = Sandbox::new();
    let limits = "limits = { deadline = \"400ms\" }";
    let text = pipeline(&sandbox, "mode = \"slow\"", limits);
    sandbox.run(&text.replace("batch_rows = 16", "batch_rows = 40"));
    assert_eq!(sandbox.rows("out").len(), ROWS as usize);
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}

/// An output row names its input row with four bytes, whatever that has in the columns that are
/// carried over to it.
#[test]
fn rows_that_are_repeated_count_with_all_their_columns() {
    let sandbox = Sandbox::new();
    let text = pipeline(&sandbox, "mode = \"repeat_rows\", poison = 13", "");
    let long = "x".repeat(1 << 20);
    sandbox.write(
        "in.ndjson",
        format!("{{\"n\": 1, \"k\": \"a\"}}\n{{\"n\": 13, \"k\": \"{long}\"}}"),
    );
    sandbox.run(&text);
    assert_eq!(sandbox.rows("out"), ["{\"k\":\"a\",\"m\":2,\"n\":1}"]);
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].text("code"), "output");
    assert!(letters[0].text("message").contains("returned rows more than once that have 10"));
}

/// One row in a million is found, and costs no other.
#[test]
fn one_poison_row_in_a_million_is_the_only_one_that_is_lost() {
    let sandbox = Sandbox::in_memory();
    let text = "[source.s]\ntype = \"generator\"\nrows = 1_000_000\n[source.s.fields]\n\
                n = { int = { min = 2, max = 9 } }\n[source.p]\ntype = \"file\"\n\
                path = \"in.ndjson\"\nformat = \"ndjson\"\nschema = { n = \"int64\" }\n\
                [step.h]\nfrom = [\"s\", \"p\"]\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
                config = { mode = \"panic\", poison = 13 }\n\
                [sink.out]\ntype = \"null\"\nfrom = \"h\"\n";
    sandbox.write("in.ndjson", "{\"n\": 13}");
    let summary = sandbox.run(text);
    let sink = summary.metrics.nodes.iter().find(|node| node.name == "sink.out").unwrap();
    assert_eq!(sink.rows_in.get(), 1_000_000);
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].text("payload"), "{\"n\":13}");
}
