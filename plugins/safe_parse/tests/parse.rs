//! Rows in, typed columns and refusals out.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};
use safe_parse::SafeParse;

fn run(config: &str, rows: &[&str]) -> Outcome {
    let raw: BinaryArray = rows.iter().map(|row| Some(row.as_bytes())).collect();
    run_column(config, Arc::new(raw))
}

fn run_column(config: &str, raw: ArrayRef) -> Outcome {
    testing::run::<SafeParse>(config, &testing::batch([("value", raw)])).unwrap()
}

/// Code, column and message of the only refusal.
fn refusal(config: &str, row: &str) -> (String, String, String) {
    let outcome = run(config, &[row]);
    assert_eq!(outcome.port("main").num_rows(), 0, "{row}");
    let [error] = &outcome.errors[..] else { panic!("{row}: {:?}", outcome.errors) };
    (error.code.clone(), error.column.clone().unwrap(), error.message.clone())
}

fn assert_refused(config: &str, row: &str, code: &str, column: &str) {
    let (found, at, message) = refusal(config, row);
    assert_eq!((found.as_str(), at.as_str()), (code, column), "{row}: {message}");
    assert!(!message.is_empty(), "{row}");
}

fn config_error(config: &str) -> String {
    let schema = Schema::new(vec![
        Field::new("value", DataType::Binary, true),
        Field::new("offset", DataType::Int64, false),
    ]);
    match testing::start::<SafeParse>(config, &schema) {
        Ok(_) => panic!("{config} must be refused"),
        Err(errors) => errors.to_string(),
    }
}

/// `{"schema": {"a": KIND}}`
fn one(kind: &str) -> String {
    format!(r#"{{"schema": {{"a": "{kind}"}}}}"#)
}

/// What every type looks like on its way through.
#[test]
fn every_type_becomes_its_column() {
    let config = r#"{"schema": {"s": "string", "b": "bool", "i": "int32", "l": "int64",
        "f": "float64", "m": "decimal(10,2)", "d": "date", "t": "timestamp",
        "ts": "timestamp[s]", "tms": "timestamp[ms]", "tus": "timestamp[us]", "j": "json"}}"#;
    let row = r#" {"s":"a\nb\u00e9","b":true,"i":-7,"l":9223372036854775807,"f":12.30,
        "m":12.3,"d":"1970-01-02","t":"1970-01-01T00:00:01Z","ts":2,"tms":3000,"tus":4000000,
        "j":{"k": [1, "x"]}} "#;
    let outcome = run(config, &[row]);
    assert_eq!(outcome.errors, []);
    let main = outcome.port("main");
    let names: Vec<_> = main.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names.join(" "), "s b i l f m d t ts tms tus j");
    assert_eq!(main.utf8("s").unwrap().value(0), "a\nbé");
    assert!(main.boolean("b").unwrap().value(0));
    assert_eq!(main.typed::<arrow_array::Int32Array>("i").unwrap().value(0), -7);
    assert_eq!(main.int64("l").unwrap().value(0), i64::MAX);
    assert_eq!(main.float64("f").unwrap().value(0), 12.30);
    let decimal = main.typed::<arrow_array::Decimal128Array>("m").unwrap();
    assert_eq!((decimal.value(0), decimal.data_type()), (1230, &DataType::Decimal128(10, 2)));
    assert_eq!(main.typed::<arrow_array::Date32Array>("d").unwrap().value(0), 1);
    for (name, seconds) in [("t", 1), ("ts", 2), ("tms", 3), ("tus", 4)] {
        let times = main.timestamp(name).unwrap();
        assert_eq!(times.value(0), seconds * 1_000_000, "{name}");
        assert_eq!(times.timezone(), Some("UTC"));
    }
    assert_eq!(main.utf8("j").unwrap().value(0), r#"{"k": [1, "x"]}"#);
}

/// Refused rows between good ones must leave no trace in any column.
#[test]
fn a_refused_row_is_rolled_back() {
    let config = r#"{"schema": {"s": "string", "b": "bool?", "n": "int64?", "z": "int32"}}"#;
    let outcome = run(
        config,
        &[
            r#"{"s":"one","b":true,"n":1,"z":1}"#,
            r#"{"s":"lost","b":false,"n":2,"z":"no"}"#,
            r#"{"z":3,"s":"two"}"#,
            r#"{"s":"lost","n":null}"#,
            "{\"s\":\"cut off",
            r#"{"s":"three","n":null,"z":5,"b":false}"#,
        ],
    );
    let main = outcome.port("main");
    let texts: Vec<_> = main.utf8("s").unwrap().iter().flatten().collect();
    assert_eq!(texts, ["one", "two", "three"]);
    let bools: Vec<_> = main.boolean("b").unwrap().iter().collect();
    assert_eq!(bools, [Some(true), None, Some(false)]);
    let numbers: Vec<_> = main.int64("n").unwrap().iter().collect();
    assert_eq!(numbers, [Some(1), None, None]);
    let codes: Vec<_> = outcome.errors.iter().map(|e| (e.row, e.code.as_str())).collect();
    assert_eq!(codes, [(1, "wrong_type"), (3, "missing"), (4, "malformed")]);
}

/// Every code, with the column that it blames.
#[test]
fn each_refusal_has_its_code_and_column() {
    for row in ["", "nonsense", "[1]", "\"a\"", r#"{"a":1} {"#, r#"{"a":1}x"#, r#"{"a":01}"#] {
        assert_refused(&one("int64"), row, "malformed", "value");
    }
    for (kind, row) in [
        ("int64", r#"{}"#),
        ("int64", r#"{"a":null}"#),
        ("decimal(4,2)", r#"{"a":null}"#),
        ("json", r#"{"a":null}"#),
        ("string", r#"{"A":"x"}"#),
    ] {
        assert_refused(&one(kind), row, "missing", "a");
    }
    for (kind, value) in [
        ("string", "1"),
        ("string", r#"["x"]"#),
        ("bool", "0"),
        ("int32", "1.0"),
        ("int64", "1.5"),
        ("int64", "1e3"),
        ("int64", r#""1""#),
        ("int64", r#"{"x":1}"#),
        ("float64", r#""1""#),
        ("decimal(4,2)", r#""x""#),
        ("decimal(4,2)", "true"),
        ("date", "1"),
        ("timestamp", "1"),
        ("timestamp[s]", r#""2023-11-14T22:13:20Z""#),
    ] {
        assert_refused(&one(kind), &format!(r#"{{"a":{value}}}"#), "wrong_type", "a");
    }
    for (kind, value) in [
        ("int32", "2147483648"),
        ("int64", "9223372036854775808"),
        ("int64", "-9223372036854775809"),
        ("int64", "123456789012345678901234567890"),
        ("float64", "1e999"),
        ("decimal(4,2)", "123.4"),
        ("decimal(4,2)", "0.001"),
        ("timestamp[s]", "1700000000000"),
        ("timestamp[ms]", "9223372036854775807"),
    ] {
        assert_refused(&one(kind), &format!(r#"{{"a":{value}}}"#), "out_of_range", "a");
    }
    for (kind, value) in [("timestamp", "yesterday"), ("timestamp", ""), ("date", "2023-02-30")] {
        assert_refused(&one(kind), &format!(r#"{{"a":"{value}"}}"#), "bad_timestamp", "a");
    }
}

/// Fields that nobody declared are skipped, however deep, unless they are to be rejected.
#[test]
fn unknown_fields_are_skipped_or_rejected() {
    let deep = format!(r#"{{"x":{}{},"a":1,"y":1e999}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(run(&one("int64"), &[&deep]).errors, []);

    let config = r#"{"schema": {"a": "int64"}, "unknown_fields": "reject"}"#;
    assert_eq!(run(config, &[r#"{"a":1}"#]).errors, []);
    assert_refused(config, r#"{"a":1,"b":2}"#, "unknown_field", "b");
}

/// Nullable columns take null and absence; the order of fields and columns may differ.
#[test]
fn nulls_and_any_order() {
    let config = r#"{"schema": {"a": "int64?", "b": "decimal(4,2)?", "c": "json?"}}"#;
    let outcome =
        run(config, &[r#"{"c":[],"b":"1.5","a":1}"#, r#"{"a":null,"b":null,"c":null}"#, "{}"]);
    assert_eq!(outcome.errors, []);
    let main = outcome.port("main");
    for name in ["a", "b", "c"] {
        let column = main.column_by_name(name).unwrap();
        assert_eq!((column.null_count(), column.is_valid(0)), (2, true), "{name}");
    }
    assert_eq!(main.utf8("c").unwrap().value(0), "[]");
}

/// JSON leaves duplicates open; here the last counts.
#[test]
fn of_a_field_that_comes_twice_the_last_counts() {
    let config = r#"{"schema": {"a": "string?", "b": "int64"}}"#;
    let outcome =
        run(config, &[r#"{"a":"first","b":1,"a":"last"}"#, r#"{"a":"x","b":2,"a":null}"#]);
    assert_eq!(outcome.errors, []);
    let texts: Vec<_> = outcome.port("main").utf8("a").unwrap().iter().collect();
    assert_eq!(texts, [Some("last"), None]);
}

/// Numbers come out as they were written.
#[test]
fn numbers_are_exact() {
    let texts = ["0.1", "0.30000000000000004", "123456.789012345678", "5e-324", "3", "-0"];
    let rows: Vec<_> = texts.iter().map(|t| format!(r#"{{"a":{t}}}"#)).collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let outcome = run(&one("float64"), &rows);
    let expected: Vec<f64> = texts.iter().map(|t| t.parse().unwrap()).collect();
    assert_eq!(outcome.port("main").float64("a").unwrap().values().to_vec(), expected);

    let outcome = run(&one("int64"), &[r#"{"a":-9223372036854775808}"#, r#"{"a":-0}"#]);
    assert_eq!(outcome.port("main").int64("a").unwrap().values().to_vec(), [i64::MIN, 0]);

    let outcome = run(&one("timestamp[s]"), &[r#"{"a":1700000000.123456}"#]);
    let times = outcome.port("main").timestamp("a").unwrap();
    assert_eq!(times.value(0), 1_700_000_000_123_456);
}

/// Bytes that are no text spoil their own row alone, even where two rows together would be text.
#[test]
fn invalid_utf8_is_malformed() {
    let good = br#"{"a":"x"}"#.as_slice();
    let bad = b"{\"a\":\"\xff\"}".as_slice();
    let half = b"{\"a\":\"\xc3".as_slice();
    let other_half = b"\xa9\"}".as_slice();
    let raw = BinaryArray::from_iter_values([good, bad, good]);
    let outcome = run_column(&one("string"), Arc::new(raw));
    assert_eq!(outcome.errors.len(), 1);
    assert_eq!((outcome.errors[0].row, outcome.errors[0].code.as_str()), (1, "malformed"));
    assert_eq!(outcome.port("main").num_rows(), 2);

    let raw = BinaryArray::from_iter_values([half, other_half, good]);
    let outcome = run_column(&one("string"), Arc::new(raw));
    let rows: Vec<_> = outcome.errors.iter().map(|e| (e.row, e.code.as_str())).collect();
    assert_eq!(rows, [(0, "malformed"), (1, "malformed")]);
}

/// The raw column may be text as well, may be null, and may be kept or replaced.
#[test]
fn the_raw_column_is_dropped_kept_or_replaced() {
    let raw: ArrayRef = Arc::new(StringArray::from(vec![Some(r#"{"value":1}"#), None]));
    let outcome = run_column(r#"{"schema": {"value": "int64"}}"#, raw.clone());
    assert_eq!(outcome.port("main").int64("value").unwrap().values().to_vec(), [1]);
    assert_eq!(outcome.errors[0].code, "missing");

    let names = |config: &str| {
        let schema = run_column(config, raw.clone()).port("main").schema();
        schema.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(r#"{"schema": {"a": "int64?"}}"#), ["a"]);
    assert_eq!(names(r#"{"schema": {"a": "int64?"}, "keep_raw": true}"#), ["value", "a"]);
}

/// A refusal must stay small, whatever the row holds.
#[test]
fn messages_are_bounded() {
    let long = "é".repeat(100_000);
    let (_, _, message) = refusal(&one("int64"), &format!(r#"{{"a":"{long}"}}"#));
    assert!(message.len() < 1000, "{} bytes", message.len());
    let config = r#"{"schema": {"a": "int64"}, "unknown_fields": "reject"}"#;
    let (_, column, message) = refusal(config, &format!(r#"{{"{long}":1}}"#));
    assert!(column.len() < 1000 && message.len() < 1000);
}

/// The wording is for the author of a producer: what was found, what belongs there.
#[test]
fn messages_say_what_was_found_and_expected() {
    let message = |kind: &str, value: &str| refusal(&one(kind), &format!(r#"{{"a":{value}}}"#)).2;
    assert_eq!(
        message("int64", r#""12 at line 9""#),
        "invalid type: string \"12 at line 9\", \
        expected an integer"
    );
    assert_eq!(message("int32", "2147483648"), "2147483648 does not fit int32");
    assert_eq!(
        message("decimal(4,2)", "1.234"),
        "1.234 has more than the 2 decimals of \
        decimal(4,2)"
    );
    assert_eq!(message("int64", "null"), "is null and must have a value");
}

/// Every mistake in a configuration names its place and the remedy.
#[test]
fn mistakes_in_the_configuration_are_named() {
    let error = config_error(r#"{"schema": {"a": "int", "b": "decimal(2,3)?"}, "column": "raw"}"#);
    assert!(error.contains("schema.a: `int` is no type; the types are string, bool"), "{error}");
    assert!(error.contains("schema.b: `decimal(2,3)` is no type"), "{error}");
    assert!(
        error.contains("column: the input has no column `raw`; it has value, offset"),
        "{error}"
    );
    assert!(config_error(r#"{"schema": {}}"#).contains("schema: no column is declared"));
    assert!(config_error("{}").contains("missing field `schema`"));
    assert!(config_error(r#"{"schema": {"a": "int64"}, "keepraw": true}"#).contains("keepraw"));
    let error = config_error(r#"{"schema": {"a": "int64"}, "column": "offset"}"#);
    assert!(error.contains("`offset` has type Int64; it must be binary or utf8"), "{error}");
    let error = config_error(r#"{"schema": {"value": "int64"}, "keep_raw": true}"#);
    assert!(error.contains("schema.value"), "{error}");
}
