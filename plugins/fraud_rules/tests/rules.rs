//! Transactions in, ports out.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};

use fraud_rules::FraudRules;

fn transactions() -> RecordBatch {
    let amounts =
        Float64Array::from(vec![Some(10.0), Some(20_000.0), Some(600.0), None, Some(5.0)]);
    let countries = StringArray::from(vec![Some("DE"), Some("KP"), Some("US"), Some("KP"), None]);
    let hours = arrow_array::Int32Array::from(vec![12, 3, 23, 12, 2]);
    testing::batch([
        ("amount", Arc::new(amounts) as ArrayRef),
        ("country", Arc::new(countries)),
        ("hour", Arc::new(hours)),
    ])
}

fn run(config: &str) -> Outcome {
    testing::run::<FraudRules>(config, &transactions()).unwrap()
}

fn errors(config: &str) -> String {
    match testing::start::<FraudRules>(config, &transactions().schema()) {
        Ok(_) => panic!("{config} must be refused"),
        Err(errors) => errors.to_string(),
    }
}

/// Amounts say which rows are on a port.
fn amounts(outcome: &Outcome, port: &str) -> Vec<Option<f64>> {
    outcome.port(port).float64("amount").unwrap().iter().collect()
}

fn texts(outcome: &Outcome, port: &str, column: &str) -> Vec<String> {
    let column = outcome.port(port).utf8(column).unwrap();
    column.iter().flatten().map(str::to_owned).collect()
}

/// The shortest configuration.
#[test]
fn max_amount_alone_is_a_rule() {
    let outcome = run(r#"{"max_amount": 10000}"#);
    assert_eq!(amounts(&outcome, "fraud"), [Some(20_000.0)]);
    assert_eq!(texts(&outcome, "fraud", "rule"), ["max_amount"]);
    assert_eq!(texts(&outcome, "fraud", "reason"), ["amount over 10000"]);
    assert_eq!(outcome.port("main").num_rows(), 4);
    assert_eq!(outcome.port("main").num_columns(), 3);
    assert_eq!(outcome.port("review").num_rows(), 0);
    assert_eq!(outcome.description.reads, ["amount"]);
}

/// Fraud comes before review, whatever the order of the rules; within each the first wins.
#[test]
fn the_first_fraud_rule_wins_then_the_first_review_rule() {
    let outcome = run(r#"{"rules": [
        {"name": "night", "outcome": "review", "hours": [22, 23, 0, 1, 2, 3], "reason": "late"},
        {"name": "large", "outcome": "review", "amount_over": 500},
        {"name": "embargo", "outcome": "fraud", "countries": ["KP", "IR"]},
        {"name": "huge", "outcome": "fraud", "amount_over": 10000}
    ]}"#);
    assert_eq!(amounts(&outcome, "main"), [Some(10.0)]);
    assert_eq!(amounts(&outcome, "fraud"), [Some(20_000.0), None]);
    assert_eq!(texts(&outcome, "fraud", "rule"), ["embargo", "embargo"]);
    assert_eq!(texts(&outcome, "fraud", "reason")[0], "country is one of KP, IR");
    assert_eq!(amounts(&outcome, "review"), [Some(600.0), Some(5.0)]);
    assert_eq!(texts(&outcome, "review", "rule"), ["night", "night"]);
    assert_eq!(texts(&outcome, "review", "reason"), ["late", "late"]);
}

/// A rule is the conjunction of its conditions.
#[test]
fn all_conditions_must_hold() {
    let outcome = run(r#"{"rules": [{"name": "r", "outcome": "review",
        "amount_over": 5, "amount_under": 20000, "hours": [12, 23], "countries_not": ["DE"]}]}"#);
    assert_eq!(amounts(&outcome, "review"), [Some(600.0)]);
    assert_eq!(
        texts(&outcome, "review", "reason"),
        ["amount over 5, amount under 20000, hour is one of 12, 23, country is none of DE"]
    );
}

/// What is unknown is no evidence, also not for a negated list.
#[test]
fn null_passes_no_condition() {
    let rule = |test: &str| {
        let rule = format!(r#"{{"rules": [{{"name": "r", "outcome": "fraud", {test}}}]}}"#);
        run(&rule).port("fraud").num_rows()
    };
    assert_eq!(rule(r#""amount_over": -1"#), 4);
    assert_eq!(rule(r#""amount_under": 1e9"#), 4);
    assert_eq!(rule(r#""countries_not": ["DE"]"#), 3);
}

/// Amounts come in many types, and columns under many names.
#[test]
fn numbers_of_every_type_and_other_names() {
    let decimals = arrow_array::Decimal128Array::from(vec![1_000_001, 1_000_000, -5])
        .with_precision_and_scale(10, 2)
        .unwrap();
    let columns: [(&str, ArrayRef); 2] = [
        ("total", Arc::new(decimals)),
        ("total", Arc::new(Int64Array::from(vec![10_001, 10_000, -5]))),
    ];
    for column in columns {
        let config = r#"{"columns": {"amount": "total"}, "max_amount": 10000}"#;
        let outcome = testing::run::<FraudRules>(config, &testing::batch([column])).unwrap();
        assert_eq!(outcome.port("fraud").num_rows(), 1);
    }
}

/// Every mistake in a configuration names its place and the remedy.
#[test]
fn mistakes_in_the_configuration_are_named() {
    assert!(errors("{}").contains("rules: there is no rule"));
    let error = errors(
        r#"{"max_amount": 1, "rules": [
        {"name": "max_amount", "outcome": "fraud", "merchants": ["m1"]},
        {"name": "b", "outcome": "fraud"},
        {"name": "c", "outcome": "fraud", "hours": [24]},
        {"name": "d", "outcome": "fraud", "countries": []},
        {"name": "e", "outcome": "fraud", "amount_over": 5, "amount_under": 5}
    ]}"#,
    );
    for expected in [
        "rules[0].name: another rule is called `max_amount`",
        "rules[0].merchants: tests `merchant`, which the input lacks; it has amount, country, hour",
        "rules[1]: has no condition",
        "rules[2].hours: 24 is no hour",
        "rules[3].countries: is an empty list",
        "rules[4].amount_over: no amount is over 5 and under 5",
    ] {
        assert!(error.contains(expected), "{expected} in {error}");
    }
    let error = errors(r#"{"max_amount": 1, "columns": {"amount": "country"}}"#);
    assert!(error.contains("max_amount: tests `country` of type Utf8; it must be a number"));
    let typo = r#"{"rules": [{"name": "a", "outcome": "fraud", "amount_above": 5}]}"#;
    assert!(errors(typo).contains("amount_above"));
    assert!(errors(r#"{"rules": [{"name": "a", "outcome": "block"}]}"#).contains("block"));
}
