//! Compiled components on disk, by the digest of what they were compiled from.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{Error, Result};

const SUM_BYTES: usize = 32;
/// How WebAssembly begins.
const MAGIC: &[u8] = b"\0asm";

/// The digest by which a component is known: SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing into a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The compiled form of `bytes`, from the cache if it is there and intact.
///
/// # Errors
/// If `bytes` are not a component.
pub fn load(engine: &Engine, bytes: &[u8], digest: &str) -> Result<Component> {
    let path = cache_directory(engine).map(|dir| dir.join(format!("{digest}.cwasm")));
    if let Some(artifact) = path.as_deref().and_then(read_intact) {
        // SAFETY: the artifact is what `store` wrote: its checksum, kept in front of it, holds,
        // and the directory is named after this engine's version and settings.
        match unsafe { Component::deserialize(engine, &artifact) } {
            Ok(component) => return Ok(component),
            Err(error) => tracing::debug!(%error, "a cached artifact is of no use"),
        }
    }
    let wrong =
        |e: wasmtime::Error| Error::plugin("is not a component").with(e.into_boxed_dyn_error());
    let artifact = engine.precompile_component(bytes).map_err(|e| {
        if bytes.starts_with(MAGIC) {
            return wrong(e);
        }
        // It was read as WebAssembly's text form. The lines below the first show what is in it, and
        // whoever asked may not be allowed to read that.
        let why = e.root_cause().to_string();
        let why = why.lines().next().unwrap_or_default();
        Error::plugin(format!("is not a component: it is not WebAssembly ({why})"))
    })?;
    if let Some(path) = &path
        && let Err(error) = store(path, &artifact)
    {
        tracing::warn!(%error, path = %path.display(), "cannot cache a compiled plugin");
    }
    // SAFETY: the artifact was made a moment ago by this engine.
    unsafe { Component::deserialize(engine, &artifact) }.map_err(wrong)
}

/// `$XDG_CACHE_HOME/millrace/artifacts/ENGINE`; `None` where there is no home either.
fn cache_directory(engine: &Engine) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Some(caches()?.join("artifacts").join(format!("{:016x}", hasher.finish())))
}

/// `$XDG_CACHE_HOME/millrace`, for what can be made again; `None` where there is no home either.
pub fn caches() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(base.join("millrace"))
}

fn read_intact(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    if let Some((sum, artifact)) = bytes.split_at_checked(SUM_BYTES)
        && Sha256::digest(artifact).as_slice() == sum
    {
        return Some(artifact.to_vec());
    }
    tracing::warn!(path = %path.display(), "a cached artifact is damaged; compiling again");
    None
}

/// Written beside its place and moved there, so that no reader sees half of it.
fn store(path: &Path, artifact: &[u8]) -> std::io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&Sha256::digest(artifact))?;
    file.write_all(artifact)?;
    file.persist(path)?;
    Ok(())
}
