//! Swaps while rows pass by: nothing is lost, doubled or delayed, whatever the new version does.

mod crash;
pub mod fixture;
mod history;
mod load;
mod signatures;
mod state;
mod trials;

use millrace::swap::{Mode, Outcome, SwapRequest};
use serde_json::json;

use fixture::{Live, pipeline, to, tried, twin};

const TAGGED: &str = "plugin = \"tagged\"\nconfig = { tag = \"a\" }\n";

/// Rows before the swap have gone through the old version, rows after it go through the new one.
#[test]
fn another_config_takes_effect_between_two_rows() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(10);
    let swap = live.swap(&to(json!({ "tag": "b" })));
    live.pass(10);
    assert_eq!(live.tagged("a"), (1..=10).collect::<Vec<_>>());
    assert_eq!(live.tagged("b"), (11..=20).collect::<Vec<_>>());
    assert_eq!(
        (swap.outcome, swap.by.as_str(), swap.part.as_str()),
        (Outcome::Done, "test", "mark")
    );
    assert_eq!((swap.from.config, swap.to.config), (json!({ "tag": "a" }), json!({ "tag": "b" })));
    assert_eq!(swap.from.digest, swap.to.digest);
}

/// Another component, by its path.
#[test]
fn another_component_takes_the_place_of_the_first() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(5);
    let path = twin(&live.sandbox, "tagged", b'x');
    let component = Some(path.display().to_string());
    let request = SwapRequest { component, ..to(json!({ "tag": "b" })) };
    let swap = live.swap(&request);
    assert_ne!(swap.from.digest, swap.to.digest);
    // It is kept beside the checkpoint.
    std::fs::remove_file(path).unwrap();
    live.pass(5);
    let sandbox = live.stop();
    let mut live = Live::again(sandbox);
    live.next = 11;
    live.pass(5);
    assert_eq!(live.tagged("b"), (6..=15).collect::<Vec<_>>());
}

/// Without a component and a config the file counts, as it is now.
#[test]
fn what_the_file_says_now_is_swapped_in() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(5);
    live.sandbox.pipeline(&pipeline("plugin = \"tagged\"\nconfig = { tag = \"c\" }\n"));
    live.swap(&SwapRequest { config: None, ..to(json!(null)) });
    live.pass(5);
    assert_eq!(live.tagged("c"), (6..=10).collect::<Vec<_>>());
}

/// Nothing that does not fit changes anything, and the text says what differs.
#[test]
fn refusals_say_what_differs() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(5);
    let other_column = live.refused(&to(json!({ "tag": "b", "column": "mark" })));
    assert!(other_column.contains("column `tag` is missing"), "{other_column}");
    assert!(other_column.contains("column `mark` is new"), "{other_column}");
    let other_type = live.refused(&to(json!({ "tag": "b", "number": true })));
    assert!(other_type.contains("column `tag` is Int64 and was Utf8"), "{other_type}");
    let unknown_key = live.refused(&to(json!({ "tagg": "b" })));
    assert!(unknown_key.contains("tagg"), "{unknown_key}");
    let component = |name: &str| {
        live.refused(&SwapRequest { component: Some(name.to_owned()), ..to(json!({ "tag": "b" })) })
    };
    let missing = component("taggedd");
    assert!(missing.contains("taggedd") && missing.contains("tagged"), "{missing}");
    let keyed = component("counter");
    assert!(keyed.contains("`keyed`"), "{keyed}");
    live.sandbox.write("nonsense.wasm", "this is no component");
    let nonsense = component("nonsense.wasm");
    assert!(nonsense.contains("nonsense.wasm"), "{nonsense}");
    let part = live.refused(&SwapRequest { part: "marc".to_owned(), ..to(json!({ "tag": "b" })) });
    assert!(part.contains("marc") && part.contains("mark"), "{part}");
    let share = live.refused(&tried(json!({ "tag": "b" }), Mode::Canary { share: 1.5 }));
    assert!(share.contains("100%"), "{share}");
    live.pass(5);
    assert_eq!(live.tagged("a"), (1..=10).collect::<Vec<_>>());
}

/// A table is swapped between two rows, too, and its columns are checked.
#[test]
fn a_table_is_swapped_between_two_rows() {
    let text = pipeline(TAGGED).replace("from = \"mark\"", "from = \"named\"");
    let text = format!(
        "{text}[table.names]\npath = \"names.csv\"\n\
         [step.named]\nsql = \"SELECT m.n, t.name AS tag FROM mark m JOIN names t ON m.tag = t.tag\"\n"
    );
    let sandbox = crate::harness::Sandbox::new();
    sandbox.write("names.csv", "tag,name\na,old\n");
    sandbox.write("later.csv", "tag,name\na,new\n");
    sandbox.write("wrong.csv", "tag,names\na,new\n");
    sandbox.write("in/first.ndjson", "");
    sandbox.pipeline(&text);
    let mut live = Live::again(std::sync::Arc::new(sandbox));
    live.next = 1;
    live.pass(5);
    let table = |path: &str| SwapRequest {
        part: "names".to_owned(),
        component: Some(path.to_owned()),
        config: None,
        ..to(json!(null))
    };
    let wrong = live.refused(&table("wrong.csv"));
    assert!(wrong.contains("name"), "{wrong}");
    live.swap(&table("later.csv"));
    live.pass(5);
    let sandbox = live.stop();
    // It is in force after a restart, until the file says otherwise.
    let mut live = Live::again(sandbox);
    live.next = 11;
    live.pass(5);
    assert_eq!(live.tagged("old"), (1..=5).collect::<Vec<_>>());
    assert_eq!(live.tagged("new"), (6..=15).collect::<Vec<_>>());
    live.remote.decide("names", millrace::swap::Verdict::Rollback, "test").unwrap();
    live.pass(5);
    assert_eq!(live.tagged("old").len(), 10);
}
