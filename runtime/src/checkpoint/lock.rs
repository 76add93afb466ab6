//! Who may write a checkpoint: one process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Directories, Storage};

const FILE: &str = "lock";
/// How long a lock is tried to get.
const TRIES: usize = 20;
const WAIT: Duration = Duration::from_millis(10);

/// A second process is refused until all clones are gone.
#[derive(Debug, Clone)]
pub struct Lock {
    _file: Arc<File>,
}

impl Lock {
    /// Makes the directory of a checkpoint, and locks it.
    ///
    /// # Errors
    /// `Fenced` if another process has it, `Unavailable` if the disk does not do its work.
    pub fn take(directory: &Path, storage: &dyn Storage) -> Result<Self> {
        let made = Directories::default().make(storage, directory);
        made.map_err(|e| Error::io("make the directory", directory, e))?;
        let path = directory.join(FILE);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::io("open", &path, e))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                // A process that was just started has all files of its parent for a moment.
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(WAIT);
                }
                Ok(()) => return Ok(Self { _file: Arc::new(file) }),
                Err(TryLockError::WouldBlock) => return Err(fenced(&path)),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
            }
        }
    }

    /// Whether a process has the checkpoint in `directory`.
    pub fn is_taken(directory: &Path) -> bool {
        let file = File::options().write(true).open(directory.join(FILE));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

fn fenced(lock: &Path) -> Error {
    let message = format!(
        "another process runs this pipeline: it has {} locked. Stop it first",
        lock.display()
    );
    Error::new(ErrorKind::Fenced, message)
}
