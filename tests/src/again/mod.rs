//! `millrace replay`: an epoch is run once more and gives the same output, or what differs is named.

use std::fs;
use std::path::PathBuf;

use millrace::checkpoint::Store;
use millrace::epoch::Epoch;
use millrace::storage::LocalStorage;
use serde_json::{Value, json};

use crate::harness::Sandbox;

const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\n";

/// Files of rows, `n` growing over all, one second from row to row.
fn sandbox(files: usize, rows: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for file in 0..files {
        let row = |at: usize| {
            let n = at * files + file;
            json!({"n": n, "k": format!("k{}", n % 7), "at": n * 1000}).to_string()
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        sandbox.write(&format!("in/{file}.ndjson"), rows.join("\n"));
    }
    sandbox
}

/// A pipeline whose epochs hold at most so many rows of the source `s`.
fn pipeline(limit: usize, settings: &str, steps: &str) -> String {
    format!(
        "batch_rows = 50\n{settings}\n[source.s]\ntype = \"file\"\npath = \"in/*.ndjson\"\n\
         format = \"ndjson\"\nschema = {{ n = \"int64\", k = \"string\", at = \"timestamp[ms]\" }}\n\
         event_time = {{ column = \"at\", delay = \"5s\" }}\nlimit_per_epoch = {{ rows = {limit} }}\n\
         {steps}\n"
    )
}

fn witness(more: &str) -> String {
    format!(
        "[step.h]\nfrom = \"s\"\nplugin = \"witness\"\nconfig = {{ add = true }}\n{more}\n\
         grant = [\"log\", \"metrics\", \"clock\", \"random\"]\n{SINK}from = \"h\"\n"
    )
}

/// The epochs that the checkpoint remembers.
fn epochs(sandbox: &Sandbox) -> Vec<Epoch> {
    let directory = sandbox.path(".millrace/test");
    let store = Store::open(&directory, "test", &LocalStorage).unwrap();
    store.recover().unwrap().history.into_keys().collect()
}

/// Replays an epoch. Returns the exit code and all that was said.
fn replay(sandbox: &Sandbox, epoch: Epoch) -> (i32, String) {
    let output = sandbox.millrace(&["replay", "pipeline.toml", &epoch.to_string()]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// All files below a directory, with their content.
fn content(sandbox: &Sandbox, directory: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = sandbox.files(directory).into_iter();
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Time and chance follow from the rows, so that each epoch gives the same files, the first one
/// and the last one too; what was published is left alone.
#[test]
fn a_deterministic_pipeline_gives_the_same_bits_again() {
    let sandbox = sandbox(1, 1000);
    let text = pipeline(300, "parallelism = 1", &witness("deterministic = { seed = 3 }"));
    sandbox.run(&text);
    let (before, epochs) = (content(&sandbox, "out"), epochs(&sandbox));
    assert!(epochs.len() >= 4, "{epochs:?}");
    for epoch in epochs {
        let (code, text) = replay(&sandbox, epoch);
        assert_eq!(code, 0, "{epoch}: {text}");
        assert!(text.contains("rows, the same bit for bit"), "{epoch}: {text}");
        assert!(!sandbox.path(&format!(".millrace/test.replay-{epoch}")).exists());
    }
    assert_eq!(content(&sandbox, "out"), before);
}

/// State, windows, timers and dead letters are those that were there before the epoch.
#[test]
fn steps_with_state_go_on_from_what_they_had() {
    for (parallelism, files) in [(1, 1), (3, 5)] {
        let sandbox = sandbox(files, 2000 / files);
        let steps = format!(
            "[step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
             config = {{ mode = \"fail\", poison = 777 }}\n\
             [step.sums]\nfrom = \"h\"\nplugin = \"hostile\"\nkey = \"k\"\ngrant = [\"log\"]\n\
             config = {{ mode = \"well_behaved\" }}\n\
             [step.w]\nsql = \"SELECT k, tumble(at, INTERVAL '20 seconds') AS w, count(*) AS c, \
             sum(n) AS total FROM s GROUP BY k, w\"\n\
             {SINK}from = \"sums\"\n\
             [sink.reports]\ntype = \"file\"\npath = \"reports\"\nfrom = \"sums.reports\"\n\
             [sink.windows]\ntype = \"file\"\npath = \"windows\"\nformat = \"parquet\"\nfrom = \"w\"\n"
        );
        sandbox.run(&pipeline(600, &format!("parallelism = {parallelism}"), &steps));
        let epochs = epochs(&sandbox);
        assert!(epochs.len() >= 3, "{epochs:?}");
        let mut said = String::new();
        for epoch in epochs {
            let (code, text) = replay(&sandbox, epoch);
            assert_eq!(code, 0, "{epoch}: {text}");
            said.push_str(&text);
        }
        for sink in ["out", "reports", "windows", "dead_letters"] {
            assert!(said.contains(&format!("\n{sink}: ")) || said.starts_with(sink), "{said}");
        }
    }
}

/// What depends on the machine's clock differs, and the note says what to do about it.
#[test]
fn a_pipeline_that_is_not_deterministic_is_found_out() {
    let sandbox = sandbox(1, 200);
    sandbox.run(&pipeline(200, "parallelism = 1", &witness("")));
    let epoch = epochs(&sandbox)[0];
    let (code, text) = replay(&sandbox, epoch);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("`h` is granted clock, random: set deterministic"), "{text}");
    assert!(text.contains("out: differs, first in") && text.contains("row 1\n"), "{text}");
    // What the second run has made can be looked at.
    assert_eq!(sandbox.files(&format!(".millrace/test.replay-{epoch}/out")).len(), 1);
}

/// The file and the row are named, whichever side has more.
#[test]
fn the_first_row_that_differs_is_named() {
    let sandbox = sandbox(1, 100);
    let steps = format!("{SINK}from = \"s\"\n");
    sandbox.run(&pipeline(100, "parallelism = 1", &steps));
    let epoch = epochs(&sandbox)[0];
    let file = sandbox.files("out").remove(0);
    let original = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = original.lines().collect();
    let mut row: Value = serde_json::from_str(lines[41]).unwrap();
    row["n"] = json!(-1);
    let changed = row.to_string();
    let one_changed = [&lines[..41], &[changed.as_str()], &lines[42..]].concat().join("\n");
    let cases = [
        (one_changed, "row 42\n", "again:     {\"n\":41,"),
        (lines[..99].join("\n"), "row 100\n", "published: (no such row)"),
        (format!("{original}{changed}\n"), "row 101\n", "again:     (no such row)"),
    ];
    for (content, row, said) in cases {
        fs::write(&file, content).unwrap();
        let (code, text) = replay(&sandbox, epoch);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(row) && text.contains(said), "{text}");
        let named = if row == "row 100\n" { "replay-" } else { file.to_str().unwrap() };
        assert!(text.contains(named), "{text}");
    }
    // The same rows in another order are the same output, and said not to be the same bits.
    fs::write(&file, lines.iter().rev().copied().collect::<Vec<_>>().join("\n")).unwrap();
    let (code, text) = replay(&sandbox, epoch);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("out: the same 100 rows, in other files or in another order"), "{text}");
    fs::remove_file(&file).unwrap();
    let (code, text) = replay(&sandbox, epoch);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is gone: there is nothing to compare with"), "{text}");
}

/// What can't be read or done once more is refused before anything is copied.
#[test]
fn what_can_not_be_replayed_is_said() {
    let sandbox = sandbox(1, 100);
    let steps = format!("{SINK}from = \"s\"\n");
    let keep = "[checkpoint]\ninterval = \"20ms\"\nkeep = 2\n";
    sandbox.run(&pipeline(10, "parallelism = 1", &format!("{steps}{keep}")));
    let first = epochs(&sandbox)[0];
    for (epoch, said) in [(Epoch(999), "does not remember epoch 999"), (first, "the time before")] {
        let (code, text) = replay(&sandbox, epoch);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(said), "{text}");
    }
    sandbox
        .pipeline(&format!("[source.s]\ntype = \"stdin\"\nformat = \"raw\"\n{SINK}from = \"s\"\n"));
    let (code, text) = replay(&sandbox, Epoch(1));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("source `s` reads standard input, which can't be read again"), "{text}");
    let retry = "retry = { codes = \"unavailable\" }";
    sandbox.pipeline(&pipeline(10, "", &witness(retry)));
    let (code, text) = replay(&sandbox, Epoch(1));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("step `h` has `retry`"), "{text}");
}
