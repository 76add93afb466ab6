//! Writing into a store: whole files only, synced, one process at a time.

use std::fs::File;
use std::path::Path;

use super::entry::Entry;
use super::sign::{SecretKey, Signed};
use super::{Store, list};
use crate::error::{Error, Result};
use crate::plugin::artifact::digest;
use crate::storage::{Directories, LocalStorage, Storage, random_id};

/// What is being written begins so; what begins so while nobody writes was left by a crash.
const UNFINISHED: &str = ".unfinished-";

/// What became of a push.
#[derive(Debug)]
pub struct Pushed {
    pub entry: Entry,
    pub was: PushedAs,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PushedAs {
    New,
    /// The very component went by this name and version already.
    There,
    /// The component of this digest went by this name and version before.
    InPlaceOf(String),
}

impl Store {
    /// Puts a component here: its bytes, what it says of itself, signatures by others as far as
    /// they hold, and one by `key`.
    ///
    /// A crash leaves at worst a component that nobody knows by name; pushing again completes it.
    ///
    /// # Errors
    /// If another component goes by its name and version, unless `force` is set. If the disk does
    /// not do its work.
    pub fn push(
        &self,
        bytes: &[u8],
        mut entry: Entry,
        (others, key): (&[Signed], Option<&SecretKey>),
        force: bool,
    ) -> Result<Pushed> {
        let mut writer = Writer::new(self)?;
        let there = match self.pointer(&entry.name, &entry.version) {
            // What it pointed to can't be told any more.
            Err(_) if force => None,
            there => there?,
        };
        let was = match there {
            Some(digest) if digest == entry.digest => PushedAs::There,
            Some(digest) if force => PushedAs::InPlaceOf(digest),
            Some(digest) => return Err(taken(&entry, &digest)),
            None => PushedAs::New,
        };
        let mut signed = entry.signed();
        // What is damaged is written again, as far as it can be known.
        if let Ok(Some(old)) = self.entry(&entry.digest) {
            signed.adopt(&old.signed());
            entry.pushed_at = old.pushed_at;
        }
        for other in others {
            signed.adopt(other);
        }
        if let Some(key) = key {
            signed.sign(key);
        }
        entry.signatures = signed.signatures;
        let component = self.component(&entry.digest);
        let intact = std::fs::read(&component).is_ok_and(|there| digest(&there) == entry.digest);
        if !intact {
            writer.write(&component, bytes)?;
        }
        let mut json = serde_json::to_vec_pretty(&entry)
            .map_err(|e| Error::internal("cannot write what a component is").with(e))?;
        json.push(b'\n');
        writer.write(&self.entry_path(&entry.digest), &json)?;
        let pointer = self.name(&entry.name).join(&entry.version);
        writer.write(&pointer, format!("{}\n", entry.digest).as_bytes())?;
        Ok(Pushed { entry, was })
    }
}

fn taken(entry: &Entry, digest: &str) -> Error {
    let Entry { name, version, .. } = entry;
    let message = format!(
        "{name}@{version} is in the store already, as sha256:{digest}, and this component is \
         sha256:{}: raise its version, or put it in place of the other with --force",
        entry.digest
    );
    Error::config(message)
}

/// The one who writes into a store.
struct Writer {
    directories: Directories,
    _lock: File,
}

impl Writer {
    /// Waits until nobody else writes, and removes what a crash has left behind.
    fn new(store: &Store) -> Result<Self> {
        let mut directories = Directories::default();
        let root = store.root();
        let made = directories.make(&LocalStorage, root);
        made.map_err(|e| Error::io("make the directory", root, e))?;
        let path = root.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(|e| Error::io("lock", &path, e))?;
        let names = store.root().join("names");
        let named = list(&names)?.into_iter().map(|name| names.join(name));
        for directory in [store.components(), store.metadata()].into_iter().chain(named) {
            for file in list(&directory)?.iter().filter(|file| file.starts_with(UNFINISHED)) {
                let path = directory.join(file);
                std::fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            }
        }
        Ok(Self { directories, _lock: lock })
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        write_whole(&LocalStorage, &mut self.directories, path, bytes)
    }
}

/// Writes a file so that whoever looks sees it whole or not at all, also after a loss of power.
///
/// # Errors
/// If the disk does not do its work.
pub fn write_whole(
    storage: &dyn Storage,
    directories: &mut Directories,
    path: &Path,
    bytes: &[u8],
) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let unfinished = directory.join(format!("{UNFINISHED}{:016x}", random_id()));
    let written = (|| {
        directories.make(storage, directory)?;
        let mut file = storage.create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync()?;
        storage.rename(&unfinished, path)?;
        storage.sync_dir(directory)
    })();
    written.map_err(|e| {
        // It has no name that anybody looks for; a later push removes what is left.
        let _ = storage.remove(&unfinished);
        Error::io("write", path, e)
    })
}
