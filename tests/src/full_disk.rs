//! A disk that gets full.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace::storage::{AppendFile, LocalStorage, RandomFile, Storage};

/// The local disk. While it is full, nothing fits below its directory: not a new file, nor another
/// byte of one that is there.
#[derive(Clone)]
pub struct FullDisk {
    directory: PathBuf,
    full: Arc<AtomicBool>,
}

impl FullDisk {
    /// A disk that is full below `directory`.
    pub fn below(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), full: Arc::new(AtomicBool::new(true)) }
    }

    pub fn fill(&self) {
        self.full.store(true, Ordering::Release);
    }

    pub fn make_room(&self) {
        self.full.store(false, Ordering::Release);
    }

    fn room(&self) -> io::Result<()> {
        match self.full.load(Ordering::Acquire) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

struct Part(Box<dyn AppendFile>, FullDisk);

impl Write for Part {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.1.room()?;
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl AppendFile for Part {
    fn sync(&mut self) -> io::Result<()> {
        self.1.room()?;
        self.0.sync()
    }
}

impl Storage for FullDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        if !path.starts_with(&self.directory) {
            return LocalStorage.create(path);
        }
        self.room()?;
        Ok(Box::new(Part(LocalStorage.create(path)?, self.clone())))
    }

    fn open_random(&self, path: &Path) -> io::Result<Box<dyn RandomFile>> {
        LocalStorage.open_random(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        LocalStorage.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        LocalStorage.remove(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        LocalStorage.exists(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        LocalStorage.list(directory)
    }

    fn create_dir_all(&self, directory: &Path) -> io::Result<()> {
        LocalStorage.create_dir_all(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        LocalStorage.sync_dir(directory)
    }
}
