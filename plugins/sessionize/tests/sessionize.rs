//! Sessions, natively.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Keyed};
use sessionize::Sessionize;

const MINUTE: i64 = 60_000_000;

/// Events of user, user type, minute and name.
fn events(rows: &[(&str, &str, i64, &str)]) -> RecordBatch {
    let text = |pick: fn(&(&str, &str, i64, &str)) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(pick(row))).collect::<StringArray>())
    };
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.2 * MINUTE)).collect();
    testing::batch([
        ("user", text(|row| row.0.to_owned())),
        ("tier", text(|row| row.1.to_owned())),
        ("at", Arc::new(times) as ArrayRef),
        ("event", text(|row| row.3.to_owned())),
    ])
}

const CONFIG: &str = r#"{"gap": "30m", "gaps": {"premium": "2h"}, "user_type": "tier",
    "event": "event", "funnel": ["browse", "cart", "purchase"], "events": "events"}"#;

fn start(config: &str) -> Result<Keyed<Sessionize>, Failure> {
    Keyed::start(config, &events(&[]).schema(), &["user"], Some("at"))
}

/// User, start and end in minutes, events, steps of the funnel, whether it was gone through.
fn sessions(sessionize: &Keyed<Sessionize>) -> Vec<(String, i64, i64, u64, u32, bool)> {
    let main = sessionize.port("main");
    let users = main.utf8("user").unwrap();
    let minutes = |name| main.timestamp(name).unwrap().values().iter().map(|t| t / MINUTE);
    let (starts, ends) = (minutes("session_start"), minutes("session_end"));
    let count = main.typed::<UInt64Array>("events").unwrap();
    let steps = main.typed::<arrow_array::UInt32Array>("funnel_steps").unwrap();
    let converted = main.boolean("converted").unwrap();
    let mut rows: Vec<_> = starts
        .zip(ends)
        .enumerate()
        .map(|(at, (start, end))| {
            let user = users.value(at).to_owned();
            (user, start, end, count.value(at), steps.value(at), converted.value(at))
        })
        .collect();
    rows.sort();
    rows
}

/// A session is closed by its timer, also where the next one is in the same batch.
#[test]
fn a_gap_ends_a_session() {
    let mut sessionize = start(CONFIG).unwrap();
    sessionize
        .rows(&events(&[
            ("a", "free", 0, "browse"),
            ("a", "free", 29, "cart"),
            ("a", "free", 59, "browse"),
            ("b", "premium", 0, "browse"),
            ("b", "premium", 100, "cart"),
        ]))
        .unwrap();
    assert_eq!(sessions(&sessionize), [("a".to_owned(), 0, 29, 2, 2, false)]);
    sessionize.watermark(1000 * MINUTE).unwrap();
    assert_eq!(
        sessions(&sessionize),
        [
            ("a".to_owned(), 0, 29, 2, 2, false),
            ("a".to_owned(), 59, 59, 1, 1, false),
            ("b".to_owned(), 0, 100, 2, 2, false),
        ]
    );
    assert_eq!((sessionize.states(), sessionize.timers()), (0, 0));
    assert_eq!(sessionize.port("events").num_rows(), 5);
}

/// Steps count in order, with anything in between.
#[test]
fn the_funnel_is_followed_in_its_order() {
    let run = |names: &[&'static str]| {
        let mut sessionize = start(CONFIG).unwrap();
        let rows: Vec<_> =
            names.iter().enumerate().map(|(at, name)| ("a", "free", at as i64, *name)).collect();
        sessionize.rows(&events(&rows)).unwrap();
        sessionize.watermark(i64::MAX).unwrap();
        let (_, _, _, _, steps, converted) = sessions(&sessionize).remove(0);
        (steps, converted)
    };
    assert_eq!(run(&["browse", "help", "cart", "browse", "purchase"]), (3, true));
    assert_eq!(run(&["cart", "purchase", "browse"]), (1, false));
    assert_eq!(run(&["help"]), (0, false));
}

/// Which events share a batch must not matter.
#[test]
fn batches_make_no_difference() {
    let mut rows: Vec<(&str, &str, i64, &str)> = (0..300_i64)
        .map(|n| {
            let user = ["a", "b", "c", "d"][n as usize % 4];
            let tier = ["free", "premium"][n as usize % 2];
            (user, tier, n * n % 7919, ["browse", "cart", "purchase"][n as usize % 3])
        })
        .collect();
    rows.sort_by_key(|row| row.2);
    let run = |size: usize| {
        let mut sessionize = start(CONFIG).unwrap();
        rows.chunks(size).for_each(|chunk| sessionize.rows(&events(chunk)).unwrap());
        sessionize.watermark(i64::MAX).unwrap();
        sessions(&sessionize)
    };
    let whole = run(1000);
    assert!(whole.len() > 40, "{}", whole.len());
    assert!(run(1) == whole && run(13) == whole);
}

/// All that is wrong is said, each with its place.
#[test]
fn a_wrong_configuration_is_refused() {
    for (config, problem) in [
        (r#"{"gap": "thirty"}"#, "no time span"),
        (r#"{"gap": "30m", "gaps": {"x": "1h"}}"#, "gaps: needs `user_type`"),
        (r#"{"gap": "30m", "funnel": ["a"]}"#, "funnel: needs `event`"),
        (r#"{"gap": "30m", "event": "event", "funnel": ["a", "a"]}"#, "funnel[1]: is in the"),
        (r#"{"gap": "30m", "event": "at"}"#, "not text"),
        (r#"{"gap": "30m", "events": "main"}"#, "another port"),
    ] {
        let error = start(config).err().map(|e| e.0).unwrap_or_default();
        assert!(error.contains(problem), "{config}: {error}");
    }
}
