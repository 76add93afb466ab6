//! State across swaps: read, migrated key by key, or the swap is refused.

use millrace::swap::{Mode, Outcome, SwapRequest};
use serde_json::{Value, json};

use super::fixture::{Live, pipeline, to, tried};

fn keyed() -> String {
    let step = "plugin = \"counter\"\nkey = \"k\"\nconfig = { tag = \"v1\" }\n";
    let text = pipeline(step).replace("from = \"numbers\"", "from = \"keys\"");
    format!("{text}[step.keys]\nsql = \"SELECT n, n % 10 AS k FROM numbers\"\n")
}

fn counts(live: &Live, key: i64) -> Vec<u64> {
    let rows = live.rows().into_iter().filter(|row| row["k"] == key);
    let mut counts: Vec<u64> = rows.filter_map(|row| row["count"].as_u64()).collect();
    counts.sort_unstable();
    counts
}

/// Numbers whose key is `key`, so many.
fn feed(live: &mut Live, count: i64) {
    live.pass(count);
}

#[test]
fn states_are_migrated_key_by_key() {
    let mut live = Live::start(&keyed());
    feed(&mut live, 100);
    live.swap(&to(json!({ "tag": "v2", "writes": 2, "reads": [1] })));
    feed(&mut live, 100);
    live.swap(&to(json!({ "tag": "v3", "writes": 3, "reads": [1, 2] })));
    feed(&mut live, 100);
    (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=30).collect::<Vec<_>>()));
}

#[test]
fn what_can_t_read_the_state_is_refused() {
    let mut live = Live::start(&keyed());
    feed(&mut live, 100);
    let unreadable = live.refused(&to(json!({ "tag": "v2", "writes": 2 })));
    assert!(
        unreadable.contains("version 1") && unreadable.contains("reads only 2"),
        "{unreadable}"
    );
    live.swap(&to(json!({ "tag": "v2", "writes": 2, "reads": [1] })));
    // Keys that did not come since still have states of the first version.
    let forgetful = live.refused(&to(json!({ "tag": "v3", "writes": 3, "reads": [2] })));
    assert!(forgetful.contains("version 1"), "{forgetful}");
    let back = live.remote.decide("mark", millrace::swap::Verdict::Rollback, "test").unwrap_err();
    assert!(back.to_string().contains("version 2"), "{back}");
    feed(&mut live, 100);
    (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=20).collect::<Vec<_>>()));
    // The same holds at a restart with another file.
    let sandbox = live.stop();
    sandbox.pipeline(&keyed().replace("tag = \"v1\"", "tag = \"v3\", writes = 3, reads = [2]"));
    let (_, error) = Live::again(sandbox).fails();
    assert!(error.to_string().contains("version 1"), "{error}");
}

/// From a canary there must be a way back; a swap as a whole goes without one.
#[test]
fn a_canary_writes_what_the_old_version_reads() {
    let mut live = Live::start(&keyed());
    feed(&mut live, 100);
    let new = json!({ "tag": "v2", "writes": 2, "reads": [1] });
    let canary = live.refused(&tried(new.clone(), Mode::Canary { share: 0.5 }));
    assert!(canary.contains("no way back") && canary.contains("version 2"), "{canary}");
    let swap = live.swap(&tried(new, Mode::Full));
    assert_eq!((swap.outcome, swap.bounds.within_ms), (Outcome::Done, 0));
    feed(&mut live, 100);
    (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=20).collect::<Vec<_>>()));
}

/// With versions that read each other, there and back again.
#[test]
fn a_rollback_reads_what_the_new_version_wrote() {
    let both = |tag: &str, writes: u32, reads: u32| -> Value {
        json!({ "tag": tag, "writes": writes, "reads": [reads] })
    };
    let mut live = Live::start(&keyed().replace("tag = \"v1\"", "tag = \"v1\", reads = [2]"));
    feed(&mut live, 100);
    live.swap(&tried(both("v2", 2, 1), Mode::Canary { share: 0.5 }));
    feed(&mut live, 100);
    live.remote.decide("mark", millrace::swap::Verdict::Rollback, "test").unwrap();
    feed(&mut live, 100);
    (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=30).collect::<Vec<_>>()));
}

/// Rows of keys whose state can't be migrated are dead letters; the state stays as it was.
#[test]
fn a_migration_that_fails_or_never_ends_costs_rows_and_not_the_pipeline() {
    for trouble in ["stuck", "endless"] {
        let mut live = Live::start(&keyed().replace(
            "[step.mark]",
            "[step.mark]\non_failure = \"dead_letter\"\nlimits = { deadline = \"200ms\", consecutive_failures = 2 }",
        ));
        feed(&mut live, 100);
        let mut bad = json!({ "tag": "v2", "writes": 2, "reads": [1] });
        bad[trouble] = json!(true);
        live.swap(&SwapRequest { ..to(bad) });
        feed(&mut live, 20);
        let letters = live.sandbox.letters();
        assert_eq!(letters.len(), 20);
        let text = letters[0].text("message").to_owned();
        assert!(text.contains("from version 1 to 2"), "{text}");
        live.swap(&to(json!({ "tag": "v3", "writes": 3, "reads": [1, 2] })));
        feed(&mut live, 100);
        (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=20).collect::<Vec<_>>()));
    }
}

/// A shadow writes no state, so the version that it would write means nothing, also after a restart.
#[test]
fn a_shadow_leaves_no_version_of_state_behind() {
    let mut live = Live::start(&keyed());
    feed(&mut live, 100);
    let new = json!({ "tag": "v2", "writes": 2, "reads": [1] });
    live.swap(&tried(new.clone(), Mode::Shadow));
    feed(&mut live, 100);
    let mut live = Live::again(live.stop());
    live.next = 201;
    feed(&mut live, 100);
    assert_eq!(live.remote.trials().len(), 1, "it goes on");
    live.remote.decide("mark", millrace::swap::Verdict::Promote, "test").unwrap();
    feed(&mut live, 100);
    // From here on there are states of the new version.
    let back = live.remote.decide("mark", millrace::swap::Verdict::Rollback, "test").unwrap_err();
    assert!(back.to_string().contains("version 2"), "{back}");
    let mut live = Live::again(live.stop());
    live.next = 401;
    feed(&mut live, 100);
    (0..10).for_each(|key| assert_eq!(counts(&live, key), (1..=50).collect::<Vec<_>>()));
}
