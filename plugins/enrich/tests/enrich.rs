//! Rows in, derived columns out.

use arrow_array::Int32Array;
use enrich::Enrich;
use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};

fn payments() -> RecordBatch {
    let countries = StringArray::from(vec![Some("germany"), Some(" usa "), None, Some("Atlantis")]);
    let currencies = StringArray::from(vec![Some("€"), Some("usd"), Some("GBP"), None]);
    let amounts = Float64Array::from(vec![Some(10.0), Some(100.0), Some(5.0), Some(1.0)]);
    let cards = StringArray::from(vec![Some("4111111111111234"), Some("äöü€12"), Some("12"), None]);
    let times =
        TimestampMicrosecondArray::from(vec![Some(1_700_000_000_000_000), Some(-1), None, Some(0)]);
    testing::batch([
        ("country", Arc::new(countries) as ArrayRef),
        ("currency", Arc::new(currencies)),
        ("amount", Arc::new(amounts)),
        ("card", Arc::new(cards)),
        ("ts", Arc::new(times.with_timezone("UTC"))),
    ])
}

fn run(config: &str) -> Outcome {
    testing::run::<Enrich>(config, &payments()).unwrap()
}

fn errors(config: &str) -> String {
    match testing::start::<Enrich>(config, &payments().schema()) {
        Ok(_) => panic!("{config} must be refused"),
        Err(errors) => errors.to_string(),
    }
}

fn texts(outcome: &Outcome, column: &str) -> Vec<Option<String>> {
    let column = outcome.port("main").utf8(column).unwrap();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn numbers(outcome: &Outcome, column: &str) -> Vec<Option<i32>> {
    outcome.port("main").typed::<Int32Array>(column).unwrap().iter().collect()
}

/// Codes replace what was written; what is unknown becomes null.
#[test]
fn countries_and_currencies_become_codes() {
    let outcome = run(
        r#"{"country": {"column": "country"}, "currency": {"column": "currency", "as": "iso"}}"#,
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts(&outcome, "country"), [some("DE"), some("US"), None, None]);
    assert_eq!(texts(&outcome, "iso"), [some("EUR"), some("USD"), some("GBP"), None]);
    assert_eq!(texts(&outcome, "currency")[0], some("€"));
    assert_eq!(outcome.port("main").num_columns(), 6);
    assert_eq!(outcome.description.reads, ["country", "currency"]);
}

/// A currency without a rate would otherwise pass as an amount in another one.
#[test]
fn amounts_without_a_rate_are_refused() {
    let outcome = run(r#"{"country": {"column": "country"}, "amount": {"column": "amount",
        "currency": "currency", "base": "EUR", "rates": {"USD": 0.5}}}"#);
    let amounts: Vec<_> = outcome.port("main").float64("amount_base").unwrap().iter().collect();
    assert_eq!(amounts, [Some(10.0), Some(50.0)]);
    assert_eq!(texts(&outcome, "country").len(), 2);
    let errors: Vec<_> = outcome.errors.iter().map(|e| (e.row, e.code.as_str())).collect();
    assert_eq!(errors, [(2, "no_rate"), (3, "no_rate")]);
    assert_eq!(outcome.errors[0].message, "there is no rate from `GBP` to EUR");
    assert_eq!(outcome.errors[0].column.as_deref(), Some("currency"));
    assert!(outcome.errors[1].message.contains("null"));
}

/// An amount of nothing needs no rate, and decimals are amounts too.
#[test]
fn null_amounts_stay_null_and_decimals_convert() {
    let amounts = arrow_array::Decimal128Array::from(vec![Some(1250), None])
        .with_precision_and_scale(10, 2)
        .unwrap();
    let currencies = StringArray::from(vec![Some("USD"), None]);
    let input = testing::batch([("a", Arc::new(amounts) as ArrayRef), ("c", Arc::new(currencies))]);
    let config = r#"{"amount": {"column": "a", "currency": "c", "base": "EUR",
        "rates": {"USD": 2}, "as": "a"}}"#;
    let outcome = testing::run::<Enrich>(config, &input).unwrap();
    assert_eq!(outcome.errors, []);
    let amounts: Vec<_> = outcome.port("main").float64("a").unwrap().iter().collect();
    assert_eq!(amounts, [Some(25.0), None]);
}

/// 2023-11-14 22:13:20 UTC was a Tuesday; two hours further east it was Wednesday.
#[test]
fn times_are_split_at_an_offset() {
    let outcome = run(r#"{"time": {"column": "ts"}}"#);
    assert_eq!(numbers(&outcome, "hour"), [Some(22), Some(23), None, Some(0)]);
    assert_eq!(numbers(&outcome, "weekday"), [Some(2), Some(3), None, Some(4)]);
    let outcome = run(
        r#"{"time": {"column": "ts", "hour": "h", "weekday": "d", "utc_offset_minutes": 120}}"#,
    );
    assert_eq!(numbers(&outcome, "h"), [Some(0), Some(1), None, Some(2)]);
    assert_eq!(numbers(&outcome, "d"), [Some(3), Some(4), None, Some(4)]);
}

/// Characters are counted, not bytes.
#[test]
fn masks_hide_all_but_the_end() {
    let outcome = run(r#"{"mask": [{"column": "card"},
        {"column": "card", "keep_last": 0, "as": "hidden"}]}"#);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts(&outcome, "card"),
        [some("************1234"), some("**ü€12"), some("12"), None]
    );
    assert_eq!(texts(&outcome, "hidden")[1], some("******"));

    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100)]));
    let config = r#"{"mask": [{"column": "t", "keep_last": 1}]}"#;
    let outcome = testing::run::<Enrich>(config, &testing::batch([("t", long)])).unwrap();
    assert_eq!(texts(&outcome, "t"), [Some(format!("{}x", "*".repeat(99)))]);
}

/// Every mistake in a configuration names its place and the remedy.
#[test]
fn mistakes_in_the_configuration_are_named() {
    assert!(errors("{}").contains("nothing is to be done"));
    assert!(errors(r#"{"contry": {"column": "country"}}"#).contains("contry"));
    let error = errors(
        r#"{"country": {"column": "land"}, "currency": {"column": "amount"},
        "amount": {"column": "card", "currency": "currency", "base": "euro",
            "rates": {"USD": 0, "XYZ": 1}},
        "time": {"column": "ts", "utc_offset_minutes": 900},
        "mask": [{"column": "card"}, {"column": "card"}]}"#,
    );
    for expected in [
        "country.column: the input has no column `land`; it has country, currency, amount",
        "currency.column: `amount` has type Float64; it must be utf8",
        "amount.column: `card` has type Utf8; it must be a number",
        "amount.base: `euro` is no ISO 4217 code such as EUR",
        "amount.rates.USD: 0 is no rate; it must be above 0",
        "amount.rates.XYZ: `XYZ` is no ISO 4217 code",
        "time.utc_offset_minutes: 900 is no offset",
        "mask[1]: `card` is already written by another section",
    ] {
        assert!(error.contains(expected), "{expected} in {error}");
    }
    let config = r#"{"amount": {"column": "amount", "currency": "currency", "base": "EUR",
        "rates": {"EUR": 2}}}"#;
    assert!(errors(config).contains("amount.rates.EUR: is the rate of the base currency"));
}
