//! Plugins in Rust: cargo builds them, and its linker makes the component.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::super::project;
use super::super::toolchain::{Rust, TARGET};
use crate::error::{Error, Result};

/// A workspace that has this profile, as Millrace's own, builds its plugins with it.
const WORKSPACE_PROFILE: &str = "plugin";
const PROFILE: &str = "release";

/// Where Rust's own programs are; its target for plugins is added.
///
/// # Errors
/// If there is no Rust, or no such target.
pub fn programs() -> Result<PathBuf> {
    let rust = Rust::find(Path::new("."))?;
    rust.toolchain()?;
    Ok(rust.programs())
}

/// Builds the package `name` in `dir`, and says where the component is.
///
/// # Errors
/// If there is no toolchain, or it can't be built.
pub fn build(dir: &Path, name: &str) -> Result<PathBuf> {
    let package = Package::find(dir, name)?;
    let rust = Rust::find(dir)?;
    let toolchain = rust.toolchain()?;
    let mut cargo = toolchain.command(&rust, &package.target_directory);
    cargo
        .args(["build", "--lib", "--target", TARGET, "--profile", package.profile])
        .args(["--package", &package.id])
        .current_dir(dir);
    super::run(&mut cargo, &format!("cargo could not build {name}"))?;
    let directory = toolchain.target_directory(&package.target_directory);
    Ok(directory.join(TARGET).join(package.profile).join(&package.file))
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
        let workspace = project::read(&metadata.workspace_root.join("Cargo.toml"))?;
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
