//! Components by what a pipeline or a command calls them, and by their digest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::artifact::digest;
use super::catalog::{PATH_VARIABLE, PluginHost};
use super::loaded::Loaded;
use super::store::{Reference, STORE_VARIABLE, Signed, Versions, digests_in, is_digest};
use super::trust::AskedAs;
use crate::diagnostic::suggest;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Directories, Storage};

/// Where there are more versions or digests than these, the others are not listed.
const LISTED_MAX: usize = 8;
/// A component of Python has some 40 MB.
const COMPONENT_BYTES_MAX: u64 = 512 << 20;
const BUILD: &str = "build it with `millrace plugin build`";

/// Why a component can't be had, and what to do.
pub type NotFound = (String, String);

/// Where a component is, and as what it was asked for.
struct Located {
    path: PathBuf,
    asked: Option<AskedAs>,
}

impl PluginHost {
    /// Where the component is that is called `plugin`: a path, `NAME`, `NAME@VERSION` or
    /// `sha256:DIGEST`. A bare name means the plugin path, then the highest version in the store.
    /// Where signatures are demanded, it has one.
    ///
    /// # Errors
    /// What was looked for, where, and what is near.
    pub fn find(&self, plugin: &str) -> Result<PathBuf, NotFound> {
        let located = self.locate(plugin)?;
        if self.trust.is_some() {
            self.read(plugin, &located)?;
        }
        Ok(located.path)
    }

    /// The component that is called `plugin`, compiled and checked.
    ///
    /// # Errors
    /// As [`find`](Self::find), or why it can't be loaded.
    pub fn resolve(&self, plugin: &str) -> Result<Arc<Loaded>, NotFound> {
        // Of what was loaded, the file may be gone.
        if let Ok(Reference::Digest(digest)) = Reference::parse(plugin)
            && let Ok(loaded) = self.planned(&digest)
        {
            return Ok(loaded);
        }
        let located = self.locate(plugin)?;
        let (bytes, digest) = self.read(plugin, &located)?;
        self.load_bytes(&located.path, &bytes, &digest).map_err(|e| (e.to_string(), remedy(&e)))
    }

    /// The component with this digest, compiled and checked.
    ///
    /// # Errors
    /// As [`component_bytes`](Self::component_bytes), or if it can't be loaded.
    pub fn load_digest(&self, digest: &str) -> Result<Arc<Loaded>> {
        match self.planned(digest) {
            Ok(loaded) => Ok(loaded),
            Err(_) => self.load(&self.component_path(digest)?),
        }
    }

    /// Lets components be found by their digests in `directory` too, as `DIGEST.wasm`.
    pub fn look_in(&self, directory: &Path) {
        let mut more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        if !more.iter().any(|known| known == directory) {
            more.push(directory.to_owned());
        }
    }

    /// Where the component with this digest is: where it was loaded from, in the store, or where
    /// [`look_in`](Self::look_in) said. What lies there has this digest.
    ///
    /// # Errors
    /// As [`component_bytes`](Self::component_bytes).
    pub fn component_path(&self, digest: &str) -> Result<PathBuf> {
        self.intact(digest).map(|(path, _)| path)
    }

    /// The bytes of the component with this digest.
    ///
    /// # Errors
    /// If it is nowhere, or what is there has other bytes.
    pub fn component_bytes(&self, digest: &str) -> Result<Vec<u8>> {
        match self.planned(digest) {
            Ok(loaded) => Ok(loaded.component.to_vec()),
            Err(_) => self.intact(digest).map(|(_, bytes)| bytes),
        }
    }

    /// Copies the component with this digest, and its signatures, into `directory`, from where
    /// [`look_in`](Self::look_in) finds it. Durable when this returns.
    ///
    /// # Errors
    /// As [`component_bytes`](Self::component_bytes), and if the disk does not do its work.
    pub fn keep(&self, digest: &str, directory: &Path, storage: &dyn Storage) -> Result<PathBuf> {
        let to = directory.join(format!("{digest}.wasm"));
        if std::fs::read(&to).is_ok_and(|there| super::artifact::digest(&there) == digest) {
            return Ok(to);
        }
        let bytes = self.component_bytes(digest)?;
        let from = self
            .planned(digest)
            .map(|loaded| loaded.path.clone())
            .or_else(|_| self.component_path(digest))?;
        let mut directories = Directories::default();
        let (statements, _) = self.statements(&from, digest);
        if let Some(signed) = Signed::merged(statements.into_iter().filter(|s| s.digest == digest))
        {
            let path = Signed::beside(&to);
            super::store::write_whole(storage, &mut directories, &path, &signed.to_json())?;
        }
        super::store::write_whole(storage, &mut directories, &to, &bytes)?;
        Ok(to)
    }

    /// The bytes and the digest of what was located, if it may be used.
    fn read(&self, plugin: &str, located: &Located) -> Result<(Vec<u8>, String), NotFound> {
        let path = &located.path;
        let bytes = read_component(path).map_err(|e| (e.to_string(), remedy(&e)))?;
        let digest = digest(&bytes);
        is_named_after(path, &digest).map_err(|e| (e.to_string(), remedy(&e)))?;
        self.vouched(plugin, path, &digest, located.asked.as_ref())?;
        Ok((bytes, digest))
    }

    /// Checks that the component at `path` is signed, where that is demanded.
    pub(super) fn vouched(
        &self,
        plugin: &str,
        path: &Path,
        digest: &str,
        asked: Option<&AskedAs>,
    ) -> Result<(), NotFound> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let (statements, problems) = self.statements(path, digest);
        trust.check(&statements, digest, asked).map_err(|why| {
            let why = [vec![why], problems].concat().join("; ");
            let message = format!("plugin `{plugin}` is not signed by a trusted key: {why}");
            let help = format!(
                "sign it with `millrace plugin push {} --sign KEYFILE`, or add to `trusted_keys` \
                 the key of whom you trust with it",
                path.display()
            );
            (message, help)
        })
    }

    /// All statements about a component, and why others can't be read.
    fn statements(&self, path: &Path, digest: &str) -> (Vec<Signed>, Vec<String>) {
        let (mut statements, mut problems) = (Vec::new(), Vec::new());
        let kept = self.digest_directories().into_iter();
        let kept = kept.map(|directory| directory.join(format!("{digest}.wasm")));
        let places: BTreeSet<PathBuf> = kept.chain([path.to_owned()]).collect();
        for path in places {
            match Signed::read_beside(&path) {
                Ok(signed) => statements.extend(signed),
                Err(e) => problems.push(e.to_string()),
            }
        }
        match self.store.as_ref().map(|store| store.entry(digest)) {
            Some(Ok(entry)) => statements.extend(entry.map(|entry| entry.signed())),
            Some(Err(e)) => problems.push(e.to_string()),
            None => {}
        }
        (statements, problems)
    }

    fn locate(&self, plugin: &str) -> Result<Located, NotFound> {
        match Reference::parse(plugin)? {
            Reference::Path => self.by_path(plugin),
            Reference::Digest(prefix) => self.by_digest(&prefix),
            Reference::Named(name, Versions::Any) => self.by_name(&name),
            Reference::Named(name, versions) => self.in_store(&name, &versions)?.ok_or_else(|| {
                let (_, store) = self.places();
                let message = format!("there is no plugin `{name}` in {store}");
                let unversioned = self.in_path(&name).map(|path| {
                    let path = path.display();
                    format!(
                        "{path} is in the plugin path, which knows no versions: write `{name}`, or \
                         `millrace plugin push {path}`"
                    )
                });
                (message, unversioned.unwrap_or_else(|| self.near(&name)))
            }),
        }
    }

    fn by_path(&self, plugin: &str) -> Result<Located, NotFound> {
        let path = self.directory.join(plugin);
        if path.is_file() {
            return Ok(Located { path, asked: None });
        }
        let message = format!("there is no component {}", path.display());
        Err((message, format!("the path starts at the pipeline file; {BUILD}")))
    }

    fn by_name(&self, name: &str) -> Result<Located, NotFound> {
        if let Some(path) = self.in_path(name) {
            let asked = AskedAs { name: name.to_owned(), version: None };
            return Ok(Located { path, asked: Some(asked) });
        }
        self.in_store(name, &Versions::Any)?.ok_or_else(|| {
            let (path, store) = self.places();
            let message = format!("there is no plugin `{name}` in {path}, nor in {store}");
            (message, self.near(name))
        })
    }

    fn in_path(&self, name: &str) -> Option<PathBuf> {
        let candidates = self.path.iter().map(|dir| dir.join(format!("{name}.wasm")));
        candidates.into_iter().find(|path| path.is_file())
    }

    /// The highest version of `name` that will do. `None` if the store has no such name.
    fn in_store(&self, name: &str, versions: &Versions) -> Result<Option<Located>, NotFound> {
        let Some(store) = &self.store else { return Ok(None) };
        let there = store.versions(name).map_err(|e| (e.to_string(), remedy(&e)))?;
        if there.is_empty() {
            return Ok(None);
        }
        if let Some((version, digest)) = there.iter().rev().find(|(v, _)| versions.admit(v)) {
            let version = Some(version.to_string());
            let asked = AskedAs { name: name.to_owned(), version };
            return Ok(Some(Located { path: store.component(digest), asked: Some(asked) }));
        }
        let listed = there.keys().rev().take(LISTED_MAX).map(ToString::to_string);
        let message = format!(
            "the store {} has no {} of `{name}`",
            store.root().display(),
            versions.wanted()
        );
        let help = format!("it has {}", listed.collect::<Vec<_>>().join(", "));
        Err((message, help))
    }

    fn by_digest(&self, prefix: &str) -> Result<Located, NotFound> {
        let directories = self.digest_directories();
        let mut there: BTreeSet<String> = BTreeSet::new();
        for directory in &directories {
            there.extend(digests_in(directory).map_err(|e| (e.to_string(), remedy(&e)))?);
        }
        let fits: Vec<&String> = there.iter().filter(|d| d.starts_with(prefix)).collect();
        match fits[..] {
            [digest] => {
                let path = self.component_path(digest).map_err(|e| (e.to_string(), remedy(&e)))?;
                Ok(Located { path, asked: None })
            }
            [] => {
                let places: Vec<_> = directories.iter().map(|d| d.display().to_string()).collect();
                let place = match &places[..] {
                    [] => format!("any store: set {STORE_VARIABLE}"),
                    places => places.join(", "),
                };
                let message = format!("there is no component sha256:{prefix} in {place}");
                let near = suggest(prefix, there.iter().map(|digest| &digest[..prefix.len()]));
                let help = near.unwrap_or_else(|| {
                    "fetch it with `millrace plugin pull DIGEST --from STORE`, or push it"
                        .to_owned()
                });
                Err((message, help))
            }
            _ => {
                let message = format!("sha256:{prefix} begins the digests of several components");
                let listed = fits.iter().take(LISTED_MAX).map(|digest| format!("sha256:{digest}"));
                let help = format!("write more of it: {}", listed.collect::<Vec<_>>().join(", "));
                Err((message, help))
            }
        }
    }

    /// The directories with components by their digests.
    fn digest_directories(&self) -> Vec<PathBuf> {
        let more = self.more.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.store.iter().map(|store| store.components()).chain(more).collect()
    }

    fn intact(&self, expected: &str) -> Result<(PathBuf, Vec<u8>)> {
        let loaded = self.planned(expected).ok().map(|loaded| loaded.path.clone());
        let kept = self.digest_directories();
        let kept = kept.into_iter().map(|dir| dir.join(format!("{expected}.wasm")));
        let candidates: Vec<PathBuf> = loaded.into_iter().chain(kept).collect();
        let mut changed = None;
        for path in &candidates {
            match std::fs::read(path) {
                Ok(bytes) if digest(&bytes) == expected => return Ok((path.clone(), bytes)),
                Ok(_) => changed = Some(path),
                Err(_) => {}
            }
        }
        if let Some(path) = changed {
            let message = format!(
                "{} is no longer the component sha256:{expected}: put it back, push it or pull it",
                path.display()
            );
            return Err(Error::corrupt(message));
        }
        let places: Vec<String> = candidates.iter().map(|p| p.display().to_string()).collect();
        let message = format!(
            "there is no component sha256:{expected}: it was looked for as {}. Push it or pull it",
            places.join(", ")
        );
        Err(Error::config(message))
    }

    /// The plugin path and the store, for people.
    fn places(&self) -> (String, String) {
        let path: Vec<String> = self.path.iter().map(|p| p.display().to_string()).collect();
        let path =
            if path.is_empty() { "an empty plugin path".to_owned() } else { path.join(", ") };
        let store = match &self.store {
            Some(store) => format!("the store {}", store.root().display()),
            None => format!("any store: set {STORE_VARIABLE}"),
        };
        (path, store)
    }

    /// A name that is like `name`, or where to put what is missing.
    fn near(&self, name: &str) -> String {
        let entries = self.path.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten();
        let mut there: BTreeSet<String> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_wasm = path.extension().is_some_and(|e| e == "wasm");
                is_wasm.then(|| path.file_stem()?.to_str().map(str::to_owned))?
            })
            .collect();
        let stored = self.store.as_ref().and_then(|store| store.names().ok());
        there.extend(stored.into_iter().flatten().map(|(name, _)| name));
        suggest(name, there.iter().map(String::as_str)).unwrap_or_else(|| {
            format!(
                "add its directory to `plugin_path` or {PATH_VARIABLE}, put it into the store with \
                 `millrace plugin push`, or {BUILD}"
            )
        })
    }
}

/// The bytes of the component at `path`.
///
/// # Errors
/// If they can't be read, or are more than any component has.
pub(super) fn read_component(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
    if bytes > COMPONENT_BYTES_MAX {
        let text = format!("{} cannot be loaded: it has {bytes} bytes", path.display());
        return Err(Error::plugin(format!("{text}, and {COMPONENT_BYTES_MAX} are allowed")));
    }
    std::fs::read(path).map_err(|e| Error::io("read", path, e))
}

/// A component whose file is called after its digest must have it.
pub(super) fn is_named_after(path: &Path, digest: &str) -> Result<()> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !is_digest(stem) || stem == digest {
        return Ok(());
    }
    let message = format!("{} is damaged: its bytes have the digest {digest}", path.display());
    Err(Error::corrupt(message))
}

fn remedy(error: &Error) -> String {
    match error.kind {
        ErrorKind::Corrupt => "push it or pull it again, which mends the store",
        ErrorKind::Unavailable => "try again later",
        ErrorKind::Config | ErrorKind::Plugin | ErrorKind::Fenced | ErrorKind::Internal => BUILD,
    }
    .to_owned()
}
