//! The function as a plain Rust type: quick, and a debugger works.

use millrace_plugin::prelude::*;
use millrace_plugin::testing;
use plugin_name::Mask;

#[test]
fn all_but_the_last_characters_are_masked() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("4111 1111"), None, Some("1")]));
    let (masked, errors) = testing::scalar::<Mask>(r#"{"keep": 4}"#, &[texts]).unwrap();
    let masked: Vec<_> = masked.as_any().downcast_ref::<StringArray>().unwrap().iter().collect();
    assert_eq!(masked[..2], [Some("*****1111"), None]);
    assert_eq!((errors[0].row, errors[0].code.as_str()), (2, "too_short"));
}
