//! What plugins say against a configuration: the same in every language, at the same places.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use millrace::config::LimitsConfig;
use millrace::plan::PluginRefusal;
use millrace::plugin::{PluginHost, Sandbox};

use super::{LANGUAGES, repository};

/// A configuration that is wrong in a way that the plugin itself, and no JSON library, words.
struct Wrong {
    plugin: &'static str,
    config: &'static str,
}

const WRONG: [Wrong; 14] = [
    Wrong { plugin: "fraud_rules", config: "{}" },
    Wrong {
        plugin: "fraud_rules",
        config: r#"{"rules": [
            {"name": "a", "outcome": "fraud"},
            {"name": "a", "outcome": "review", "hours": [24]},
            {"name": "b", "outcome": "review", "countries": []},
            {"name": "c", "outcome": "review", "amount_over": 5, "amount_under": 5},
            {"name": "d", "outcome": "review", "merchants": ["x"]},
            {"name": "e", "outcome": "review", "segments": ["ü"]}
        ]}"#,
    },
    Wrong { plugin: "fraud_rules", config: r#"{"max_amount": 1, "columns": {"amount": "text"}}"# },
    Wrong { plugin: "velocity", config: r#"{"within": "60s", "amount": "text"}"# },
    Wrong { plugin: "velocity", config: r#"{"within": "60s", "amount": "nowhere"}"# },
    Wrong { plugin: "velocity", config: r#"{"within": "60s", "max_sum": 3}"# },
    Wrong { plugin: "safe_parse", config: r#"{"schema": {}}"# },
    Wrong {
        plugin: "safe_parse",
        config: r#"{"schema": {"a": "text", "b": "decimal(50,2)", "c": "decimal(2,5)"}}"#,
    },
    Wrong { plugin: "safe_parse", config: r#"{"column": "amount", "schema": {"a": "string"}}"# },
    Wrong { plugin: "enrich", config: "{}" },
    Wrong {
        plugin: "enrich",
        config: r#"{
            "country": {"column": "amount"}, "currency": {"column": "nowhere"},
            "amount": {"column": "amount", "currency": "text", "base": "EURO",
                       "rates": {"USD": -1, "XXXX": 2}},
            "time": {"column": "at", "utc_offset_minutes": 9000},
            "mask": [{"column": "text", "keep_last": 1}, {"column": "text", "keep_last": 2}]
        }"#,
    },
    Wrong { plugin: "top_k", config: r#"{"k": 0}"# },
    Wrong { plugin: "mirror", config: r#"{"repeat": 0}"# },
    Wrong { plugin: "remember", config: "{}" },
];

fn input(plugin: &str) -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match plugin {
        "top_k" => vec![field("a0", DataType::Utf8)].into(),
        "mirror" => vec![field("refuse", DataType::Int64), field("port", DataType::Binary)].into(),
        _ => vec![
            field("amount", DataType::Float64),
            field("text", DataType::Utf8),
            field("at", at),
            field("op", DataType::Int32),
            field("value", DataType::Int64),
        ]
        .into(),
    }
}

/// All that a plugin says, by place.
fn refusals(host: &PluginHost, component: &std::path::Path, wrong: &Wrong) -> BTreeSet<String> {
    let loaded = host.load(component).unwrap();
    let sandbox = Sandbox::trial(wrong.plugin, &LimitsConfig::default());
    let fields = input(wrong.plugin);
    let key = ["amount".to_owned()];
    let started = match wrong.plugin {
        "velocity" | "remember" => {
            loaded.start_keyed(&sandbox, wrong.config, (&fields, &key)).map(drop)
        }
        "top_k" => loaded.start_aggregate(&sandbox, wrong.config, &fields).map(drop),
        _ => loaded.start(&sandbox, wrong.config, &fields).map(drop),
    };
    let Err(failure) = started else { return BTreeSet::new() };
    let told = failure.refusals().into_iter().map(|refusal| match refusal {
        PluginRefusal::Config { path, message } => format!("{path}: {message}"),
        other => panic!("{component:?} {}: {other:?}", wrong.config),
    });
    told.collect()
}

/// Whoever changes a plugin for one in another language is told the same.
#[test]
fn every_language_says_the_same_against_a_configuration() {
    let host = PluginHost::new(&repository(), &[]);
    let mut told = 0;
    for wrong in &WRONG {
        let rust = repository().join(format!("plugins/dist/{}.wasm", wrong.plugin));
        let expected = refusals(&host, &rust, wrong);
        told += expected.len();
        for language in LANGUAGES {
            let got = refusals(&host, &language.component(wrong.plugin), wrong);
            assert_eq!(got, expected, "{} in {}: {}", wrong.plugin, language.name, wrong.config);
        }
    }
    assert!(told > 20, "{told}");
}
