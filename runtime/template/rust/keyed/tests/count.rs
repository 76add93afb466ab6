//! The plugin as a plain Rust type: quick, and a debugger works.

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use plugin_name::Count;

const MINUTE: i64 = 60_000_000;

#[test]
fn rows_are_counted_until_the_key_is_silent() {
    let users = StringArray::from(vec!["a", "b", "a", "a"]);
    let minutes = [0, 1, 2, 90].map(|minute| minute * MINUTE).to_vec();
    let input = testing::batch([
        ("user", Arc::new(users) as ArrayRef),
        ("at", Arc::new(TimestampMicrosecondArray::from(minutes))),
    ]);
    let config = r#"{"limit": 1}"#;
    let mut count =
        testing::Keyed::<Count>::start(config, &input.schema(), &["user"], Some("at")).unwrap();
    count.rows(&input).unwrap();
    let main = count.port("main");
    let counts: Vec<_> = main.typed::<UInt64Array>("count").unwrap().iter().flatten().collect();
    // The rows of a key stand together.
    assert_eq!(counts, [1, 2, 1, 1]);
    count.watermark(200 * MINUTE).unwrap();
    assert_eq!(count.states(), 0);
}
