//! The binary itself. The front-door tests run it from another package, for which cargo builds no
//! binary; for this test it does.

use std::process::Command;

/// Arguments are parsed before anything else is done.
#[test]
fn the_binary_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_millrace")).arg("--version").output();
    let text = String::from_utf8(output.expect("the binary runs").stdout).expect("text");
    assert_eq!(text, concat!("millrace ", env!("CARGO_PKG_VERSION"), "\n"));
}
