//! That a row becomes what it asks for.

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use mirror::Mirror;

fn rows() -> RecordBatch {
    let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]));
    let set = |rows: [bool; 4]| -> ArrayRef { Arc::new(BooleanArray::from(rows.to_vec())) };
    let port: ArrayRef = Arc::new(StringArray::from(vec![None, Some("main"), None, Some("other")]));
    testing::batch([
        ("n", n),
        ("refuse", set([true, false, false, false])),
        ("fail", set([true, false, true, false])),
        ("port", port),
    ])
}

/// The SDKs of all languages are compared with this one.
#[test]
fn rows_go_where_they_ask_to_go() {
    let outcome = testing::run::<Mirror>(r#"{"repeat": 2}"#, &rows()).unwrap();
    assert_eq!(outcome.port("main").int64("copy_n").unwrap(), &Int64Array::from(vec![None, None]));
    assert_eq!(outcome.port("other").num_rows(), 2);
    assert!(outcome.port("other").column_by_name("port").is_none());
    let errors: Vec<_> = outcome.errors.iter().map(|e| (e.row, e.code.as_str())).collect();
    assert_eq!(errors, [(0, "refused"), (2, "failed")]);
}

/// All mistakes are told at once.
#[test]
fn what_it_cannot_work_with_is_refused() {
    let refuse: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = testing::batch([("refuse", refuse)]);
    let error = testing::start::<Mirror>(r#"{"repeat": 0}"#, &batch.schema()).err().unwrap();
    assert_eq!(error.0.len(), 2);
}
