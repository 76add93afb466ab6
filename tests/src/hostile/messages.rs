//! Texts of a guest end up on a terminal, in a log and in dead letters: none is of any length.

use crate::harness::{Letter, Sandbox};

const ROWS: i64 = 40;
const POISON: i64 = 13;

fn pipeline(sandbox: &Sandbox, config: &str) -> String {
    let rows: Vec<String> = (1..=ROWS).map(|n| format!("{{\"n\": {n}}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [step.h]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\nconfig = {{ {config} }}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"h\"\n"
    )
}

/// What a call says when it fails.
#[test]
fn last_words_are_cut() {
    for (mode, code) in [("huge_failure", "failed"), ("huge_panic", "trap")] {
        let sandbox = Sandbox::new();
        sandbox.run(&pipeline(&sandbox, &format!("mode = \"{mode}\", poison = {POISON}")));
        assert_eq!(sandbox.rows("out").len(), ROWS as usize - 1, "{mode}");
        let letters = sandbox.letters();
        assert_eq!(letters.iter().map(Letter::row).collect::<Vec<_>>(), [POISON as u64 - 1]);
        assert_eq!(letters[0].text("code"), code);
        let length = letters[0].text("message").len();
        assert!((1000..5000).contains(&length), "{mode}: {length} bytes");
    }
}

/// What a plugin says against its configuration, and of itself.
#[test]
fn what_is_said_before_the_start_is_cut_too() {
    for (mode, message, count) in [
        ("huge_refusal", "xxxxxxx", 1),
        ("many_refusals", "it found 99980 more mistakes", 21),
        ("many_ports", "it has 100000 ports, and 256 are allowed", 1),
        ("huge_name", "a port's name has 10000000 bytes", 1),
    ] {
        let sandbox = Sandbox::new();
        let found = sandbox.mistakes(&pipeline(&sandbox, &format!("mode = \"{mode}\"")));
        assert_eq!(found.len(), count, "{mode}");
        assert!(found.iter().any(|found| found.message.contains(message)), "{mode}: {found:#?}");
        assert!(found.iter().all(|found| found.message.len() < 5000), "{mode}");
    }
}
