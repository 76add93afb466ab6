//! The plugin as a plain Rust type: quick, and a debugger works.

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use plugin_name::FlagLarge;

#[test]
fn amounts_above_the_limit_are_marked() {
    let amounts = Float64Array::from(vec![Some(10.0), Some(100.0), Some(100.5), None]);
    let input = testing::batch([("amount", Arc::new(amounts) as ArrayRef)]);
    let result = testing::run::<FlagLarge>(r#"{"limit": 100}"#, &input).unwrap();
    let large: Vec<_> = result.port("main").boolean("large").unwrap().iter().collect();
    assert_eq!(large, [Some(false), Some(false), Some(true), None]);
    assert!(result.errors.is_empty());
}

#[test]
fn a_misspelt_key_is_refused() {
    let schema = Schema::new(vec![Field::new("amount", DataType::Float64, true)]);
    assert!(testing::start::<FlagLarge>(r#"{"limt": 100}"#, &schema).is_err());
}
