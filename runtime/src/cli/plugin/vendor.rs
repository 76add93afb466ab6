//! The SDK that this binary carries, unpacked into a project: it is on no registry.

use std::path::Path;

use include_dir::{Dir, File};
use toml::{Table, Value};

use super::language::Language;
use crate::error::{Error, Result};

/// The contract, and the SDKs without their tests: each file by its path in the repository. Its
/// parts depend on each other by relative paths, so they keep their places.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

const WIT: &str = "wit/";
const CARGO: &str = "Cargo.toml";

/// The manifest of the workspace from which the packages inherit.
const WORKSPACE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));

/// Gives `write` each file of the contract and of the SDK for a language, with its path.
///
/// # Errors
/// If a file can't be written.
pub fn unpack(language: Language, mut write: impl FnMut(&Path, &[u8]) -> Result<()>) -> Result<()> {
    let workspace = table(WORKSPACE)?;
    let directories = language.sdk();
    for (path, bytes) in FILES {
        if !path.starts_with(WIT) && !directories.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        let path = Path::new(path);
        match path.file_name().is_some_and(|name| name == CARGO) {
            true => {
                let manifest = concrete(table(&String::from_utf8_lossy(bytes))?, &workspace)?;
                write(path, manifest.to_string().as_bytes())?;
            }
            false => write(path, bytes)?,
        }
    }
    Ok(())
}

/// All files of a directory, whatever their depth.
pub fn files(dir: &'static Dir<'static>) -> Vec<&'static File<'static>> {
    let mut files: Vec<_> = dir.files().collect();
    for below in dir.dirs() {
        files.extend(self::files(below));
    }
    files
}

/// A manifest that inherits nothing. Tests stay behind, and with them what only they need.
fn concrete(mut manifest: Table, workspace: &Table) -> Result<Table> {
    manifest.remove("dev-dependencies");
    let lints = manifest.get("lints");
    if lints.is_some_and(inherits) {
        manifest.remove("lints");
    }
    let shared = workspace.get("workspace").and_then(Value::as_table);
    for section in ["package", "dependencies", "build-dependencies"] {
        let Some(keys) = manifest.get_mut(section).and_then(Value::as_table_mut) else { continue };
        let from = shared.and_then(|shared| shared.get(section)).and_then(Value::as_table);
        for (key, value) in keys.iter_mut().filter(|(_, value)| inherits(value)) {
            let inherited = from.and_then(|from| from.get(key.as_str())).cloned();
            let inherited = inherited.ok_or_else(|| {
                Error::internal(format!("the workspace has no `{key}` for the SDK to inherit"))
            })?;
            *value = merged(inherited, value);
        }
    }
    Ok(manifest)
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// What was inherited, with the keys that stood beside `workspace = true`.
fn merged(inherited: Value, own: &Value) -> Value {
    let own = own.as_table().cloned().unwrap_or_default();
    let own: Table = own.into_iter().filter(|(key, _)| key != "workspace").collect();
    if own.is_empty() {
        return inherited;
    }
    let mut all = match inherited {
        Value::Table(table) => table,
        version => Table::from_iter([("version".to_owned(), version)]),
    };
    all.extend(own);
    Value::Table(all)
}

fn table(text: &str) -> Result<Table> {
    text.parse()
        .map_err(|e: toml::de::Error| Error::internal("a manifest of the SDK is no TOML").with(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that still inherits would not resolve outside of the workspace.
    #[test]
    fn no_unpacked_manifest_inherits() {
        let mut manifests = 0;
        let mut wits = 0;
        unpack(Language::Rust, |path, bytes| {
            let text = std::str::from_utf8(bytes).unwrap();
            if path.ends_with("Cargo.toml") {
                manifests += 1;
                let manifest: Table = text.parse().unwrap();
                assert!(!text.contains("workspace"), "{text}");
                assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"), "{text}");
                assert!(!manifest.contains_key("dev-dependencies"), "{text}");
            }
            wits += usize::from(path.starts_with("wit"));
            Ok(())
        })
        .unwrap();
        assert_eq!(manifests, Language::Rust.sdk().len());
        assert!(wits >= 2);
    }

    /// The SDK may come to inherit dependencies with features of its own.
    #[test]
    fn dependencies_are_inherited_with_their_features() {
        let workspace =
            table("[workspace.dependencies]\nserde = \"1\"\narrow = { version = \"59\" }");
        let manifest = table(
            "[dependencies]\nserde = { workspace = true, features = [\"derive\"] }\n\
             arrow.workspace = true\nx = \"2\"\n[lints]\nworkspace = true",
        );
        let concrete = concrete(manifest.unwrap(), &workspace.unwrap()).unwrap();
        let expected = table(
            "[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\n\
             arrow = { version = \"59\" }\nx = \"2\"",
        );
        assert_eq!(concrete, expected.unwrap());
    }
}
