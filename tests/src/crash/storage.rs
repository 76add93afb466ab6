//! Storage that fails when it is told to.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace::storage::{AppendFile, RandomFile, Storage};

use super::disk::{Bytes, Disk, Inode, Loss, Names};

/// When storage fails. Every operation that changes the disk or makes a change durable is a step;
/// the first is number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This step and everything after it fails, reads too: the machine is gone.
    CrashAt(u64),
    /// From this step on the disk has no room, until so many operations have failed.
    FullAt { step: u64, failures: u32 },
}

/// A modelled disk, behind the interface by which the runtime writes. Clones share the disk.
#[derive(Debug, Clone)]
pub struct FaultyStorage {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    fault: Fault,
    steps: u64,
    failed: u32,
}

/// Whether a step needs room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Room,
    Nothing,
}

impl FaultyStorage {
    /// Starts from what is under `root`.
    pub fn new(root: &Path, fault: Fault) -> io::Result<Self> {
        let state = State { disk: Disk::load(root)?, fault, steps: 0, failed: 0 };
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// How many operations have failed.
    pub fn failed(&self) -> u32 {
        self.lock().failed
    }

    /// Makes the real tree what a restart would find.
    pub fn crash(&self, loss: Loss) -> io::Result<()> {
        self.lock().disk.crash(loss)
    }

    /// Makes the real tree what it is when nothing is lost.
    pub fn leave(&self) -> io::Result<()> {
        self.crash(Loss { names: Names::Kept, bytes: Bytes::Kept })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, needs: Needs) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.steps += 1;
        let error = match state.fault {
            Fault::CrashAt(step) => (state.steps >= step).then(|| io::Error::other("crashed")),
            Fault::FullAt { step, failures } => {
                let full = state.steps >= step && needs == Needs::Room && state.failed < failures;
                full.then(|| ErrorKind::StorageFull.into())
            }
        };
        match error {
            None => Ok(state),
            Some(error) => {
                state.failed += 1;
                Err(error)
            }
        }
    }

    fn look(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        match state.fault {
            Fault::CrashAt(step) if state.steps >= step => Err(io::Error::other("crashed")),
            Fault::CrashAt(_) | Fault::FullAt { .. } => Ok(state),
        }
    }
}

impl Storage for FaultyStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let inode = self.step(Needs::Room)?.disk.create(path)?;
        Ok(Box::new(Appended { storage: self.clone(), inode, len: 0 }))
    }

    fn open_random(&self, path: &Path) -> io::Result<Box<dyn RandomFile>> {
        let found = self.look()?.disk.find(path);
        let inode = match found {
            Some(inode) => inode,
            None => self.step(Needs::Room)?.disk.create(path)?,
        };
        Ok(Box::new(Random { storage: self.clone(), inode }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.look()?;
        let inode = state.disk.find(path).ok_or(ErrorKind::NotFound)?;
        Ok(state.disk.bytes(inode).to_vec())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?.disk.remove(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.look()?.disk.exists(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.look()?.disk.list(directory))
    }

    fn create_dir_all(&self, directory: &Path) -> io::Result<()> {
        self.step(Needs::Room)?.disk.create_dir_all(directory);
        // The checkpoint's lock is a real file, whatever the storage.
        std::fs::create_dir_all(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?.disk.sync_dir(directory)
    }
}

struct Appended {
    storage: FaultyStorage,
    inode: Inode,
    len: usize,
}

impl Write for Appended {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.storage.step(Needs::Room)?.disk.write(self.inode, self.len, data);
        self.len += data.len();
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AppendFile for Appended {
    fn sync(&mut self) -> io::Result<()> {
        self.storage.step(Needs::Room)?.disk.sync(self.inode);
        Ok(())
    }
}

#[derive(Debug)]
struct Random {
    storage: FaultyStorage,
    inode: Inode,
}

impl RandomFile for Random {
    fn len(&self) -> io::Result<u64> {
        Ok(self.storage.look()?.disk.bytes(self.inode).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.storage.look()?;
        let start = offset as usize;
        let bytes = state.disk.bytes(self.inode).get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.storage.step(Needs::Room)?.disk.write(self.inode, offset as usize, data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.storage.step(Needs::Room)?.disk.set_len(self.inode, len as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.storage.step(Needs::Room)?.disk.sync(self.inode);
        Ok(())
    }
}
