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
pub const STACK_BYTES: u32 = 65_536;

/// # Errors
/// If there is no toolchain, or the sources have a mistake.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let sdk = Sdk::of(place, file)?;
    let own = sources(&place.project.join("src"))?;
    if own.is_empty() {
        let path = place.project.join("src");
        return Err(Error::config(format!("there is no C source in {}", path.display())));
    }
    let core = place.build.join("core.wasm");
    let mut cc = zig()?;
    cc.args(["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c17", "-O3", "-flto"])
        .args(["-msimd128", "-mbulk-memory", "-Wall", "-Wextra", "-Wl,--strip-debug"])
        .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
        .args([prefix(&place.project, "."), prefix(&sdk.directory, "sdk")])
        .args(&sdk.includes)
        .args(own)
        .args(&sdk.sources)
        .arg("-o")
        .arg(&core)
        .current_dir(&place.project);
    run(&mut cc, "the C compiler could not build the plugin")?;
    component::encode(&core, None, file.world(), &place.component)
}

/// What the SDK has for plugins of a world.
pub struct Sdk {
    pub directory: PathBuf,
    pub includes: [String; 2],
    /// The last one says what world it is.
    pub sources: Vec<PathBuf>,
}

impl Sdk {
    /// # Errors
    /// If it can't be read.
    pub fn of(place: &Place, file: &PluginFile) -> Result<Self> {
        let world = file.world().name();
        let directory = place.sdk.join("sdk").join("c");
        let bindings = directory.join("gen").join(world);
        let guest = directory.join("src").join("guest");
        let mut all = sources(&directory.join("src"))?;
        all.extend(sources(&guest)?);
        all.extend(sources(&guest.join(world))?);
        all.extend([bindings.join("guest.c"), bindings.join("guest_component_type.o")]);
        let include = |path: &Path| format!("-I{}", path.display());
        let includes = [include(&directory.join("include")), include(&bindings)];
        Ok(Self { includes, sources: all, directory })
    }
}

/// Paths of this machine must not end up in components.
pub fn prefix(from: &Path, to: &str) -> String {
    format!("-ffile-prefix-map={}={to}", from.display())
}

/// Where zig is, which is a C compiler too.
///
/// # Errors
/// If it can't be had.
pub fn programs() -> Result<PathBuf> {
    Ok(toolchain::python("zig", REQUIREMENTS, "ziglang/zig")?.0.join("ziglang"))
}

/// Zig, with a cache of its own: its directory may be another user's.
///
/// # Errors
/// If it can't be had.
pub fn zig() -> Result<Command> {
    let cache = toolchain::cache()?.join("zig");
    let mut zig = Command::new(programs()?.join("zig"));
    zig.env("ZIG_GLOBAL_CACHE_DIR", &cache).env("ZIG_LOCAL_CACHE_DIR", &cache);
    Ok(zig)
}

/// The C files of a directory, in the order of their names: the component must not depend on the
/// order in which a disk lists them.
fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
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
