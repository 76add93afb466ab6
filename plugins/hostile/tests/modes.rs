//! The modes that the SDK can express; the host's own tests run all of them.

use hostile::{Hostile, HostileKeyed};
use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};

fn run(config: &str) -> Result<Outcome, Failure> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(13)]));
    testing::run::<Hostile>(config, &testing::batch([("n", numbers)]))
}

/// Everything that the host's tests compare with.
#[test]
fn it_doubles_when_it_behaves() {
    for config in [r#"{"mode": "well_behaved"}"#, r#"{"mode": "fail", "poison": 14}"#] {
        let outcome = run(config).unwrap();
        let doubled: Vec<_> = outcome.port("main").int64("m").unwrap().iter().collect();
        assert_eq!(doubled, [Some(2), None, Some(26)], "{config}");
    }
}

/// The value must be visible in what the host reports.
#[test]
fn it_fails_on_poison() {
    let failure = run(r#"{"mode": "fail", "poison": 13}"#).unwrap_err();
    assert_eq!(failure.0, "the value 13 can't be taken");
}

/// A panic is how most plugins fail.
#[test]
#[should_panic(expected = "the value 13 is poison")]
fn it_panics_on_poison() {
    let _ = run(r#"{"mode": "panic", "poison": 13}"#);
}

/// Errors too large and too many, beside rows that are good.
#[test]
fn it_refuses_beyond_measure() {
    let outcome = run(r#"{"mode": "huge_error", "poison": 13}"#).unwrap();
    assert_eq!(outcome.errors[0].message.len(), 10_000_000);
    assert_eq!(outcome.port("main").num_rows(), 2);
    let outcome = run(r#"{"mode": "many_errors", "poison": 13}"#).unwrap();
    assert_eq!(outcome.errors.len(), 200_000);
}

/// A mistyped mode would otherwise make a test of the host pass for nothing.
#[test]
fn an_unknown_mode_is_refused() {
    assert!(run(r#"{"mode": "wel_behaved"}"#).unwrap_err().0.contains("wel_behaved"));
}

/// As a keyed plugin: sums go on from batch to batch, and a silent key is reported.
#[test]
fn it_adds_up_by_key() {
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 10, 2]));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, 0, 5]));
    let input = testing::batch([("k", keys), ("n", numbers), ("at", times)]);
    let config = r#"{"mode": "well_behaved"}"#;
    let mut sums =
        testing::Keyed::<HostileKeyed>::start(config, &input.schema(), &["k"], Some("at")).unwrap();
    sums.rows(&input).unwrap();
    sums.rows(&input).unwrap();
    let main = sums.port("main");
    assert_eq!(main.int64("sum").unwrap().values().as_ref(), [1, 3, 10, 4, 6, 20]);
    sums.watermark(20_000_000).unwrap();
    let reports = sums.port("reports");
    assert_eq!(reports.int64("sum").unwrap().values().as_ref(), [6, 20]);
    assert_eq!(reports.utf8("k").unwrap().value(1), "b");
}
