//! Plugins: what they are refused for before anything starts, and how their ports are read.

use crate::harness::{Mistake, Sandbox, canonical_rows};

const SOURCE: &str = "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n";
const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"p\"\n";

fn sandbox(rows: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", rows.join("\n"));
    sandbox
}

fn mistake(sandbox: &Sandbox, step: &str) -> Mistake {
    sandbox.mistake(&format!("{SOURCE}[step.p]\nfrom = \"s\"\n{step}\n{SINK}"))
}

/// Files, network and clocks are for the host alone: who builds against WASI must hear of it.
#[test]
fn a_component_that_imports_wasi_is_refused_with_what_it_wants() {
    let sandbox = sandbox(&["{\"n\": 1}"]);
    sandbox.write(
        "wasi.wasm",
        "(component (import \"wasi:filesystem/preopens@0.2.0\" (instance \
         (export \"get-directories\" (func)))))",
    );
    for name in ["wasi", "./wasi.wasm"] {
        let found = mistake(&sandbox, &format!("plugin = \"{name}\""));
        assert_eq!(found.at, Some(format!("\"{name}\"")), "{found:#?}");
        assert!(found.message.contains("`wasi:filesystem/preopens@0.2.0`"), "{found:#?}");
        assert!(found.help.contains("without WASI"), "{found:#?}");
    }
}

/// Another interface that the host does not have.
#[test]
fn a_component_that_imports_anything_else_is_refused() {
    let sandbox = sandbox(&["{\"n\": 1}"]);
    sandbox.write("odd.wasm", "(component (import \"acme:db/query\" (func)))");
    let found = mistake(&sandbox, "plugin = \"odd\"");
    assert!(found.message.contains("`acme:db/query`"), "{found:#?}");
    assert!(found.help.contains("millrace:plugin"), "{found:#?}");
}

/// A module, a text file, an empty file, a component of something else.
#[test]
fn what_is_no_plugin_is_refused() {
    let sandbox = sandbox(&["{\"n\": 1}"]);
    sandbox.write("module.wasm", "(module)");
    sandbox.write("text.wasm", "hello");
    sandbox.write("empty.wasm", "");
    sandbox.write(
        "half.wasm",
        &std::fs::read(crate::harness::plugins().join("enrich.wasm")).unwrap()[..5000],
    );
    for name in ["module", "text", "empty", "half"] {
        let found = mistake(&sandbox, &format!("plugin = \"{name}\""));
        assert_eq!(found.at, Some(format!("\"{name}\"")), "{found:#?}");
        assert!(found.message.contains("cannot be loaded"), "{found:#?}");
    }
    sandbox.write("other.wasm", "(component)");
    let found = mistake(&sandbox, "plugin = \"other\"");
    assert!(found.message.contains("does not export `millrace:plugin/transformer"), "{found:#?}");
    let found = mistake(&sandbox, "plugin = \"./none.wasm\"");
    assert!(found.message.contains("there is no component"), "{found:#?}");
}

/// The plugin's own words, at the key that they are about.
#[test]
fn a_plugin_that_refuses_its_config_points_at_the_key() {
    let sandbox = sandbox(&["{\"n\": 1, \"x\": \"a\"}"]);
    let found = mistake(
        &sandbox,
        "plugin = \"hostile\"\ngrant = [\"log\"]\n[step.p.config]\nmode = \"fail\"\ncolumn = \"x\"",
    );
    assert_eq!(found.at.as_deref(), Some("\"x\""), "{found:#?}");
    assert!(found.message.contains("refuses its config at `column`"), "{found:#?}");
    assert!(found.help.contains("[step.p.config]"), "{found:#?}");
    let found =
        mistake(&sandbox, "plugin = \"hostile\"\ngrant = [\"log\"]\nconfig = { mode = \"mad\" }");
    assert!(found.message.contains("unknown variant `mad`"), "{found:#?}");
}

/// A grant that is missing, and one that does not exist.
#[test]
fn grants_are_asked_for_and_known() {
    let sandbox = sandbox(&["{\"n\": 1}"]);
    let step = "plugin = \"hostile\"\nconfig = { mode = \"well_behaved\" }";
    let found = mistake(&sandbox, step);
    assert!(found.help.contains("grant = [\"log\"]"), "{found:#?}");
    let found = mistake(&sandbox, &format!("{step}\ngrant = [\"log\", \"network\"]"));
    assert_eq!(found.at.as_deref(), Some("\"network\""), "{found:#?}");
    assert!(found.help.contains("`log`"), "{found:#?}");
}

/// The input is not what the plugin needs.
#[test]
fn an_input_without_the_column_is_refused() {
    let sandbox = sandbox(&["{\"x\": 1}"]);
    let step = "plugin = \"hostile\"\nconfig = { mode = \"well_behaved\" }\ngrant = [\"log\"]";
    let found = mistake(&sandbox, step);
    assert!(found.message.contains("int64 column `n`"), "{found:#?}");
}

/// Branching is one crossing: each port has its rows, with the columns that it adds.
#[test]
fn ports_are_read_by_name() {
    let sandbox = sandbox(&[
        "{\"amount\": 10, \"country\": \"DE\"}",
        "{\"amount\": 900, \"country\": \"DE\"}",
        "{\"amount\": 20, \"country\": \"NG\"}",
    ]);
    sandbox.run(&format!(
        "{SOURCE}[step.p]\nfrom = \"s\"\nplugin = \"fraud_rules\"\n[step.p.config]\n\
         max_amount = 500\n[[step.p.config.rules]]\nname = \"far\"\noutcome = \"review\"\n\
         reason = \"far away\"\ncountries = [\"NG\"]\n{SINK}\
         [sink.alerts]\ntype = \"file\"\npath = \"alerts\"\nfrom = [\"p.fraud\", \"p.review\"]\n"
    ));
    assert_eq!(sandbox.rows("out"), ["{\"amount\":10,\"country\":\"DE\"}"]);
    let alerts = sandbox.rows("alerts");
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    assert!(alerts[0].contains("\"amount\":20") && alerts[0].contains("\"reason\":\"far away\""));
    assert!(alerts[1].contains("\"amount\":900") && alerts[1].contains("\"rule\":\"max_amount\""));
}

/// Columns that a plugin does not read are carried over by the host, however nested they are.
#[test]
fn nested_columns_are_carried_over_a_plugin() {
    let rows = [
        "{\"n\": 1, \"o\": {\"a\": [1, 2, {\"b\": null}], \"m\": {\"k\": 1}}, \"l\": [[1], []]}",
        "{\"n\": 2, \"l\": null}",
        "{\"n\": 13, \"o\": {\"a\": []}}",
        "{\"n\": 4, \"o\": {\"m\": {\"k\": 5, \"j\": null}}, \"l\": [null, [2, null]]}",
    ]
    .map(|row| row.replace(", {\"b\": null}", ""));
    let sandbox = sandbox(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.run(&format!(
        "{SOURCE}[source.s.schema]\nn = \"int64\"\n\
         o = \"struct<a: list<int64>, m: map<string, int64>>\"\nl = \"list<list<int64>>\"\n\
         [step.p]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"fail\", poison = 13 }}\n{SINK}format = \"parquet\"\n"
    ));
    let expected = canonical_rows([
        rows[0].replace("\"n\": 1,", "\"n\": 1, \"m\": 2,"),
        "{\"n\": 2, \"m\": 4}".to_owned(),
        rows[3].replace("\"n\": 4,", "\"n\": 4, \"m\": 8,"),
    ]);
    let found: Vec<String> =
        sandbox.rows("out").iter().map(|row| row.replace("\"j\":null,", "")).collect();
    let expected: Vec<String> = expected.iter().map(|row| row.replace("\"j\":null,", "")).collect();
    assert_eq!(found, expected);
    let letters = sandbox.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        crate::harness::canonical(letters[0].text("payload")),
        crate::harness::canonical(&rows[2])
    );
}

/// A join may make more rows of a batch than the contract lets cross at once.
#[test]
fn a_batch_that_grew_crosses_in_parts() {
    let rows: Vec<String> = (0..100).map(|n| format!("{{\"k\": 1, \"n\": {n}}}")).collect();
    let sandbox = sandbox(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let table: String = (0..1000).map(|w| format!("1,{w}\n")).collect();
    sandbox.write("t.csv", format!("k,w\n{table}"));
    let summary = sandbox.run(&format!(
        "{SOURCE}[table.t]\npath = \"t.csv\"\n\
         [step.j]\nsql = \"SELECT s.n, t.w FROM s JOIN t ON s.k = t.k\"\n\
         [step.p]\nfrom = \"j\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"well_behaved\" }}\n[sink.out]\ntype = \"null\"\nfrom = \"p\"\n"
    ));
    let sink = summary.metrics.nodes.iter().find(|node| node.name == "sink.out").unwrap();
    assert_eq!(sink.rows_in.get(), 100_000);
    assert!(sandbox.letters().is_empty());
}
