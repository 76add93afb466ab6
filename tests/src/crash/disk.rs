//! A disk that knows what a loss of power would leave of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What a crash does to what was written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    pub names: Names,
    pub bytes: Bytes,
}

/// Creations, renames and removals in directories that were not synced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Kept,
    Undone,
}

/// Bytes of files that were not synced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    Kept,
    Lost,
    /// The first half of the writes survives, of the last of them the first half of its bytes.
    Torn,
    /// Every other write survives: disks write in any order.
    Scattered,
}

impl Loss {
    /// Everything is kept when only the process dies; the other seven are losses of power.
    pub fn all() -> impl Iterator<Item = Self> {
        let names = [Names::Kept, Names::Undone];
        let bytes = [Bytes::Kept, Bytes::Lost, Bytes::Torn, Bytes::Scattered];
        names.into_iter().flat_map(move |names| bytes.map(|bytes| Self { names, bytes }))
    }
}

/// A file's content, whatever its names.
pub type Inode = usize;

/// A directory tree in memory, with what of it is durable.
#[derive(Debug, Default)]
pub struct Disk {
    root: PathBuf,
    contents: Vec<Content>,
    files: BTreeMap<PathBuf, Inode>,
    directories: BTreeSet<PathBuf>,
    durable_files: BTreeMap<PathBuf, Inode>,
    durable_directories: BTreeSet<PathBuf>,
    unsynced: Vec<NameChange>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Create { path: PathBuf, inode: Inode },
    Rename { from: PathBuf, to: PathBuf, inode: Inode },
    Remove { path: PathBuf },
    Directory { path: PathBuf },
}

impl Disk {
    /// The tree under `root` as it is; all of it is durable.
    pub fn load(root: &Path) -> io::Result<Self> {
        let mut disk = Self { root: root.to_owned(), ..Self::default() };
        disk.directories.extend(root.ancestors().map(Path::to_owned));
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let bytes = fs::read(&path)?;
                    let content = Content { synced: bytes.clone(), bytes, unsynced: Vec::new() };
                    disk.files.insert(path, disk.contents.len());
                    disk.contents.push(content);
                }
            }
            disk.directories.insert(directory);
        }
        disk.durable_files = disk.files.clone();
        disk.durable_directories = disk.directories.clone();
        Ok(disk)
    }

    /// Makes the real tree what a restart after a crash would find.
    pub fn crash(&self, loss: Loss) -> io::Result<()> {
        let (files, directories) = match loss.names {
            Names::Kept => (&self.files, &self.directories),
            Names::Undone => (&self.durable_files, &self.durable_directories),
        };
        let reachable = |path: &Path| {
            let above = path.ancestors().skip(1);
            above.take_while(|d| *d != self.root).all(|d| directories.contains(d))
        };
        fs::remove_dir_all(&self.root)?;
        fs::create_dir(&self.root)?;
        let within = directories.iter().filter(|path| path.starts_with(&self.root));
        for path in within.filter(|path| reachable(path)) {
            fs::create_dir_all(path)?;
        }
        for (path, inode) in files.iter().filter(|(path, _)| reachable(path)) {
            fs::write(path, self.contents[*inode].after(loss.bytes))?;
        }
        Ok(())
    }

    pub fn create(&mut self, path: &Path) -> io::Result<Inode> {
        if let Some(inode) = self.files.get(path) {
            let inode = *inode;
            self.set_len(inode, 0);
            return Ok(inode);
        }
        self.directory_of(path)?;
        let inode = self.contents.len();
        self.contents.push(Content::default());
        self.files.insert(path.to_owned(), inode);
        self.unsynced.push(NameChange::Create { path: path.to_owned(), inode });
        Ok(inode)
    }

    pub fn find(&self, path: &Path) -> Option<Inode> {
        self.files.get(path).copied()
    }

    pub fn bytes(&self, inode: Inode) -> &[u8] {
        &self.contents[inode].bytes
    }

    pub fn write(&mut self, inode: Inode, offset: usize, data: &[u8]) {
        let change = Change::Write { offset, data: data.to_vec() };
        let content = &mut self.contents[inode];
        change.apply(&mut content.bytes);
        content.unsynced.push(change);
    }

    pub fn set_len(&mut self, inode: Inode, len: usize) {
        let change = Change::SetLen(len);
        let content = &mut self.contents[inode];
        change.apply(&mut content.bytes);
        content.unsynced.push(change);
    }

    pub fn sync(&mut self, inode: Inode) {
        let content = &mut self.contents[inode];
        for change in content.unsynced.drain(..) {
            change.apply(&mut content.synced);
        }
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.directory_of(to)?;
        let inode = self.files.remove(from).ok_or(ErrorKind::NotFound)?;
        self.files.insert(to.to_owned(), inode);
        let change = NameChange::Rename { from: from.to_owned(), to: to.to_owned(), inode };
        self.unsynced.push(change);
        Ok(())
    }

    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.files.remove(path).ok_or(ErrorKind::NotFound)?;
        self.unsynced.push(NameChange::Remove { path: path.to_owned() });
        Ok(())
    }

    pub fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.directories.contains(path)
    }

    pub fn list(&self, directory: &Path) -> Vec<PathBuf> {
        self.files.keys().filter(|path| path.parent() == Some(directory)).cloned().collect()
    }

    pub fn create_dir_all(&mut self, directory: &Path) {
        let mut missing: Vec<&Path> =
            directory.ancestors().take_while(|path| !self.directories.contains(*path)).collect();
        while let Some(path) = missing.pop() {
            self.directories.insert(path.to_owned());
            self.unsynced.push(NameChange::Directory { path: path.to_owned() });
        }
    }

    pub fn sync_dir(&mut self, directory: &Path) -> io::Result<()> {
        if !self.directories.contains(directory) {
            return Err(ErrorKind::NotFound.into());
        }
        let is_here = |change: &mut NameChange| change.path().parent() == Some(directory);
        let now_durable: Vec<NameChange> = self.unsynced.extract_if(.., is_here).collect();
        for change in now_durable {
            match change {
                NameChange::Create { path, inode } => {
                    self.durable_files.insert(path, inode);
                }
                NameChange::Rename { from, to, inode } => {
                    self.durable_files.remove(&from);
                    self.durable_files.insert(to, inode);
                }
                NameChange::Remove { path } => {
                    self.durable_files.remove(&path);
                }
                NameChange::Directory { path } => {
                    self.durable_directories.insert(path);
                }
            }
        }
        Ok(())
    }

    fn directory_of(&self, path: &Path) -> io::Result<()> {
        let exists = path.parent().is_some_and(|parent| self.directories.contains(parent));
        exists.then_some(()).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl NameChange {
    /// The path whose directory must be synced for this to be durable. A rename is one atomic
    /// change, of which the target's directory decides.
    fn path(&self) -> &Path {
        match self {
            Self::Create { path, .. } | Self::Remove { path } | Self::Directory { path } => path,
            Self::Rename { to, .. } => to,
        }
    }
}

impl Content {
    fn after(&self, loss: Bytes) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        match loss {
            Bytes::Kept => return self.bytes.clone(),
            Bytes::Lost => {}
            Bytes::Torn => {
                let half = self.unsynced.len().div_ceil(2);
                for (at, change) in self.unsynced[..half].iter().enumerate() {
                    match change {
                        Change::Write { offset, data } if at + 1 == half => {
                            let data = data[..data.len() / 2].to_vec();
                            Change::Write { offset: *offset, data }.apply(&mut bytes);
                        }
                        whole => whole.apply(&mut bytes),
                    }
                }
            }
            Bytes::Scattered => {
                for change in self.unsynced.iter().skip(1).step_by(2) {
                    change.apply(&mut bytes);
                }
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }
}
