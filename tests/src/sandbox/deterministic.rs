//! Time and chance that follow from the input alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::witness;
use crate::harness::Sandbox;

const PINNED: &str = "deterministic = { seed = 7 }";

/// The rows that one run in a directory of its own gives. With several lanes, which rows share a
/// call of a keyed step is a matter of time.
fn run(more: &str, change: impl Fn(String) -> String) -> Vec<String> {
    let sandbox = Sandbox::new();
    let text = format!("parallelism = 1\n{}", witness(&sandbox, 100, "add = true", more));
    sandbox.run(&change(text));
    sandbox.rows("out")
}

fn column(rows: &[String], name: &str) -> Vec<i64> {
    let value = |row: &String| serde_json::from_str::<Value>(row).unwrap()[name].as_i64().unwrap();
    rows.iter().map(value).collect()
}

/// Without it, each run has other numbers and another time.
#[test]
fn a_plugin_hears_the_machine_if_nothing_else_is_said() {
    let (first, second) = (run("", |text| text), run("", |text| text));
    assert_eq!(first.len(), 100);
    assert_ne!(column(&first, "chance"), column(&second, "chance"));
    assert!(column(&first, "now").iter().all(|now| *now > 1_700_000_000_000_000));
}

/// With it, time is the highest of the batch, and all of it is the same in every run, for steps
/// with and without a key, whoever says it.
#[test]
fn a_deterministic_step_gives_the_same_rows_in_every_run() {
    for more in [PINNED.to_owned(), format!("{PINNED}\nkey = [\"k\"]")] {
        let rows = run(&more, |text| text);
        assert_eq!(rows, run(&more, |text| text), "{more}");
        let of_pipeline = |text: String| format!("{PINNED}\n{}", text.replace(PINNED, ""));
        assert_eq!(rows, run(&more, of_pipeline), "{more}");
        let chances: BTreeSet<i64> = column(&rows, "chance").into_iter().collect();
        assert_eq!(chances.len(), 100, "{more}");
        let other = run(&more, |text| text.replace("seed = 7", "seed = 8"));
        assert_ne!(column(&rows, "chance"), column(&other, "chance"), "{more}");
        assert_eq!(column(&rows, "now"), column(&other, "now"), "{more}");
    }
    // Batches of 16 rows, one in each millisecond.
    let rows = run(PINNED, |text| text);
    let latest = |n: i64| ((n + 15) / 16 * 16).min(100) * 1000;
    for (n, now) in column(&rows, "n").into_iter().zip(column(&rows, "now")) {
        assert_eq!(now, latest(n), "{n}");
    }
    // Without event time there is none to go by.
    let timeless = |text: String| {
        text.lines().filter(|line| !line.starts_with("event_time")).collect::<Vec<_>>().join("\n")
    };
    assert!(column(&run(PINNED, timeless), "now").iter().all(|now| *now == 0));
}
