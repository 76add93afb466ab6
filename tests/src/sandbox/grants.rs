//! What a plugin may use of the host: nothing but what the pipeline file says.

use millrace::metrics::Observed;

use super::{ALL_GRANTS, counts, witness};
use crate::harness::Sandbox;

/// All that is missing is said at once, with the line to write.
#[test]
fn what_is_not_granted_is_refused() {
    let sandbox = Sandbox::new();
    let text = witness(&sandbox, 1, "", "");
    let mistake = sandbox.mistake(&text.replace(ALL_GRANTS, "grant = [\"log\", \"clock\"]\n"));
    assert_eq!(mistake.at.as_deref(), Some("\"witness\""), "{mistake:?}");
    assert!(mistake.message.contains("not granted: metrics, random"), "{mistake:?}");
    let line = "grant = [\"log\", \"metrics\", \"clock\", \"random\"]";
    assert!(mistake.help.contains(line), "{mistake:?}");
    let mistake = sandbox.mistake(&text.replace(ALL_GRANTS, "grant = [\"clok\"]\n"));
    assert!(mistake.message.contains("`clok` can't be granted"), "{mistake:?}");
    assert!(mistake.help.contains("`clock`"), "{mistake:?}");
}

/// The result of a function follows from its arguments.
#[test]
fn a_function_has_no_clock() {
    let sandbox = Sandbox::new();
    let text = format!(
        "{}[function.distance]\nplugin = \"haversine\"\ngrant = [\"metrics\", \"clock\"]\n",
        witness(&sandbox, 1, "", "")
    );
    let mistake = sandbox.mistake(&text);
    assert_eq!(mistake.at.as_deref(), Some("\"clock\""), "{mistake:?}");
    assert!(mistake.help.contains("`log`, `metrics`"), "{mistake:?}");
}

/// `plugin inspect` says what has to be granted.
#[test]
fn inspect_names_the_grants() {
    let sandbox = Sandbox::new();
    let plugin = crate::harness::plugins().join("witness.wasm");
    let output = sandbox.millrace(&["plugin", "inspect", plugin.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("grants   log, metrics, clock, random"), "{text}");
}

/// What a failed call has counted is thrown away: each row counts once, however often it came.
#[test]
fn what_a_plugin_counts_is_kept_if_the_call_succeeds() {
    let sandbox = Sandbox::new();
    let summary = sandbox.run(&witness(&sandbox, 40, "poison = 13", ""));
    let counts = counts(&summary, "h");
    assert!(counts.failures["failed"] > 0, "{counts:?}");
    assert_eq!(counts.observed["rows"], Observed::Counter(39), "{counts:?}");
    assert_eq!(counts.observed["last"], Observed::Gauge(40.0), "{counts:?}");
}

/// Metrics are bounded in number and name; a bad one is dropped and the rows go on.
#[test]
fn metrics_beyond_their_bounds_are_dropped() {
    let sandbox = Sandbox::new();
    for (config, kept) in [
        ("metrics = 200", 64),
        ("metric = \"Not A Name\"", 2),
        ("metric = \"\"", 2),
        ("metric = \"last\"", 2),
        ("metric = \"a_good_one\"", 3),
    ] {
        let counts = counts(&sandbox.run(&witness(&sandbox, 16, config, "")), "h");
        assert_eq!(counts.observed.len(), kept, "{config}: {counts:?}");
        let dropped = counts.observations_dropped > 0;
        assert_eq!(dropped, config != "metric = \"a_good_one\"", "{config}: {counts:?}");
        std::fs::remove_dir_all(sandbox.path(".millrace")).unwrap();
    }
}
