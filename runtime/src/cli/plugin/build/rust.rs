//! `millrace plugin build`: a Rust project to a component that may be used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde::Deserialize;

use super::inspect::print;
use super::manifest;
use super::toolchain::{Rust, TARGET};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Grants;
use crate::plugin::PluginHost;

/// A workspace that has this profile, as Millrace's own, builds its plugins with it.
const WORKSPACE_PROFILE: &str = "plugin";
const PROFILE: &str = "release";

pub fn build(dir: &Path, output: Option<&Path>) -> Result<ExitCode> {
    let name = manifest::plugin_name(dir)?;
    if !dir.join("Cargo.toml").is_file() {
        return Err(Error::config(format!(
            "there is no Cargo.toml in {0}: this command builds plugins in Rust, and `millrace \
             plugin new` makes one. A plugin in another language is built by that language's \
             tools; put the component at {0}/{name}.wasm",
            dir.display()
        )));
    }
    let package = Package::find(dir, &name)?;
    let rust = Rust::find(dir)?;
    let toolchain = rust.toolchain()?;
    let mut cargo = toolchain.command(&rust, &package.target_directory);
    let status = cargo
        .args(["build", "--lib", "--target", TARGET, "--profile", package.profile])
        .args(["--package", &package.id])
        .current_dir(dir)
        .stdout(Stdio::null())
        .status()
        .map_err(|e| Error::unavailable("cannot run cargo").with(e))?;
    if !status.success() {
        return Err(Error::plugin(format!("cargo could not build {name}: see above")));
    }
    let directory = toolchain.target_directory(&package.target_directory);
    let built = directory.join(TARGET).join(package.profile).join(&package.file);
    let output = output.map_or_else(|| dir.join(format!("{name}.wasm")), Path::to_owned);
    check_and_copy(&name, built, &output)
}

/// Puts the component in its place if a pipeline could use it.
fn check_and_copy(name: &str, built: PathBuf, output: &Path) -> Result<ExitCode> {
    let host = PluginHost::new(Path::new(""), &[]);
    let inspection = host.inspect_file(built)?;
    if let Some((message, help)) = inspection.wanted.refusal(name, None, Grants::EVERYTHING) {
        print(&inspection, &inspection.path);
        out!("refused  {message}\n         {help}");
        return Ok(ExitCode::from(ErrorKind::Plugin.exit_code()));
    }
    fs::copy(&inspection.path, output).map_err(|e| Error::io("write", output, e))?;
    print(&inspection, output);
    Ok(ExitCode::SUCCESS)
}

/// What cargo says of the plugin's package.
struct Package {
    id: String,
    /// The name of the component that cargo makes.
    file: String,
    profile: &'static str,
    target_directory: PathBuf,
}

impl Package {
    fn find(dir: &Path, name: &str) -> Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(dir)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| {
                Error::config("cannot run cargo: install Rust from https://rustup.rs").with(e)
            })?;
        if !output.status.success() {
            let path = dir.join("Cargo.toml");
            return Err(Error::config(format!("cargo cannot read {}: see above", path.display())));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|e| Error::internal("cannot read what `cargo metadata` says").with(e))?;
        let package = metadata.packages.into_iter().find(|package| package.name == name);
        let missing = || Error::internal(format!("`cargo metadata` does not know {name}"));
        let package = package.ok_or_else(missing)?;
        let is_component = |target: &Target| target.crate_types.iter().any(|t| t == "cdylib");
        let target = package.targets.into_iter().find(is_component).ok_or_else(|| {
            let path = dir.join("Cargo.toml");
            Error::config(format!(
                "the library of {} does not become a component: write \
                 crate-type = [\"cdylib\", \"rlib\"] under [lib]",
                path.display()
            ))
        })?;
        let workspace = manifest::read(&metadata.workspace_root.join("Cargo.toml"))?;
        let profiles = workspace.get("profile");
        let own = profiles.is_some_and(|profiles| profiles.get(WORKSPACE_PROFILE).is_some());
        Ok(Self {
            id: package.id,
            file: format!("{}.wasm", target.name.replace('-', "_")),
            profile: if own { WORKSPACE_PROFILE } else { PROFILE },
            target_directory: metadata.target_directory,
        })
    }
}

/// The part of `cargo metadata` that matters.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    id: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}
