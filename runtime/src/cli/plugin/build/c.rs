//! Plugins in C: zig's C compiler, which brings its C library with it, makes the module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::project::PluginFile;
use super::super::toolchain;
use super::{Place, component, run};
use crate::error::{Error, Result};

const REQUIREMENTS: &str = include_str!("../../../../../sdk/c/toolchain/requirements.txt");

/// As much as plugins need that keep what is large on the heap; more would count against the
/// memory of every instance.
const STACK_BYTES: u32 = 65_536;

/// # Errors
/// If there is no toolchain, or the sources have a mistake.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let world = file.world().name();
    let sdk = place.sdk.join("sdk").join("c");
    let gen_of_world = sdk.join("gen").join(world);
    let own = sources(&place.project.join("src"))?;
    if own.is_empty() {
        let path = place.project.join("src");
        return Err(Error::config(format!("there is no C source in {}", path.display())));
    }
    let guest = sdk.join("src").join("guest");
    let core = place.build.join("core.wasm");
    let prefix = |from: &Path, to: &str| format!("-ffile-prefix-map={}={to}", from.display());
    let mut cc = zig()?;
    cc.args(["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c17", "-O3", "-flto"])
        .args(["-msimd128", "-mbulk-memory", "-Wall", "-Wextra", "-Wl,--strip-debug"])
        .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
        .args([prefix(&place.project, "."), prefix(&sdk, "sdk")])
        .arg(format!("-I{}", sdk.join("include").display()))
        .arg(format!("-I{}", gen_of_world.display()))
        .args(own)
        .args(sources(&sdk.join("src"))?)
        .args(sources(&guest)?)
        .args(sources(&guest.join(world))?)
        .args([gen_of_world.join("guest.c"), gen_of_world.join("guest_component_type.o")])
        .arg("-o")
        .arg(&core)
        .current_dir(&place.project);
    run(&mut cc, "the C compiler could not build the plugin")?;
    component::encode(&core, None, file.world(), &place.component)
}

/// Where zig is, which is a C compiler too.
///
/// # Errors
/// If it can't be had.
pub fn programs() -> Result<PathBuf> {
    Ok(toolchain::python("zig", REQUIREMENTS)?.0.join("ziglang"))
}

/// Zig, with its caches beside it.
///
/// # Errors
/// If it can't be had.
pub fn zig() -> Result<Command> {
    let programs = programs()?;
    let cache = programs.join("cache");
    let mut zig = Command::new(programs.join("zig"));
    zig.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
    Ok(zig)
}

/// The C files of a directory, in the order of their names: the component must not depend on the
/// order in which a disk lists them.
pub fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io("list", directory, e);
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}
