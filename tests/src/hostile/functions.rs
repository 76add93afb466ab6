//! Functions of SQL that never end, trap and lie: the row at fault leaves, all others go on.

use crate::harness::Sandbox;

const ROWS: i64 = 40;
const POISON: i64 = 13;

fn pipeline(sandbox: &Sandbox, config: &str) -> String {
    let rows: Vec<String> = (1..=ROWS).map(|n| format!("{{\"n\": {n}}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
    format!(
        "batch_rows = 16\n[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         [function.f]\nplugin = \"hostile\"\ngrant = [\"log\"]\nconfig = {{ {config} }}\n\
         limits = {{ deadline = \"60ms\", memory = \"16MiB\" }}\n\
         [step.q]\nsql = \"SELECT n, f(n) AS m FROM s\"\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"q\"\n"
    )
}

#[test]
fn a_function_that_fails_costs_only_the_row_at_fault() {
    for (mode, message) in [
        ("loop", "deadline: did not return within 60ms"),
        ("memory", "memory: wants more than its 16 MiB"),
        ("stack", "trap: wasm trap"),
        ("panic", "the value 13 is poison"),
        ("fail", "failed: the value 13 can't be taken"),
        ("short", "lie: returned what contradicts the contract"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.run(&pipeline(&sandbox, &format!("mode = \"{mode}\", poison = {POISON}")));
        let mut expected: Vec<String> = (1..=ROWS)
            .filter(|n| *n != POISON)
            .map(|n| format!("{{\"m\":{},\"n\":{n}}}", 2 * n))
            .collect();
        expected.sort();
        assert_eq!(sandbox.rows("out"), expected, "{mode}");
        let letters = sandbox.letters();
        assert_eq!(letters.len(), 1, "{mode}: {letters:#?}");
        assert_eq!(letters[0].row(), (POISON - 1) as u64, "{mode}");
        let text = letters[0].text("message");
        assert!(text.contains("function `f`") && text.contains(message), "{mode}: {text}");
    }
}

/// It is asked what it returns when the pipeline is checked.
#[test]
fn a_function_that_never_starts_is_refused() {
    let sandbox = Sandbox::new();
    let found = sandbox.mistake(&pipeline(&sandbox, "mode = \"loop_in_start\""));
    assert!(found.message.contains("`f` can't be called so"), "{found:#?}");
    assert!(found.message.contains("did not return within 60ms"), "{found:#?}");
}
