//! Durable files: everything that checkpoints and file sinks write goes through here, so that a
//! test can make the n-th write, sync or rename fail.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file that is written from start to end and then synced.
pub trait AppendFile: Write + Send {
    /// Returns once everything written survives a loss of power.
    ///
    /// # Errors
    /// Then nothing may be assumed of the file's content.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is read and written anywhere: the checkpoint's database.
#[allow(clippy::len_without_is_empty, reason = "it mirrors what redb asks of a file")]
pub trait RandomFile: Send + Sync + std::fmt::Debug {
    fn len(&self) -> io::Result<u64>;
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// The file system as far as durability needs it. Called from several threads.
pub trait Storage: Send + Sync {
    /// A new, empty file; an old one of that name is gone. Durable only after `sync_dir` of its
    /// directory.
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;
    /// The file, made if it is missing.
    fn open_random(&self, path: &Path) -> io::Result<Box<dyn RandomFile>>;
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Atomic; durable only after `sync_dir` of the target's directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// The files of a directory, none if it is missing.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Durable only after `sync_dir` of the parent: see [`Directories`].
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// So many directories are remembered as durable; at one more, all are looked at again.
const DIRECTORIES_MAX: usize = 1 << 16;

/// Makes directories so that they survive a loss of power, each only once.
#[derive(Debug, Default)]
pub struct Directories {
    durable: BTreeSet<PathBuf>,
}

impl Directories {
    /// Makes `directory` and what is missing above it. A directory is an entry in its parent, and
    /// gone with all that it holds if the parent was not synced.
    pub fn make(&mut self, storage: &dyn Storage, directory: &Path) -> io::Result<()> {
        if self.durable.contains(directory) && storage.exists(directory)? {
            return Ok(());
        }
        let mut missing = Vec::new();
        let mut at = directory;
        while !storage.exists(at)? {
            missing.push(at);
            match parent(at) {
                Some(above) => at = above,
                None => break,
            }
        }
        // One that exists may have been made by a run that did not live to sync its parent.
        if let Some(above) = parent(at) {
            match storage.sync_dir(above) {
                // Where not even the names may be read, this program has made nothing.
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
        for path in missing.into_iter().rev() {
            storage.create_dir_all(path)?;
            if let Some(above) = parent(path) {
                storage.sync_dir(above)?;
            }
        }
        if self.durable.len() >= DIRECTORIES_MAX {
            self.durable.clear();
        }
        self.durable.insert(directory.to_owned());
        Ok(())
    }
}

fn parent(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalStorage;

impl AppendFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl RandomFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Storage for LocalStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn open_random(&self, path: &Path) -> io::Result<Box<dyn RandomFile>> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(dir) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// A number that no other checkpoint or process has: from the system's randomness, by way of the
/// standard library's hash keys.
pub fn random_id() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
