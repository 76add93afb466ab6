//! A directory of components, each under the digest of its bytes.
//!
//! ```text
//! components/DIGEST.wasm    the bytes
//! metadata/DIGEST.json      what is known of them, with their signatures
//! names/NAME/VERSION        the digest that goes by this name and version
//! lock                      whoever writes has it
//! ```
//!
//! *Invariant:* readers need no lock. A file is complete from the moment it is seen, and a name
//! points to a component that was there before it. Nothing read here is believed: digests are
//! computed again, and signatures are checked against keys that the pipeline file trusts.

mod entry;
mod push;
mod reference;
mod sign;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;

pub use entry::{ColumnEntry, Declared, Entry, PortEntry, WorldEntry};
pub use push::{Pushed, PushedAs, write_whole};
pub use reference::{BY_DIGEST, Reference, Versions, is_digest};
pub use sign::{PublicKey, SecretKey, Signature, Signed};
pub use verify::{Finding, Verified};

use crate::error::{Error, Result};

/// Where the store is, unless the pipeline file or a command says otherwise.
pub const STORE_VARIABLE: &str = "MILLRACE_STORE";

/// A store; its directory need not be there before the first push.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store of this user: `$MILLRACE_STORE`, else `$XDG_DATA_HOME/millrace/plugins`, else
    /// `~/.local/share/millrace/plugins`. `None` where there is no home either.
    pub fn of_user() -> Option<Self> {
        let variable = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        if let Some(root) = variable(STORE_VARIABLE) {
            return Some(Self::at(root));
        }
        let data = variable("XDG_DATA_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/share")))?;
        Some(Self::at(data.join("millrace/plugins")))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory with the bytes.
    pub fn components(&self) -> PathBuf {
        self.root.join("components")
    }

    fn metadata(&self) -> PathBuf {
        self.root.join("metadata")
    }

    fn name(&self, name: &str) -> PathBuf {
        self.root.join("names").join(name)
    }

    /// Where the component with this digest is, if it is here.
    pub fn component(&self, digest: &str) -> PathBuf {
        self.components().join(format!("{digest}.wasm"))
    }

    fn entry_path(&self, digest: &str) -> PathBuf {
        self.metadata().join(format!("{digest}.json"))
    }

    /// What is known of a component. `None` if nothing is.
    ///
    /// # Errors
    /// If it can't be read, or makes no sense.
    pub fn entry(&self, digest: &str) -> Result<Option<Entry>> {
        let path = self.entry_path(digest);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        let damaged = |why: &str| {
            let message = format!(
                "{} is damaged: {why}. Pushing or pulling the component again mends it",
                path.display()
            );
            Error::corrupt(message)
        };
        let entry: Entry = serde_json::from_slice(&text).map_err(|e| damaged(&e.to_string()))?;
        if entry.format != entry::FORMAT {
            let message = format!(
                "{} is of form {}, which this Millrace does not know: use a newer one",
                path.display(),
                entry.format
            );
            return Err(Error::config(message));
        }
        if entry.digest != digest {
            return Err(damaged("it is about another component"));
        }
        Ok(Some(entry))
    }

    /// All names, with their versions and what goes by them.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn names(&self) -> Result<BTreeMap<String, BTreeMap<Version, String>>> {
        let names = list(&self.root.join("names"))?;
        let names = names.into_iter().filter(|name| reference::is_component_name(name));
        names.map(|name| Ok((name.clone(), self.versions(&name)?))).collect()
    }

    /// The versions that go by a name, with their digests; none if there is no such name.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn versions(&self, name: &str) -> Result<BTreeMap<Version, String>> {
        let mut versions = BTreeMap::new();
        if !reference::is_component_name(name) {
            return Ok(versions);
        }
        for file in list(&self.name(name))? {
            let Ok(version) = Version::parse(&file) else { continue };
            if let Some(digest) = self.pointer(name, &file)? {
                versions.insert(version, digest);
            }
        }
        Ok(versions)
    }

    /// The digest that goes by a name and version.
    fn pointer(&self, name: &str, version: &str) -> Result<Option<String>> {
        let path = self.name(name).join(version);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        let digest = String::from_utf8(text).ok().map(|text| text.trim_end().to_owned());
        digest.filter(|digest| is_digest(digest)).map(Some).ok_or_else(|| {
            let message = format!(
                "{} holds no digest: push or pull {name}@{version} again with --force",
                path.display()
            );
            Error::corrupt(message)
        })
    }

    /// The digests of all components, in order.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn digests(&self) -> Result<Vec<String>> {
        digests_in(&self.components())
    }
}

/// The digests of the components `DIGEST.wasm` in a directory, in order; none if it is missing.
///
/// # Errors
/// If the directory can't be read.
pub fn digests_in(directory: &Path) -> Result<Vec<String>> {
    let files = list(directory)?.into_iter();
    let digests = files.filter_map(|file| file.strip_suffix(".wasm").map(str::to_owned));
    Ok(digests.filter(|digest| is_digest(digest)).collect())
}

/// The names of the files and directories in `directory`, in order; none if it is missing.
fn list(directory: &Path) -> Result<Vec<String>> {
    let wrong = |e| Error::io("read", directory, e);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(wrong(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // What is not UTF-8 was not put here by a store.
        names.extend(entry.map_err(wrong)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}
