//! The function as a plain Rust type: quick, and a debugger works.

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use plugin_name::Longest;

#[test]
fn the_longest_text_wins() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("bb"), None, Some("aa"), Some("c")]));
    let longest = testing::aggregate::<Longest>("{}", &[texts]).unwrap();
    let expected: ArrayRef = Arc::new(StringArray::from(vec!["aa"]));
    assert_eq!(&longest, &expected);
}
