//! redb databases on our storage: the checkpoint's, and that of merged state.

use std::io;
use std::path::Path;

use redb::{Database, ReadableDatabase, StorageBackend, WriteTransaction};

use crate::error::{Error, Result};
use crate::storage::{RandomFile, Storage};

/// Opens the database `file` in `directory`, or makes it with what `fill` writes. It is made under
/// another name, as redb refuses a file of which only a part was made.
///
/// # Errors
/// `Corrupt` if it can't be read, `Unavailable` if the disk does not do its work.
pub fn open(
    storage: &dyn Storage,
    directory: &Path,
    file: &str,
    cache_bytes: usize,
    fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<Database> {
    let path = directory.join(file);
    let unfinished = directory.join(format!("{file}.new"));
    let exists = |path: &Path| storage.exists(path).map_err(|e| Error::io("look for", path, e));
    if exists(&unfinished)? {
        storage.remove(&unfinished).map_err(|e| Error::io("remove", &unfinished, e))?;
    }
    let is_new = !exists(&path)?;
    let at = if is_new { &unfinished } else { &path };
    let random = storage.open_random(at).map_err(|e| Error::io("open", at, e))?;
    let builder = &mut Database::builder();
    let database = builder.set_cache_size(cache_bytes).create_with_backend(Backend(random));
    let database = database.map_err(|e| broken(&path, e.into()))?;
    if is_new {
        write(&database, &path, fill)?;
        storage.rename(&unfinished, &path).map_err(|e| Error::io("make", &path, e))?;
    }
    let synced = storage.sync_dir(directory);
    synced.map_err(|e| Error::io("sync", directory, e))?;
    Ok(database)
}

/// Does `work` in a transaction that sees the last commit.
///
/// # Errors
/// As [`open`].
pub fn read<T>(
    database: &Database,
    path: &Path,
    work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
) -> Result<T> {
    let transaction = database.begin_read().map_err(redb::Error::from);
    transaction.and_then(|t| work(&t)).map_err(|e| broken(path, e))
}

/// Does `work` in a transaction and commits it.
///
/// # Errors
/// As [`open`]. Whether what was written is durable is then known only once the database was
/// opened again.
pub fn write(
    database: &Database,
    path: &Path,
    work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<()> {
    let write = || {
        let transaction = database.begin_write()?;
        work(&transaction)?;
        transaction.commit()?;
        Ok(())
    };
    write().map_err(|e| broken(path, e))
}

pub fn broken(path: &Path, error: redb::Error) -> Error {
    let message = format!("the checkpoint {} failed", path.display());
    match error {
        // What redb finds damaged comes as these kinds, and waiting would not mend it.
        redb::Error::Io(ref e)
            if [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof].contains(&e.kind()) =>
        {
            Error::corrupt(message).with(error)
        }
        redb::Error::Io(_) | redb::Error::PreviousIo => Error::unavailable(message).with(error),
        _ => Error::corrupt(message).with(error),
    }
}

pub fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, redb::Error> {
    serde_json::from_str(text).map_err(|e| redb::Error::Corrupted(e.to_string()))
}

pub fn to_json<T: serde::Serialize>(value: &T) -> Result<String, redb::Error> {
    serde_json::to_string(value).map_err(|e| redb::Error::Corrupted(e.to_string()))
}

/// redb on our storage, so that its writes and syncs can be made to fail in tests.
#[derive(Debug)]
struct Backend(Box<dyn RandomFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
