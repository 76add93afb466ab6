//! Keyed plugins that want more of the host than it has: the row that asks for it is refused, with
//! the limit by name.

use serde_json::json;

use crate::harness::{Letter, Sandbox};

const ROWS: i64 = 40;
const POISON: i64 = 13;

fn pipeline(sandbox: &Sandbox, config: &str, limits: &str) -> String {
    let row = |n: i64| json!({"n": n, "k": format!("k{}", n % 4)}).to_string();
    sandbox.write("in.ndjson", (1..=ROWS).map(row).collect::<Vec<_>>().join("\n"));
    format!(
        "batch_rows = 4\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\nkey = [\"k\"]\ngrant = [\"log\"]\n\
         config = {{ {config} }}\nlimits = {{ {limits} }}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n\
         [sink.reports]\ntype = \"null\"\nfrom = \"h.reports\"\n"
    )
}

fn only_the_poison_failed(sandbox: &Sandbox, what: &str) -> Letter {
    assert_eq!(sandbox.rows("out").len(), ROWS as usize - 1, "{what}");
    let mut letters = sandbox.letters();
    assert_eq!(letters.iter().map(Letter::row).collect::<Vec<_>>(), [POISON as u64 - 1], "{what}");
    letters.remove(0)
}

/// A value of 100 MB passes one limit after the other; each says which it was.
#[test]
fn a_state_has_a_bound() {
    for (limits, code, message) in [
        ("", "memory", "wants more than its 64 MiB of memory"),
        ("memory = \"1GiB\", deadline = \"20s\"", "output", "67108864 bytes of output"),
        (
            "memory = \"1GiB\", output = \"1GiB\", deadline = \"20s\"",
            "state",
            "a state of 100000000 bytes, where `limits.state` is 16777216",
        ),
    ] {
        let sandbox = Sandbox::new();
        let config = format!("mode = \"state_bomb\", poison = {POISON}");
        sandbox.run(&pipeline(&sandbox, &config, limits));
        let letter = only_the_poison_failed(&sandbox, limits);
        assert_eq!(letter.text("code"), code, "{letter:#?}");
        assert!(letter.text("message").contains(message), "{letter:#?}");
    }
}

/// Large state is written in many small pieces, which the host keeps until the call is over.
#[test]
fn large_state_has_a_bound_for_each_call() {
    let sandbox = Sandbox::new();
    let config = format!("mode = \"large_state_bomb\", poison = {POISON}");
    sandbox.run(&pipeline(&sandbox, &config, "deadline = \"20s\""));
    let letter = only_the_poison_failed(&sandbox, "large state");
    assert_eq!(letter.text("code"), "output", "{letter:#?}");
    assert!(letter.text("message").contains("wrote more large state"), "{letter:#?}");
}

/// Timers cost the host a search when time goes on.
#[test]
fn timers_of_a_key_have_a_bound() {
    for (limits, count) in [("deadline = \"20s\"", 64), ("deadline = \"20s\", timers = 100", 100)] {
        let sandbox = Sandbox::new();
        let config = format!("mode = \"timer_bomb\", poison = {POISON}");
        sandbox.run(&pipeline(&sandbox, &config, limits));
        let letter = only_the_poison_failed(&sandbox, limits);
        assert_eq!(letter.text("code"), "state", "{letter:#?}");
        let text = format!("a key with 1000001 timers, where `limits.timers` is {count}");
        assert!(letter.text("message").contains(&text), "{letter:#?}");
    }
}

/// Each column that a plugin wants of its key is made for it.
#[test]
fn a_column_of_the_key_is_wanted_once() {
    let sandbox = Sandbox::new();
    let found = sandbox.mistake(&pipeline(&sandbox, "mode = \"wants_keys_again\"", ""));
    assert!(found.message.contains("wants to see `k` of the key twice"), "{found:#?}");
}
