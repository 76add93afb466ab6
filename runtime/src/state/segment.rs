//! Files of state changes: one per task and epoch, written from start to end, then synced.
//!
//! A file is the bytes of [`Changes`] behind a header: `MRSTATE1` and the epoch, little-endian. The
//! checkpoint that refers to it has its length and checksum.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::changes::Changes;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::storage::Storage;

const MAGIC: &[u8; 8] = b"MRSTATE1";
const HEADER_BYTES: usize = 16;
/// How the names of segments end.
pub(super) const EXTENSION: &str = "changes";

/// Where state is kept within a checkpoint's directory.
pub fn state_directory(checkpoint: &Path) -> PathBuf {
    checkpoint.join("state")
}

/// A durable file of changes. Part of the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub epoch: Epoch,
    /// The file's name within the directory of state.
    pub name: String,
    pub bytes: u64,
    /// Of all of the file.
    pub crc32: u32,
}

impl Changes {
    /// Makes the changes durable, in the state's directory of the checkpoint in `directory`.
    /// `name` tells the files of an epoch apart. Nothing is written if nothing has changed.
    ///
    /// # Errors
    /// `Unavailable` if the disk does not do its work.
    pub fn seal(
        self,
        storage: &dyn Storage,
        directory: &Path,
        name: &str,
        epoch: Epoch,
    ) -> Result<Option<Segment>> {
        for sealed in &self.epochs {
            sealed.set(epoch);
        }
        if self.is_empty() {
            return Ok(None);
        }
        let directory = state_directory(directory);
        let name = format!("{:010}-{name}.{EXTENSION}", epoch.0);
        let path = directory.join(&name);
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..].copy_from_slice(&epoch.0.to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&header);
        checksum.update(&self.bytes);
        let write = || {
            let mut file = storage.create(&path)?;
            file.write_all(&header)?;
            file.write_all(&self.bytes)?;
            file.sync()?;
            storage.sync_dir(&directory)
        };
        write().map_err(|e| Error::io("write", &path, e))?;
        let bytes = (HEADER_BYTES + self.bytes.len()) as u64;
        Ok(Some(Segment { epoch, name, bytes, crc32: checksum.finalize() }))
    }
}

impl Segment {
    /// The bytes of the [`Changes`].
    ///
    /// # Errors
    /// `Corrupt` if the file is gone or not what was written.
    pub fn read(&self, storage: &dyn Storage, directory: &Path) -> Result<Vec<u8>> {
        let path = state_directory(directory).join(&self.name);
        let mut bytes = match storage.read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::corrupt(format!(
                    "{} is part of the checkpoint (epoch {}) and is gone",
                    path.display(),
                    self.epoch
                )));
            }
            read => read.map_err(|e| Error::io("read", &path, e))?,
        };
        let is_whole = bytes.len() as u64 == self.bytes && crc32fast::hash(&bytes) == self.crc32;
        if !is_whole || bytes.len() < HEADER_BYTES || bytes[..8] != *MAGIC {
            return Err(Error::corrupt(format!(
                "{} is part of the checkpoint (epoch {}) and is not what was written ({} bytes, \
                 {} expected)",
                path.display(),
                self.epoch,
                bytes.len(),
                self.bytes
            )));
        }
        bytes.drain(..HEADER_BYTES);
        Ok(bytes)
    }
}
