//! Flights in, ports out.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};

use late_flights::LateFlights;
use late_flights::flight::{Flight, Verdict};

/// Rows of departure delay, arrival delay, air time and distance.
fn flights(rows: &[[Option<i64>; 4]]) -> RecordBatch {
    let column = |at: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row[at]).collect::<Int64Array>())
    };
    let numbers: Int64Array = (0..rows.len() as i64).collect();
    testing::batch([
        ("flight", Arc::new(numbers) as ArrayRef),
        ("dep_delay", column(0)),
        ("arr_delay", column(1)),
        ("air_time", column(2)),
        ("distance", column(3)),
    ])
}

fn run(rows: &[[Option<i64>; 4]]) -> Outcome {
    testing::run::<LateFlights>(r#"{"minutes": 30}"#, &flights(rows)).unwrap()
}

fn texts<'a>(outcome: &'a Outcome, port: &str, column: &str) -> Vec<Option<&'a str>> {
    outcome.port(port).utf8(column).unwrap().iter().collect()
}

fn numbers(outcome: &Outcome, port: &str) -> Vec<i64> {
    outcome.port(port).int64("flight").unwrap().values().to_vec()
}

fn errors(config: &str, input: &RecordBatch) -> String {
    match testing::start::<LateFlights>(config, &input.schema()) {
        Ok(_) => panic!("{config} must be refused"),
        Err(errors) => errors.to_string(),
    }
}

fn cause(dep_delay: i64, arr_delay: i64, air_time: i64, distance: i64) -> Option<&'static str> {
    let flight = Flight { dep_delay, arr_delay, air_time, distance };
    let Verdict { likely_cause, .. } = flight.judge(30);
    likely_cause
}

/// Each class begins at its first minute.
#[test]
fn arrival_delays_fall_into_classes() {
    let arrived = |delay: i64| [Some(delay), Some(delay), Some(100), Some(700)];
    let outcome = run(&[-1, 0, 29, 30, 119, 120].map(arrived));
    assert_eq!(numbers(&outcome, "main"), [0, 1, 2]);
    assert_eq!(
        texts(&outcome, "main", "delay_class"),
        [Some("early"), Some("on_time"), Some("on_time")]
    );
    assert_eq!(texts(&outcome, "main", "likely_cause"), [None, None, None]);
    assert_eq!(numbers(&outcome, "delayed"), [3, 4, 5]);
    assert_eq!(
        texts(&outcome, "delayed", "delay_class"),
        [Some("late"), Some("late"), Some("severe")]
    );
    assert!(outcome.errors.is_empty());
}

/// The cause is where most of the minutes were lost; 700 miles take about 107 minutes in the air.
#[test]
fn the_cause_is_where_most_minutes_were_lost() {
    assert_eq!(cause(60, 60, 107, 700), Some("departure"));
    assert_eq!(cause(80, 60, 90, 700), Some("departure"));
    assert_eq!(cause(30, 60, 137, 700), Some("departure"), "half of it is enough");
    assert_eq!(cause(0, 60, 160, 700), Some("air"));
    assert_eq!(cause(0, 60, 110, 700), Some("ground"));
    assert_eq!(cause(-10, 30, 120, 700), Some("ground"));
    assert_eq!(cause(0, 29, 160, 700), None, "a punctual flight needs no excuse");
}

/// A flight that did not arrive is no punctual flight; the first gap names the reason.
#[test]
fn flights_that_did_not_arrive_are_refused() {
    let outcome = run(&[
        [None, None, None, Some(700)],
        [Some(5), None, None, Some(700)],
        [Some(5), Some(5), Some(100), Some(700)],
    ]);
    assert_eq!(numbers(&outcome, "main"), [2]);
    let refused: Vec<_> = outcome
        .errors
        .iter()
        .map(|e| (e.row, e.code.as_str(), e.column.as_deref(), e.message.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (0, "missing", Some("dep_delay"), "there is no `dep_delay`: the flight was cancelled"),
            (
                1,
                "missing",
                Some("arr_delay"),
                "there is no `arr_delay`: the flight did not arrive as planned"
            ),
        ]
    );
}

/// Mistakes are found when the pipeline is checked, all at once.
#[test]
fn mistakes_are_named() {
    let input = flights(&[]);
    assert!(errors(r#"{"minutes": 0}"#, &input).contains("minutes: 0 is not a delay"));
    assert!(errors(r#"{"minute": 30}"#, &input).contains("minute"));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["NA"]));
    let input = testing::batch([("dep_delay", text)]);
    let error = errors("{}", &input);
    assert!(error.contains("`dep_delay` is of type Utf8; it must be int64"), "{error}");
    assert!(error.contains("the input has no column `distance`"), "{error}");
}
