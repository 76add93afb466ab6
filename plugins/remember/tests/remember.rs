//! What a key remembers, natively.

use millrace_plugin::KeyedTransform;
use remember::{Remember, Totals};

/// Older states must be read, and nothing else be taken for one.
#[test]
fn states_of_version_1_are_migrated() {
    assert_eq!(Remember::migrate(1, b"3,-4").unwrap(), Totals { count: 3, sum: -4 });
    for bad in ["", "3", "x,1", "3,"] {
        assert!(Remember::migrate(1, bad.as_bytes()).is_err(), "{bad}");
    }
}
