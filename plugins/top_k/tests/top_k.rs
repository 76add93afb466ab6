//! The most frequent texts, natively.

use arrow_array::{ListArray, StructArray};
use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use top_k::TopK;

fn top(config: &str, texts: &[Option<&str>]) -> Result<Vec<(String, u64)>, Failure> {
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let lists = testing::aggregate::<TopK>(config, &[texts])?;
    let entries = lists.as_any().downcast_ref::<ListArray>().unwrap().value(0);
    let entries = entries.as_any().downcast_ref::<StructArray>().unwrap();
    let texts = entries.column(0).as_any().downcast_ref::<StringArray>().unwrap();
    let counts = entries.column(1).as_any().downcast_ref::<UInt64Array>().unwrap();
    let entry = |at: usize| (texts.value(at).to_owned(), counts.value(at));
    Ok((0..entries.len()).map(entry).collect())
}

#[test]
fn the_most_frequent_come_first() {
    let texts = [Some("a"), Some("b"), None, Some("c"), Some("b"), Some("c"), Some("d")];
    let expected = [("b".to_owned(), 2), ("c".to_owned(), 2), ("a".to_owned(), 1)];
    assert_eq!(top(r#"{"k": 3}"#, &texts).unwrap(), expected);
    assert_eq!(top("{}", &texts).unwrap().len(), 4);
    assert_eq!(top("{}", &[None]).unwrap(), []);
}

/// A group without a bound would take the plugin's memory.
#[test]
fn too_many_different_texts_fail() {
    let texts = [Some("a"), Some("b"), Some("c")];
    assert!(top(r#"{"max_values": 3}"#, &texts).is_ok());
    let failure = top(r#"{"max_values": 2}"#, &texts).unwrap_err();
    assert_eq!(failure.0, "more than 2 different texts");
}

#[test]
fn a_wrong_configuration_is_refused() {
    assert!(top(r#"{"k": 0}"#, &[]).unwrap_err().0.contains("at least 1"));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let refused = testing::aggregate::<TopK>("{}", &[number]).unwrap_err();
    assert!(refused.0.contains("takes one text"), "{refused}");
}
