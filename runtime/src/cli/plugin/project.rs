//! What a plugin's `Cargo.toml` says of it.

use std::path::Path;

use crate::error::{Error, Result};

/// The name of the plugin in `dir`: its package's, or where it is not in Rust, its directory's.
///
/// # Errors
/// If there is no such directory, or its `Cargo.toml` can't be read.
pub fn plugin_name(dir: &Path) -> Result<String> {
    let whole = dir.canonicalize().map_err(|e| Error::io("find the plugin in", dir, e))?;
    let path = dir.join("Cargo.toml");
    if !path.is_file() {
        let name = whole.file_name().and_then(|name| name.to_str());
        return name.map(str::to_owned).ok_or_else(|| {
            Error::config(format!("{} has no name that a plugin could have", dir.display()))
        });
    }
    let manifest = read(&path)?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    name.and_then(toml::Value::as_str).map(str::to_owned).ok_or_else(|| {
        let message = format!("{} names no package: give the plugin's directory", path.display());
        Error::config(message)
    })
}

/// A `Cargo.toml` as a table.
///
/// # Errors
/// If it can't be read or is no TOML.
pub fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    text.parse().map_err(|e: toml::de::Error| {
        Error::config(format!("{} is no TOML", path.display())).with(e)
    })
}
