//! What it adds, and that it fails on poison.

use millrace_plugin::prelude::*;
use millrace_plugin::testing::{self, Outcome};
use witness::Witness;

fn run(config: &str) -> Result<Outcome, Failure> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 13]));
    testing::run::<Witness>(config, &testing::batch([("n", numbers)]))
}

/// The host's tests look at these columns.
#[test]
fn it_adds_time_and_chance() {
    let outcome = run(r#"{"add": true}"#).unwrap();
    let now = outcome.port("main").int64("now").unwrap().clone();
    let chance = outcome.port("main").int64("chance").unwrap().clone();
    assert!(now.value(0) > 0 && now.value(0) == now.value(2));
    assert_ne!(chance.value(0), chance.value(1));
}

/// What was counted before must be seen to be thrown away.
#[test]
fn it_fails_on_poison() {
    assert!(run(r#"{"poison": 13}"#).is_err());
    assert!(run(r#"{"poison": 14}"#).is_ok());
}
