//! What is remembered of swaps, and what a restart makes of it.

use millrace::swap::{Mode, Outcome, SwapRequest};
use serde_json::json;

use super::TAGGED;
use super::fixture::{Live, pipeline, to, tried, twin};

/// A swap is in force after a restart, a canary goes on.
#[test]
fn a_restart_goes_on_with_what_was_swapped_in() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.pass(10);
    live.swap(&to(json!({ "tag": "b" })));
    live.swap(&tried(json!({ "tag": "c" }), Mode::Canary { share: 0.5 }));
    live.pass(100);
    let before = live.tagged("c").len();
    assert!(before > 20);
    let history = live.remote.swaps().unwrap();
    let mut live = Live::again(live.stop());
    assert_eq!(live.remote.swaps().unwrap(), history);
    live.next = 111;
    live.pass(1000);
    let after = live.tagged("c").len() - before;
    assert!((350..650).contains(&after), "{after} of 1000");
    assert_eq!(live.tagged("b").len() + live.tagged("c").len(), 1100);
}

/// When the file has another version than at the swap, the file counts.
#[test]
fn a_file_that_says_something_else_counts() {
    let mut live = Live::start(&pipeline(TAGGED));
    live.swap(&to(json!({ "tag": "b" })));
    live.pass(10);
    let sandbox = live.stop();
    sandbox.pipeline(&pipeline("plugin = \"tagged\"\nconfig = { tag = \"z\" }\n"));
    let mut live = Live::again(sandbox);
    live.next = 11;
    live.pass(10);
    assert_eq!(live.tagged("z"), (11..=20).collect::<Vec<_>>());
    assert_eq!(live.last().outcome, Outcome::Superseded);
}

/// A component that was swapped in and is damaged stops the start, and says so.
#[test]
fn a_component_that_is_gone_stops_the_start() {
    let live = Live::start(&pipeline(TAGGED));
    let path = twin(&live.sandbox, "tagged", b'y').display().to_string();
    let swap = live.swap(&SwapRequest { component: Some(path), ..to(json!({ "tag": "b" })) });
    let sandbox = live.stop();
    let kept = sandbox.path(&format!(".millrace/test/components/{}.wasm", swap.to.digest));
    std::fs::write(&kept, "rubbish").unwrap();
    let (sandbox, error) = Live::again(sandbox).fails();
    assert!(error.to_string().contains("`mark` was swapped to"), "{error}");
    std::fs::remove_file(&kept).unwrap();
    let (_, error) = Live::again(sandbox).fails();
    assert!(error.to_string().contains(&swap.to.digest), "{error}");
}
