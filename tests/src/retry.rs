//! Rows that fail for a reason outside of themselves come to their step again, and someone else may
//! answer in the meantime.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Sandbox, canonical_rows};

const ROWS: i64 = 40;
const POISON: i64 = 13;

/// The numbers 1 to 40 through the plugin, with `config` and `retry`.
fn pipeline(sandbox: &Sandbox, config: &str, retry: &str) -> String {
    let rows: Vec<String> =
        (1..=ROWS).map(|n| format!("{{\"n\": {n}, \"k\": \"r{n}\"}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\nconfig = {{ {config} }}\n\
         retry = {{ {retry} }}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n\
         [sink.degraded]\ntype = \"file\"\npath = \"degraded\"\nfrom = \"h.fallback\"\n"
    )
}

/// What the plugin makes of the numbers.
fn doubled(numbers: impl Iterator<Item = i64>) -> Vec<String> {
    canonical_rows(numbers.map(|n| format!("{{\"n\":{n},\"k\":\"r{n}\",\"m\":{}}}", 2 * n)))
}

fn as_they_came(numbers: impl Iterator<Item = i64>) -> Vec<String> {
    canonical_rows(numbers.map(|n| format!("{{\"n\":{n},\"k\":\"r{n}\"}}")))
}

/// A row that fails for a while is in the output in the end, once; the job waits for it.
#[test]
fn a_row_that_fails_for_a_while_comes_again() {
    let sandbox = Sandbox::new();
    let config = format!("mode = \"unavailable\", poison = {POISON}, calls = 1");
    let retry = "codes = [\"unavailable\"], after = \"10ms\", attempts = 2";
    sandbox.run(&pipeline(&sandbox, &config, retry));
    assert_eq!(sandbox.rows("out"), doubled(1..=ROWS));
    assert_eq!(sandbox.rows("degraded"), as_they_came(POISON..=POISON));
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}

/// Nobody need want another answer.
#[test]
fn rows_may_come_again_without_a_reader_of_the_fallback() {
    let sandbox = Sandbox::new();
    let config = "mode = \"unavailable\", calls = 1";
    let text = pipeline(&sandbox, config, "codes = \"unavailable\", after = \"10ms\"");
    let text = &text[..text.find("[sink.degraded]").unwrap()];
    sandbox.run(text);
    assert_eq!(sandbox.rows("out"), doubled(1..=ROWS));
}

/// What does not pass becomes a dead letter as any other, which says how often it was tried.
#[test]
fn a_row_that_never_succeeds_is_a_dead_letter_in_the_end() {
    let sandbox = Sandbox::new();
    let config = format!("mode = \"unavailable\", poison = {POISON}");
    let retry = "codes = [\"unavailable\"], after = \"5ms\", attempts = 3";
    let summary = sandbox.run(&pipeline(&sandbox, &config, retry));
    assert_eq!(sandbox.rows("out"), doubled((1..=ROWS).filter(|n| *n != POISON)));
    assert_eq!(sandbox.rows("degraded"), as_they_came(POISON..=POISON));
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(letters[0].text("step"), "h");
    assert_eq!(letters[0].text("code"), "unavailable");
    assert_eq!(letters[0].text("message"), "no model is loaded (the last retry, number 3)");
    assert_eq!(letters[0].text("source"), "s");
    assert_eq!(letters[0].text("partition"), "in.ndjson");
    assert_eq!(letters[0].row(), (POISON - 1) as u64);
    assert_eq!(letters[0].text("payload"), format!("{{\"n\":{POISON},\"k\":\"r{POISON}\"}}"));
    let queue = summary.metrics.nodes.iter().find(|node| node.name == "h#retry").unwrap();
    let counted = &queue.queue;
    assert_eq!((counted.waiting(), counted.retried.get(), counted.given_up.get()), (0, 3, 1));
}

/// A plugin that fails on everything does not stop the job, if its failure is one that passes.
#[test]
fn a_plugin_that_is_too_slow_for_all_rows_degrades() {
    let sandbox = Sandbox::new();
    let retry = "codes = [\"deadline\"], after = \"5ms\", attempts = 1";
    let limits = "limits = { deadline = \"20ms\", consecutive_failures = 2 }\nretry";
    let text = pipeline(&sandbox, "mode = \"loop\"", retry).replace("retry", limits);
    sandbox.run(&text);
    assert!(sandbox.rows("out").is_empty());
    assert_eq!(sandbox.rows("degraded"), as_they_came(1..=ROWS));
    let letters = sandbox.letters();
    assert_eq!(letters.len(), ROWS as usize);
    for letter in letters {
        assert_eq!(letter.text("code"), "deadline");
        assert!(letter.text("message").contains("the last retry, number 1"), "{letter:#?}");
    }
}

/// Other errors are the row's own, as before.
#[test]
fn a_row_that_is_at_fault_itself_does_not_come_again() {
    let sandbox = Sandbox::new();
    let config = format!("mode = \"fail\", poison = {POISON}");
    let retry = "codes = [\"unavailable\"], after = \"1h\"";
    sandbox.run(&pipeline(&sandbox, &config, retry));
    assert_eq!(sandbox.rows("out"), doubled((1..=ROWS).filter(|n| *n != POISON)));
    assert!(sandbox.rows("degraded").is_empty());
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert_eq!(letters[0].text("message"), "the value 13 can't be taken");
}

/// The queue has a bound, and what is beyond it is not lost either.
#[test]
fn rows_beyond_the_bound_are_dead_letters() {
    let sandbox = Sandbox::new();
    let retry = "codes = [\"unavailable\"], after = \"20ms\", attempts = 1, max_rows = 2";
    let text = pipeline(&sandbox, "mode = \"unavailable\"", retry);
    sandbox.run(&text.replace("batch_rows = 16", "batch_rows = 64\nparallelism = 1"));
    assert_eq!(sandbox.rows("degraded"), as_they_came(1..=ROWS));
    let letters = sandbox.letters();
    assert_eq!(letters.len(), ROWS as usize);
    let full: Vec<_> = letters.iter().filter(|l| l.text("code") == "retry_queue_full").collect();
    assert_eq!(full.len(), ROWS as usize - 2);
    let message = "unavailable: no model is loaded; and 2 rows wait to come again already";
    assert!(full.iter().all(|letter| letter.text("message") == message), "{full:#?}");
}

/// Another answer is there at once; the right one comes when the step is mended, even if that takes
/// another run, another pipeline file and a column more.
#[test]
fn rows_wait_over_a_restart_and_a_change_of_the_pipeline() {
    let sandbox = Sandbox::new();
    let retry = "codes = [\"unavailable\"], after = \"1h\"";
    let text = pipeline(&sandbox, &format!("mode = \"unavailable\", poison = {POISON}"), retry);
    sandbox.run_until(&text, || !sandbox.rows("degraded").is_empty());
    assert_eq!(sandbox.rows("degraded"), as_they_came(POISON..=POISON));
    let listed = sandbox.millrace(&["state", "list", "pipeline.toml", "h", "--json"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let entry: Value = serde_json::from_str(listed.trim_end()).unwrap();
    assert_eq!(entry["value"]["payload"], format!("{{\"n\":{POISON},\"k\":\"r{POISON}\"}}"));
    assert_eq!(entry["value"]["attempts"], 0);

    let retry = "codes = [\"unavailable\"], after = \"5ms\"";
    let text = pipeline(&sandbox, "mode = \"well_behaved\"", retry).replace(
        "[step.h]\nfrom = \"s\"",
        "[step.more]\nsql = \"SELECT *, CASE WHEN n > 0 THEN 'new' END AS more FROM s\"\n[step.h]\nfrom = \"more\"",
    );
    sandbox.run(&text);
    assert_eq!(sandbox.rows("degraded"), as_they_came(POISON..=POISON));
    let mut expected = doubled((1..=ROWS).filter(|n| *n != POISON));
    expected.extend(canonical_rows(["{\"n\":13,\"k\":\"r13\",\"m\":26}"]));
    expected.sort();
    assert_eq!(sandbox.rows("out"), expected);
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}

/// Also where JSON would not keep it: what is no number, and bytes.
#[test]
fn a_row_that_comes_again_is_what_it_was() {
    let sandbox = Sandbox::new();
    let config = format!("mode = \"unavailable\", poison = {POISON}, calls = 1");
    let text = pipeline(&sandbox, &config, "codes = \"unavailable\", after = \"5ms\"")
        .replace(
            "[step.h]\nfrom = \"s\"",
            "[step.odd]\nsql = \"SELECT n, k, CAST('NaN' AS DOUBLE) AS d, \
             arrow_cast(k, 'Binary') AS b FROM s\"\n[step.h]\nfrom = \"odd\"",
        )
        .replace("path = \"out\"\nfrom = \"h\"", "path = \"out\"\nfrom = \"shown\"");
    let shown = "[step.shown]\nsql = \"SELECT n, k, m, arrow_cast(d, 'Utf8') AS d, \
                 arrow_cast(b, 'Utf8') AS b FROM h\"\n";
    sandbox.run(&(text + shown));
    let row = |n: i64| {
        format!("{{\"n\":{n},\"k\":\"r{n}\",\"m\":{},\"d\":\"NaN\",\"b\":\"r{n}\"}}", 2 * n)
    };
    assert_eq!(sandbox.rows("out"), canonical_rows((1..=ROWS).map(row)));
}

/// A row that comes again has its own time, holds back nobody, and is late where it comes too late.
#[test]
fn a_row_that_comes_again_is_late_where_it_comes_too_late() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..40).map(|n| format!("{{\"n\": {n}, \"t\": {n}000}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    let text = format!(
        "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\", t = \"timestamp[ms]\" }}\n\
         event_time = {{ column = \"t\", delay = \"0s\" }}\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"unavailable\", poison = {POISON}, calls = 1 }}\n\
         retry = {{ codes = \"unavailable\", after = \"100ms\" }}\n\
         [step.sums]\nsql = \"SELECT sum(m) AS m FROM \
         (SELECT m, tumble(t, INTERVAL '20 seconds') AS w FROM h) GROUP BY w\"\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"sums\"\n\
         [sink.late]\ntype = \"file\"\npath = \"late\"\nfrom = \"sums.late\"\n\
         [sink.degraded]\ntype = \"null\"\nfrom = \"h.fallback\"\n"
    );
    sandbox.run(&text);
    let sum = |numbers: std::ops::Range<i64>| numbers.map(|n| 2 * n).sum::<i64>();
    let sums = [sum(0..20) - 2 * POISON, sum(20..40)].map(|m| format!("{{\"m\":{m}}}"));
    assert_eq!(sandbox.rows("out"), canonical_rows(sums));
    assert_eq!(sandbox.rows("late").len(), 1, "{:?}", sandbox.rows("late"));
}

/// What `check` says before anything starts.
#[test]
fn mistakes_are_found_before_anything_starts() {
    let sandbox = Sandbox::new();
    let config = "mode = \"well_behaved\"";
    for (retry, at, message) in [
        ("codes = []", "[]", "the list is empty"),
        ("codes = \"No Code\"", "\"No Code\"", "no row error has the code `No Code`"),
        ("codes = \"a\", attempts = 0", "0", "0 is out of bounds: 1 to 1000"),
        ("codes = \"a\", after = \"0s\"", "\"0s\"", "the time must be above 0"),
        ("codes = \"a\", max_rows = 0", "0", "out of bounds"),
        ("codes = \"a\", code = \"b\"", "code", "unknown key `code`"),
        ("after = \"1s\"", "{ after = \"1s\" }", "the key `codes` is missing"),
    ] {
        let found = sandbox.mistake(&pipeline(&sandbox, config, retry));
        assert_eq!(found.at.as_deref(), Some(at), "{found:#?}");
        assert!(found.message.contains(message), "{found:#?}");
    }
    let text = pipeline(&sandbox, config, "codes = \"a\"");
    let keyed = text.replace("[step.h]", "[step.h]\nkey = \"k\"");
    assert!(sandbox.mistake(&keyed).message.contains("`retry` for a plugin with a key"));
    let sql =
        text.replace("[sink.out]", "[step.q]\nsql = \"SELECT * FROM h\"\nretry = {}\n[sink.out]");
    let sql = sql.replace("from = \"h\"\n", "from = \"q\"\n");
    let found = sandbox.mistake(&sql);
    assert!(found.message.contains("step `q` has `retry` and no plugin"), "{found:#?}");
}

const FILES: usize = 20;
const ROWS_PER_FILE: usize = 100;
const ROUNDS: usize = 12;

/// However often the process is killed while rows fail, wait and come again, each is in the output
/// once, and was given to the fallback at most once.
#[test]
fn a_process_that_is_killed_again_and_again_loses_and_doubles_no_row() {
    let sandbox = Sandbox::in_memory();
    let ids = || 0..FILES * ROWS_PER_FILE;
    for file in 0..FILES {
        let line = |id: usize| {
            let n = if id.is_multiple_of(3) { POISON as usize } else { 1000 + id };
            format!("{{\"n\": {n}, \"id\": {id}}}\n")
        };
        let first = file * ROWS_PER_FILE;
        let text: String = (first..first + ROWS_PER_FILE).map(line).collect();
        sandbox.write(&format!("in/{file:02}.ndjson"), text);
    }
    // Each new instance refuses for a while, so that rows fail in every run.
    sandbox.pipeline(&format!(
        "parallelism = 2\nbatch_rows = 20\n[checkpoint]\ninterval = \"10ms\"\n\
         [source.s]\ntype = \"file\"\npath = \"in/*.ndjson\"\nformat = \"ndjson\"\n\
         limit_per_epoch = {{ rows = 40 }}\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"unavailable\", poison = {POISON}, calls = 6 }}\n\
         retry = {{ codes = \"unavailable\", after = \"15ms\", attempts = 1000 }}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n\
         [sink.degraded]\ntype = \"file\"\npath = \"degraded\"\nfrom = \"h.fallback\"\n"
    ));
    let mut killed = 0;
    for round in 0..ROUNDS {
        let mut command = sandbox.command(&["run", "pipeline.toml", "--json"]);
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let progress = lines.filter(|line| line.contains("\"event\":\"progress\""));
        killed += usize::from(progress.take(2 + round % 4).count() == 2 + round % 4);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > ROUNDS / 2, "only {killed} rounds had anything to do");
    let ended = sandbox.millrace(&["run", "pipeline.toml", "--quiet"]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let numbers = |directory: &str| -> Vec<usize> {
        let rows = sandbox.rows(directory);
        let id = |row: &String| serde_json::from_str::<Value>(row).unwrap()["id"].as_u64();
        let mut ids: Vec<usize> = rows.iter().map(|row| id(row).unwrap() as usize).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(numbers("out"), ids().collect::<Vec<_>>());
    let degraded = numbers("degraded");
    assert!(!degraded.is_empty() && degraded.iter().all(|id| id.is_multiple_of(3)));
    assert_eq!(degraded.iter().collect::<BTreeSet<_>>().len(), degraded.len(), "twice");
    assert!(sandbox.letters().is_empty(), "{:#?}", sandbox.letters());
}
