//! That the binary starts. A package with a test beside its sources has its binary built by
//! `cargo test`, and the tests of the workspace run it.

use std::process::Command;

/// Whoever reports a bug is asked for this line first.
#[test]
fn the_binary_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace")).arg("--version").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("millrace {}\n", env!("CARGO_PKG_VERSION")));
}
