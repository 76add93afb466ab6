//! What the project of a plugin says of it: in Rust its `Cargo.toml`, in any other language its
//! `plugin.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::language::Language;
use super::new::NewWorld;
use crate::error::{Error, Result};
use crate::plan::{Grant, Grants};
use crate::plugin::World;

const RUST_FILE: &str = "Cargo.toml";
const OTHER_FILE: &str = "plugin.toml";
const GOLDEN: &str = "golden";

/// A plugin's directory, and what is known of it.
pub struct Project {
    pub dir: PathBuf,
    pub name: String,
    pub source: Source,
}

/// What it is made of.
pub enum Source {
    Rust,
    Other(PluginFile),
    /// Nothing that could be built: a component of another origin, with cases to test it.
    None,
}

/// `plugin.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginFile {
    /// What the plugin calls itself; the component is `NAME.wasm`.
    name: String,
    pub language: Language,
    world: NewWorld,
    /// What it may use of the host.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// The directory that has `sdk` and `wit`.
    sdk: Option<PathBuf>,
    /// The directory of the cases.
    #[serde(default = "default_golden")]
    golden: PathBuf,
}

fn default_golden() -> PathBuf {
    PathBuf::from(GOLDEN)
}

impl PluginFile {
    pub fn world(&self) -> World {
        self.world.world()
    }

    pub fn grants(&self) -> Grants {
        self.grants.iter().copied().collect()
    }
}

impl Project {
    /// The project in `dir`.
    ///
    /// # Errors
    /// If there is no such directory, or what describes the plugin can't be read.
    pub fn find(dir: &Path) -> Result<Self> {
        let whole = dir.canonicalize().map_err(|e| Error::io("find the plugin in", dir, e))?;
        let dir = dir.to_owned();
        let path = dir.join(OTHER_FILE);
        if path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
            let file: PluginFile = toml::from_str(&text).map_err(|e| wrong(&path, &e))?;
            let name = file.name.clone();
            if !crate::planner::is_name(&name) {
                let path = path.display();
                return Err(Error::config(format!(
                    "{path}: `{name}` can't be a plugin's name: it must be a lower-case letter, \
                     then lower-case letters, digits and underscores"
                )));
            }
            return Ok(Self { dir, name, source: Source::Other(file) });
        }
        let path = dir.join(RUST_FILE);
        if path.is_file() {
            let manifest = read(&path)?;
            let name = manifest.get("package").and_then(|package| package.get("name"));
            let name = name.and_then(toml::Value::as_str).map(str::to_owned).ok_or_else(|| {
                Error::config(format!(
                    "{} names no package: give the plugin's directory",
                    path.display()
                ))
            })?;
            return Ok(Self { dir, name, source: Source::Rust });
        }
        let name = whole.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| {
            Error::config(format!("{} has no name that a plugin could have", dir.display()))
        })?;
        Ok(Self { dir, name, source: Source::None })
    }

    /// The directory of its cases.
    pub fn golden(&self) -> PathBuf {
        match &self.source {
            Source::Other(file) => self.dir.join(&file.golden),
            Source::Rust | Source::None => self.dir.join(GOLDEN),
        }
    }

    /// The directory that has `sdk` and `wit`.
    ///
    /// # Errors
    /// If there is none.
    pub fn sdk(&self, file: &PluginFile) -> Result<PathBuf> {
        let default = || PathBuf::from(file.language.vendored());
        let sdk = self.dir.join(file.sdk.clone().unwrap_or_else(default));
        let absent = |e| {
            let help = "name the directory that has `sdk` and `wit` as `sdk` in plugin.toml";
            let message = format!("there is no SDK at {}: {help}", sdk.display());
            Error::config(message).with(e)
        };
        let sdk = sdk.canonicalize().map_err(absent)?;
        match sdk.join("wit").is_dir() {
            true => Ok(sdk),
            false => Err(absent(std::io::ErrorKind::NotFound.into())),
        }
    }
}

/// A TOML file as a table.
///
/// # Errors
/// If it can't be read or is no TOML.
pub fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    text.parse().map_err(|e: toml::de::Error| {
        Error::config(format!("{} is no TOML", path.display())).with(e)
    })
}

/// The error shows the line.
fn wrong(path: &Path, error: &toml::de::Error) -> Error {
    Error::config(format!("{} is not as it must be:\n{error}", path.display()))
}
