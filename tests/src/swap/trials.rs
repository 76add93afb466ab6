//! Canaries, shadows and swaps under watch.

use millrace::swap::{Bounds, Mode, Outcome, SwapRequest, Verdict};
use serde_json::json;

use super::TAGGED;
use super::fixture::{Live, pipeline, pipeline_of, to, tried};
use crate::harness::wait_until;

const KEYED: &str = "plugin = \"counter\"\nkey = \"n\"\nconfig = { tag = \"a\" }\n";

/// A canary gets its share of the rows, always the same ones, until it is promoted.
#[test]
fn a_canary_gets_a_share_of_the_rows() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(10);
    live.swap(&tried(json!({ "tag": "b" }), Mode::Canary { share: 0.25 }));
    live.pass(4000);
    let canary = live.tagged("b");
    assert!((800..1200).contains(&canary.len()), "{} of 4000 rows", canary.len());
    let report = &live.remote.trials()[0];
    assert_eq!(report.candidate.rows as usize, canary.len());
    assert_eq!(report.candidate.failures, 0);
    live.remote.decide("mark", Verdict::Promote, "test").unwrap();
    live.pass(100);
    assert_eq!(live.tagged("b").len(), canary.len() + 100);
    let end = live.last();
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(end.end.unwrap().by, "test");
}

#[test]
fn a_canary_that_is_rolled_back_gets_nothing_more() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.swap(&tried(json!({ "tag": "b" }), Mode::Canary { share: 0.5 }));
    live.pass(1000);
    let before = live.tagged("b").len();
    assert!(before > 300);
    live.remote.decide("mark", Verdict::Rollback, "test").unwrap();
    live.pass(1000);
    assert_eq!(live.tagged("b").len(), before);
    assert_eq!(live.tagged("a").len(), 2000 - before);
    assert_eq!(live.last().outcome, Outcome::RolledBack);
    let nothing = live.remote.decide("mark", Verdict::Promote, "test").unwrap_err();
    assert!(nothing.to_string().contains("no candidate"), "{nothing}");
}

/// The keys of a keyed step's canary are always the same, so that each has one history.
#[test]
fn a_canary_of_a_keyed_step_gets_a_share_of_the_keys() {
    let step = KEYED.replace("key = \"n\"", "key = \"k\"");
    let text = pipeline(&step).replace("from = \"numbers\"", "from = \"keys\"");
    let text = format!("{text}[step.keys]\nsql = \"SELECT n, n % 100 AS k FROM numbers\"\n");
    let mut live = Live::start(&text);
    live.pass(1000);
    live.swap(&tried(json!({ "tag": "b" }), Mode::Canary { share: 0.3 }));
    live.pass(2000);
    let tag_of = |key: i64| {
        let rows =
            live.rows().into_iter().filter(|row| row["k"] == key && row["n"].as_i64() > Some(1000));
        let mut tags: Vec<String> = rows.map(|row| row["tag"].to_string()).collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 1, "key {key}: {tags:?}");
        tags.remove(0)
    };
    let chosen = (0..100).filter(|key| tag_of(*key) == "\"b\"").count();
    assert!((10..50).contains(&chosen), "{chosen} of 100 keys");
    // The counts go on from what the old version has counted.
    let counts = |key: i64| {
        let rows = live.rows().into_iter().filter(|row| row["k"] == key);
        let mut counts: Vec<u64> = rows.map(|row| row["count"].as_u64().unwrap()).collect();
        counts.sort_unstable();
        counts
    };
    (0..100).for_each(|key| assert_eq!(counts(key), (1..=30).collect::<Vec<_>>()));
}

/// A shadow changes nothing that comes out, and what it would have changed is counted.
#[test]
fn a_shadow_has_no_effect_and_tells_the_differences() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.swap(&tried(json!({ "tag": "a", "refuse_every": 10 }), Mode::Shadow));
    live.pass(1000);
    assert_eq!(live.tagged("a").len(), 1000);
    wait_until(|| live.remote.trials()[0].candidate.rows == 1000);
    let report = live.remote.trials().remove(0);
    assert_eq!(report.candidate.refused, 100);
    assert_eq!((report.current.rows_out, report.candidate.rows_out), (1000, 900));
    assert!(report.candidate.nanos > 0 && report.candidate.memory_bytes > 1 << 16, "{report:?}");
    // Each of them on `main` and on `errors`.
    assert_eq!(report.differing_rows, 200);
    assert!(report.examples.iter().any(|e| e.candidate == "refused"), "{:?}", report.examples);
    assert!(report.examples.iter().any(|e| e.row.contains("numbers/in/")), "{:?}", report.examples);
    live.remote.decide("mark", Verdict::Rollback, "test").unwrap();
}

/// A shadow that traps, or never ends, does no harm either.
#[test]
fn a_shadow_may_fail() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.swap(&tried(json!({ "tag": "b", "trap_every": 7 }), Mode::Shadow));
    live.pass(100);
    assert_eq!(live.tagged("a").len(), 100);
    assert!(live.remote.trials()[0].candidate.failures > 0);
    assert_eq!(live.last().outcome, Outcome::OnTrial);
}

/// The state of a keyed step is that of the current version alone, while a shadow reads it.
#[test]
fn a_shadow_of_a_keyed_step_leaves_no_state() {
    let text = pipeline(&KEYED.replace("key = \"n\"", "key = \"k\""));
    let text = text.replace("from = \"numbers\"", "from = \"keys\"");
    let text = format!("{text}[step.keys]\nsql = \"SELECT n, n % 10 AS k FROM numbers\"\n");
    let mut live = Live::start(&text);
    live.pass(100);
    live.swap(&tried(json!({ "tag": "a", "writes": 2, "reads": [1] }), Mode::Shadow));
    live.pass(100);
    let report = live.remote.trials().remove(0);
    assert_eq!((report.candidate.rows, report.candidate.failures), (100, 0), "{report:?}");
    assert_eq!(report.differing_rows, 0, "{:?}", report.examples);
    live.remote.decide("mark", Verdict::Rollback, "test").unwrap();
    live.pass(100);
    let counts = live.rows().into_iter().filter(|row| row["k"] == 3);
    let mut counts: Vec<u64> = counts.map(|row| row["count"].as_u64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=30).collect::<Vec<_>>());
}

/// Rows on which a new version traps go through the old one, and after a few it is taken back.
#[test]
fn a_new_version_that_traps_is_taken_back_by_itself() {
    for step in [TAGGED, KEYED] {
        let mut live = Live::start(&pipeline_of(1, step));
        live.pass(1000);
        let bad = json!({ "tag": "b", "trap_every": 3 });
        live.swap(&tried(bad, Mode::Full));
        for _ in 0..10 {
            live.pass(100);
        }
        wait_until(|| live.last().outcome == Outcome::RolledBack);
        let end = live.last().end.unwrap();
        assert_eq!(end.by, "millrace");
        assert!(end.reason.contains("multiple of what traps"), "{}", end.reason);
        live.pass(100);
        assert!(live.sandbox.letters().is_empty(), "the old version can process all");
        let mut all = [live.tagged("a"), live.tagged("b")].concat();
        all.sort_unstable();
        assert_eq!(all, (1..live.next).collect::<Vec<_>>(), "each row once");
        let restarted = Live::again(live.stop());
        assert!(restarted.remote.trials().is_empty());
    }
}

#[test]
fn a_new_version_that_never_ends_is_taken_back_soon() {
    let mut live = Live::start(&pipeline_of(1, TAGGED));
    live.pass(1000);
    live.swap(&SwapRequest {
        bounds: Bounds { failures: 0, ..Bounds::default() },
        ..tried(json!({ "tag": "b", "loop_at": 1500 }), Mode::Full)
    });
    live.pass(1000);
    wait_until(|| live.last().outcome == Outcome::RolledBack);
    assert!(live.sandbox.letters().is_empty());
    let mut all = [live.tagged("a"), live.tagged("b")].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=2000).collect::<Vec<_>>());
}

#[test]
fn a_new_version_that_refuses_too_much_is_taken_back() {
    let mut live = Live::start(&pipeline_of(1, TAGGED));
    live.pass(1000);
    live.swap(&tried(json!({ "tag": "b", "refuse_every": 2 }), Mode::Full));
    live.pass(1000);
    wait_until(|| live.last().outcome == Outcome::RolledBack);
    let reason = live.last().end.unwrap().reason;
    assert!(reason.contains("50.0% of its rows were errors"), "{reason}");
}

#[test]
fn a_new_version_that_is_too_slow_is_taken_back() {
    let mut live = Live::start(&pipeline_of(1, TAGGED));
    for _ in 0..20 {
        live.pass(500);
    }
    live.swap(&SwapRequest {
        bounds: Bounds { slowdown: 3.0, ..Bounds::default() },
        ..tried(json!({ "tag": "b", "slow": 100_000 }), Mode::Full)
    });
    let fed = live.next;
    while live.last().outcome == Outcome::OnTrial && live.next < fed + 20_000 {
        live.pass(100);
    }
    wait_until(|| live.last().outcome == Outcome::RolledBack);
    let reason = live.last().end.unwrap().reason;
    assert!(reason.contains("a row") || reason.contains("did not return"), "{reason}");
}

/// A version that does well is promoted when its time is over; a swap in the meantime follows it.
#[test]
fn a_swap_under_watch_is_done_when_its_time_is_over() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(10);
    let watched = |tag: &str, within_ms: u64| SwapRequest {
        bounds: Bounds { within_ms, ..Bounds::default() },
        ..tried(json!({ "tag": tag }), Mode::Full)
    };
    live.swap(&watched("b", 3_600_000));
    live.pass(10);
    assert_eq!(live.last().outcome, Outcome::OnTrial);
    live.swap(&watched("c", 1));
    wait_until(|| live.last().outcome == Outcome::Done);
    live.pass(10);
    let outcomes: Vec<Outcome> =
        live.remote.swaps().unwrap().iter().map(|swap| swap.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    assert_eq!(live.tagged("c"), (21..=30).collect::<Vec<_>>());
    // A rollback without a candidate goes back to what ran before.
    live.remote.decide("mark", Verdict::Rollback, "test").unwrap();
    live.pass(10);
    assert_eq!(live.tagged("b").len(), 20);
}

/// The rows of a canary come out in the order in which they came in.
#[test]
fn a_canary_keeps_the_order_of_rows() {
    let mut live = Live::start(&pipeline_of(1, TAGGED));
    live.swap(&tried(json!({ "tag": "b" }), Mode::Canary { share: 0.5 }));
    live.pass(2000);
    let files = live.sandbox.files("out");
    let lines = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let numbers: Vec<i64> = lines
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(&line).unwrap()["n"].as_i64().unwrap()
        })
        .collect();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>());
    assert!(live.tagged("b").len() > 800);
}

/// While a canary is on trial nothing else takes its place.
#[test]
fn one_candidate_at_a_time() {
    let live = Live::start(&pipeline(TAGGED));
    live.swap(&tried(json!({ "tag": "b" }), Mode::Canary { share: 0.1 }));
    let second = live.refused(&to(json!({ "tag": "c" })));
    assert!(second.contains("promote it or roll it back first"), "{second}");
}
