//! Plugins in Zig, on top of the SDK for C.

use std::fs;

use super::super::project::PluginFile;
use super::c::{STACK_BYTES, Sdk, prefix, zig};
use super::{Place, component, run};
use crate::error::{Error, Result};

/// Safe, so that an index out of bounds or an overflow fails the row and makes up no data.
const TARGET: [&str; 5] =
    ["-target", "wasm32-wasi", "-mcpu=generic+simd128+bulk_memory", "-O", "ReleaseSafe"];

/// # Errors
/// If there is no toolchain, or the sources have a mistake.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let sdk = Sdk::of(place, file)?;
    let own = sdk.directory.join("zig");
    let declarations = place.build.join("c.zig");
    translate(place, &sdk, &declarations)?;
    let core = place.build.join("core.wasm");
    // Options before a module are that module's; the C files belong to the first one.
    let mut build = zig()?;
    build
        .arg("build-exe")
        .args(TARGET)
        .args(["-fstrip", "-fsingle-threaded", "-flto", "-fno-sanitize-c"])
        .args([
            "-mexec-model=reactor",
            "--stack",
            &STACK_BYTES.to_string(),
            "--name",
            "core",
            "-lc",
        ])
        .args(&sdk.includes)
        .args(["-cflags", "-std=c17", "-O3", "-Wall", "-Wextra", &prefix(&sdk.directory, "sdk")])
        .arg("--")
        .args(&sdk.sources)
        .args(TARGET)
        .args(["--dep", "millrace", "--dep", "plugin"])
        .arg(format!("-Mroot={}", own.join("guest.zig").display()))
        .args(TARGET)
        .args(["--dep", "c"])
        .arg(format!("-Mmillrace={}", own.join("millrace.zig").display()))
        .args(TARGET)
        .args(["--dep", "millrace", "-Mplugin=src/plugin.zig"])
        .args(TARGET)
        .arg("-lc")
        .arg(format!("-Mc={}", declarations.display()))
        .arg(format!("-femit-bin={}", core.display()))
        .current_dir(&place.project);
    run(&mut build, "zig could not build the plugin")?;
    component::encode(&core, None, file.world(), &place.component)
}

/// Writes what the headers of the SDK declare as Zig has it.
fn translate(place: &Place, sdk: &Sdk, declarations: &std::path::Path) -> Result<()> {
    let mut translate = zig()?;
    let output = translate
        .args(["translate-c", "-target", "wasm32-wasi", "-mcpu=generic+simd128+bulk_memory", "-lc"])
        .arg(&sdk.includes[0])
        .arg(sdk.directory.join("zig").join("c.h"))
        .current_dir(&place.project)
        .output()
        .map_err(|e| Error::unavailable("cannot run zig").with(e))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::plugin("zig could not read the headers of the SDK").with(text));
    }
    fs::write(declarations, output.stdout).map_err(|e| Error::io("write", declarations, e))
}
