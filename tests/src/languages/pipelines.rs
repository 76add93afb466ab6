//! Plugins of all languages in pipelines: side by side in one process, with rows that come too late,
//! timers, and memory that is never given back.

use serde_json::Value;

use super::LANGUAGES;
use crate::harness::Sandbox;

/// Rows of several keys out of order, some of them too late; timers in their midst.
fn events() -> String {
    let row = |n: i64| {
        let (user, op) =
            (["ann", "bob", "Zoë"][n as usize % 3], ["add", "timer", "put"][n as usize / 3 % 3]);
        let back = if n % 17 == 0 { 400 } else { n % 5 };
        let at = 1_704_103_200 + n * 3 - back;
        serde_json::json!({"user": user, "at": at * 1000, "op": op, "value": n % 11 - 2})
            .to_string()
    };
    (0..400).map(row).collect::<Vec<_>>().join("\n")
}

/// One stream through the same keyed plugin in each language, and what is late for each.
#[test]
fn all_languages_agree_on_late_rows_and_timers() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", events());
    let mut text = "batch_rows = 13\n\
         [source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
         schema = { user = \"string\", at = \"timestamp[ms]\", op = \"string\", value = \"int64\" }\n\
         event_time = { column = \"at\", delay = \"10s\" }\n"
        .to_owned();
    let rust = ("rust", crate::harness::plugins().join("remember.wasm"));
    let others = LANGUAGES.map(|language| (language.name, language.component("remember")));
    for (name, component) in std::iter::once(&rust).chain(&others) {
        text += &format!(
            "[step.{name}]\nfrom = \"s\"\nplugin = \"{}\"\nkey = [\"user\"]\n",
            component.display()
        );
        for port in ["main", "reports", "late"] {
            text += &format!(
                "[sink.{name}_{port}]\ntype = \"file\"\nfrom = \"{name}.{port}\"\npath = \"{name}/{port}\"\n"
            );
        }
    }
    sandbox.run(&text);
    for port in ["main", "reports", "late"] {
        let expected = sandbox.rows(&format!("rust/{port}"));
        assert!(expected.len() > 5, "{port}: {expected:?}");
        for (name, _) in &others {
            assert_eq!(sandbox.rows(&format!("{name}/{port}")), expected, "{name}.{port}");
        }
    }
}

/// Python never gives back what it returns: instances are replaced, and no row notices.
#[test]
fn instances_are_recycled_without_an_effect_on_results() {
    let sandbox = Sandbox::new();
    let row = |n: i64| {
        let shop = format!("shop {} with a name that takes some bytes", n % 7);
        serde_json::json!({"amount": n % 1000, "merchant": shop}).to_string()
    };
    sandbox.write("in.ndjson", (0..120_000).map(row).collect::<Vec<_>>().join("\n"));
    let python = LANGUAGES.into_iter().find(|language| language.name == "python").unwrap();
    let run = |component: &std::path::Path, out: &str| {
        let reason = "a large amount ".repeat(30);
        let text = format!(
            "batch_rows = 2048\n\
             [source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
             schema = {{ amount = \"int64\", merchant = \"string\" }}\n\
             [step.rules]\nfrom = \"s\"\nplugin = \"{}\"\nlimits = {{ memory = \"20MiB\", deadline = \"30s\" }}\n\
             [step.rules.config]\n\
             rules = [{{ name = \"large\", outcome = \"fraud\", reason = \"{reason}\", amount_over = 600 }}, \
             {{ name = \"shop\", outcome = \"review\", merchants = [\"shop 3 with a name that takes some bytes\"] }}]\n\
             [sink.out]\ntype = \"file\"\nfrom = [\"rules.fraud\", \"rules.review\"]\npath = \"{out}\"\n\
             [sink.rest]\ntype = \"null\"\nfrom = \"rules\"\n",
            component.display()
        );
        let pipeline = sandbox.check(&text);
        let (_keep, stop) = crossbeam_channel::bounded(1);
        crate::harness::run(&pipeline, stop).unwrap();
        std::fs::remove_dir_all(sandbox.path(".millrace")).unwrap();
        pipeline.plugins.metrics("rules").counts()
    };
    let counts = run(&python.component("fraud_rules"), "python");
    assert!(counts.instances_recycled >= 2, "{counts:?}");
    assert!(counts.instances_warm >= 1, "{counts:?}");
    assert_eq!(counts.failed(), 0, "{counts:?}");
    run(&crate::harness::plugins().join("fraud_rules.wasm"), "rust");
    let expected = sandbox.rows("rust");
    assert!(expected.len() > 40_000, "{}", expected.len());
    assert!(sandbox.rows("python") == expected);
}

/// An exception is a refused row with its own text, in every language.
#[test]
fn an_exception_refuses_its_row_with_its_text() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1, \"fail\": false}\n{\"n\": 2, \"fail\": true}\n");
    for language in LANGUAGES {
        let text = format!(
            "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
             [step.m]\nfrom = \"s\"\nplugin = \"{}\"\n\
             [sink.out]\ntype = \"file\"\nfrom = [\"m\"]\npath = \"out_{name}\"\n\
             [sink.other]\ntype = \"null\"\nfrom = \"m.other\"\n\
             [sink.errors]\ntype = \"file\"\nfrom = \"m.errors\"\npath = \"errors_{name}\"\n",
            language.component("mirror").display(),
            name = language.name,
        );
        sandbox.run(&text);
        std::fs::remove_dir_all(sandbox.path(".millrace")).unwrap();
        assert_eq!(sandbox.rows(&format!("out_{}", language.name)).len(), 1);
        let letters = sandbox.rows(&format!("errors_{}", language.name));
        assert_eq!(letters.len(), 1, "{letters:?}");
        let letter: Value = serde_json::from_str(&letters[0]).unwrap();
        assert_eq!((&letter["row"], &letter["code"]), (&1.into(), &"failed".into()), "{letter}");
        assert_eq!(letter["message"], "the row asks to fail", "{letter}");
    }
}
