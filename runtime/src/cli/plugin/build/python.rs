//! Plugins in Python: componentize-py puts CPython and the sources into one component.

use std::path::PathBuf;

use super::super::project::PluginFile;
use super::super::toolchain::{self, Tools};
use super::{Place, component, run};
use crate::error::{Error, Result};

const REQUIREMENTS: &str = include_str!("../../../../../sdk/python/toolchain/requirements.txt");
/// The package is a program without a module of its own that could be run.
const COMPONENTIZE: &str = "import sys, componentize_py; sys.exit(componentize_py.script())";

/// Where componentize-py is.
///
/// # Errors
/// If it can't be had.
pub fn programs() -> Result<PathBuf> {
    Ok(tools()?.0.join("bin"))
}

fn tools() -> Result<Tools> {
    toolchain::python("python", REQUIREMENTS, "componentize_py")
}

/// # Errors
/// If there is no toolchain, or `plugin.py` can't be imported.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let tools = tools()?;
    let wit = place.build.join("wit");
    component::cut(&place.sdk.join("wit"), &wit, file.world(), &file.grants)?;
    // Otherwise the packages of this machine's Python would be part of the component.
    let environment = place.build.join("environment");
    let packages = environment.join("lib").join("site-packages");
    std::fs::create_dir_all(&packages).map_err(|e| Error::io("make", &packages, e))?;
    let mut componentize = tools.python();
    componentize
        .args(["-c", COMPONENTIZE, "--quiet", "--wit-path"])
        .arg(&wit)
        .args(["--world", component::CUT, "componentize", "--stub-wasi", "--python-path"])
        .arg(&place.project)
        .arg("--python-path")
        .arg(place.sdk.join("sdk").join("python"))
        .arg(format!("millrace_plugin.entry.{}", file.world().name()))
        .arg("--output")
        .arg(&place.component)
        .env("VIRTUAL_ENV", &environment)
        // The traceback of Python is enough.
        .env("RUST_BACKTRACE", "0")
        .current_dir(&place.project);
    run(&mut componentize, "componentize-py could not build the plugin")
}
