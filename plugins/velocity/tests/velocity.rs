//! Sliding counts and sums, natively.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Keyed};
use velocity::{OldEntry, OldWindow, Velocity};

const SECOND: i64 = 1_000_000;

/// Rows of user, second and amount.
fn payments(rows: &[(&str, i64, f64)]) -> RecordBatch {
    let users: StringArray = rows.iter().map(|row| Some(row.0)).collect();
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.1 * SECOND)).collect();
    let amounts: Float64Array = rows.iter().map(|row| Some(row.2)).collect();
    testing::batch([
        ("user", Arc::new(users) as ArrayRef),
        ("at", Arc::new(times)),
        ("amount", Arc::new(amounts)),
    ])
}

fn start(config: &str) -> Result<Keyed<Velocity>, Failure> {
    Keyed::start(config, &payments(&[]).schema(), &["user"], Some("at"))
}

/// Exactly as old as the window is still within it.
#[test]
fn rows_count_as_long_as_they_are_within_the_time() {
    let mut velocity = start(r#"{"within": "60s", "amount": "amount"}"#).unwrap();
    velocity
        .rows(&payments(&[("a", 0, 1.0), ("a", 60, 2.0), ("a", 61, 4.0), ("a", 200, 8.0)]))
        .unwrap();
    let main = velocity.port("main");
    let counts: Vec<_> = main.typed::<UInt64Array>("velocity_count").unwrap().iter().collect();
    assert_eq!(counts, [Some(1), Some(2), Some(2), Some(1)]);
    assert_eq!(main.float64("velocity_sum").unwrap().values().as_ref(), [1.0, 3.0, 6.0, 8.0]);
}

/// What a key has seen must not depend on which rows shared a batch.
#[test]
fn batches_make_no_difference() {
    let rows: Vec<(&str, i64, f64)> = (0..200)
        .map(|n| (["a", "b", "c"][n as usize % 3], n * n % 977 / 7 + n, (n % 13) as f64 / 10.0))
        .collect();
    let mut sorted = rows;
    sorted.sort_by_key(|row| row.1);
    let config = r#"{"within": "20s", "amount": "amount", "max_count": 3}"#;
    let run = |size: usize| {
        let mut velocity = start(config).unwrap();
        for chunk in sorted.chunks(size) {
            velocity.rows(&payments(chunk)).unwrap();
        }
        let main = velocity.port("main");
        let text = |row: usize| format!("{:?}", main.slice(row, 1));
        let mut rows: Vec<String> = (0..main.num_rows()).map(text).collect();
        rows.sort();
        rows
    };
    let whole = run(1000);
    assert_eq!(whole.len(), 200);
    assert!(run(1) == whole && run(7) == whole);
}

/// Flags say which limit was passed; a port of their own takes them off `main`.
#[test]
fn what_is_above_a_limit_is_flagged() {
    let config = r#"{"within": "60s", "amount": "amount", "max_count": 2, "max_sum": 100,
                     "flagged": "suspicious"}"#;
    let mut velocity = start(config).unwrap();
    velocity
        .rows(&payments(&[("a", 0, 10.0), ("a", 1, 95.0), ("b", 1, 5.0), ("a", 2, 1.0)]))
        .unwrap();
    assert_eq!(velocity.port("main").num_rows(), 2);
    let flagged = velocity.port("suspicious");
    let flags: Vec<_> = flagged.utf8("velocity_flag").unwrap().iter().collect();
    assert_eq!(flags, [Some("sum"), Some("count,sum")]);
}

/// Keys that fall silent would otherwise be kept for ever.
#[test]
fn a_silent_key_may_be_forgotten() {
    let velocity = start(r#"{"within": "60s"}"#).unwrap();
    assert_eq!(velocity.description.state_ttl, Some(60_000_001));
}

/// All that is wrong is said at once, each with its place.
#[test]
fn a_wrong_configuration_is_refused() {
    for (config, problem) in [
        (r#"{"within": "60"}"#, "no time span"),
        (r#"{"within": "0s"}"#, "no time span"),
        (r#"{"within": "1m", "max_sum": 5}"#, "max_sum: needs `amount`"),
        (r#"{"within": "1m", "amount": "user"}"#, "is Utf8"),
        (r#"{"within": "1m", "amount": "none"}"#, "no column `none`"),
        (r#"{"within": "1m", "flagged": "main"}"#, "another port"),
        (r#"{"within": "1m", "flag": "x"}"#, "unknown field"),
    ] {
        let error = start(config).err().map(|e| e.0).unwrap_or_default();
        assert!(error.contains(problem), "{config}: {error}");
    }
}

/// A pipeline that ran with version 1 goes on where it was.
#[test]
fn a_state_of_version_1_is_read() {
    let one = 1_i128 << 64;
    let entries = vec![
        OldEntry { time: 5, count: 2, sum: 3 * one },
        OldEntry { time: 9, count: 1, sum: -one },
    ];
    let old = OldWindow { entries, count: 3, sum: 2 * one };
    let mut column = millrace_plugin::StateColumn::default();
    column.push(Some(&old)).unwrap();
    let mut window = Velocity::migrate(1, column.finish().value(0)).unwrap();
    assert_eq!((window.count(), window.sum()), (3, 2.0));
    window.forget(6);
    window.add(9, 0.5);
    assert_eq!((window.count(), window.sum()), (2, -0.5));
    assert!(Velocity::migrate(1, &[200]).is_err());
}
