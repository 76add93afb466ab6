//! The binary as such. Cargo builds it for this test, and so also for the package `tests`, which
//! runs it as its users do.

use std::process::Command;

/// Scripts tell one build from another by it.
#[test]
fn the_binary_says_which_version_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace")).arg("--version").output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim(), concat!("millrace ", env!("CARGO_PKG_VERSION")));
}
