//! The base: state that was merged, in a redb database beside the segments.
//!
//! A key is the step's id (4 bytes, big-endian), the key group and the key; a value is a checksum
//! of both (4 bytes, little-endian), whether it expires (1 byte), when (8 bytes, if so) and the
//! value. *Invariant:* nothing is here that was not committed.

mod counts;
mod reader;
mod savepoints;
mod writer;

pub(super) use reader::Reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::key::{Key, NEVER};
use super::segment::state_directory;
use crate::database;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::storage::Storage;
use counts::Counts;

const FILE: &str = "base.redb";
const FORMAT: u64 = 1;

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// A step's name to what is known of it, as JSON.
const STEPS: TableDefinition<&str, &str> = TableDefinition::new("steps");
const STATE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("state");
/// An epoch to the savepoint of the base as it was when all up to it was merged.
const SAVEPOINTS: TableDefinition<u64, u64> = TableDefinition::new("savepoints");

/// A database that only the merger writes.
pub(super) struct Base {
    path: PathBuf,
    database: Database,
    published: Mutex<Published>,
    /// Counts the commits, so that readers know when what they see is old.
    version: AtomicU64,
    /// Where the search for expired entries goes on.
    sweep: Mutex<Vec<u8>>,
}

/// What the last commit has made of the base.
#[derive(Debug, Default, Clone)]
struct Published {
    owner: u64,
    /// All up to this epoch is in the base.
    merged: Epoch,
    /// Nothing after this epoch is.
    reached: Epoch,
    /// The epochs as of which there are savepoints.
    savepoints: Vec<Epoch>,
    steps: BTreeMap<String, Arc<StepBase>>,
}

/// What is known of a step in the base.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StepBase {
    id: u32,
    /// Whether any of its entries ever had an end.
    pub expiring: bool,
    /// How far its time had come, by key group.
    pub nows: Vec<i64>,
    counts: Counts,
}

impl Base {
    /// Opens the base of the checkpoint in `directory`, or makes it. `owner` is the checkpoint.
    ///
    /// # Errors
    /// `Corrupt` if it can't be read, `Unavailable` if the disk does not do its work.
    pub fn open(
        directory: &Path,
        storage: &dyn Storage,
        owner: u64,
        cache_bytes: usize,
    ) -> Result<Self> {
        let directory = state_directory(directory);
        let path = directory.join(FILE);
        let database = database::open(storage, &directory, FILE, cache_bytes, |transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert("format", FORMAT)?;
            meta.insert("owner", owner)?;
            meta.insert("merged", 0)?;
            transaction.open_table(STEPS)?;
            transaction.open_table(STATE)?;
            transaction.open_table(SAVEPOINTS)?;
            Ok(())
        })?;
        let published = read_published(&database, &path)?;
        if published.owner != owner {
            return Err(Error::corrupt(format!(
                "{} belongs to another checkpoint than what is beside it: restore the whole \
                 directory from one backup",
                path.display()
            )));
        }
        Ok(Self {
            path,
            database,
            published: Mutex::new(published),
            version: AtomicU64::new(1),
            sweep: Mutex::new(Vec::new()),
        })
    }

    /// All epochs up to this one are in the base.
    pub fn merged(&self) -> Epoch {
        self.published().merged
    }

    pub fn step(&self, step: &str) -> Option<Arc<StepBase>> {
        self.published().steps.get(step).cloned()
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, new: Published) {
        let mut published = self.published();
        *published = new;
        // While the lock is held: who sees what was merged must not read an older version.
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn broken(&self, error: impl Into<redb::Error>) -> Error {
        database::broken(&self.path, error.into())
    }

    fn damaged(&self) -> Error {
        Error::corrupt(format!(
            "an entry in {} is not what was written: restore the checkpoint's directory from a \
             backup, or start with a new checkpoint and a new output",
            self.path.display()
        ))
    }
}

impl std::fmt::Debug for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

fn read_published(database: &Database, path: &Path) -> Result<Published> {
    let (format, published) = database::read(database, path, |transaction| {
        let meta = transaction.open_table(META)?;
        let number = |key| Ok::<_, redb::Error>(meta.get(key)?.map_or(0, |n| n.value()));
        let merged = Epoch(number("merged")?);
        let reached = merged.max(Epoch(number("merging")?));
        let owner = number("owner")?;
        let mut published = Published { owner, merged, reached, ..Published::default() };
        for entry in transaction.open_table(SAVEPOINTS)?.iter()? {
            published.savepoints.push(Epoch(entry?.0.value()));
        }
        for entry in transaction.open_table(STEPS)?.iter()? {
            let (name, step) = entry?;
            let step: StepBase = database::json(step.value())?;
            published.steps.insert(name.value().to_owned(), Arc::new(step));
        }
        Ok((number("format")?, published))
    })?;
    if format != FORMAT {
        return Err(Error::config(format!(
            "{} has format {format}, this Millrace reads {FORMAT}",
            path.display()
        )));
    }
    Ok(published)
}

/// The start of the keys of a step and group.
fn start(step: u32, group: u8) -> Vec<u8> {
    let mut start = step.to_be_bytes().to_vec();
    start.push(group);
    start
}

fn whole_key(step: u32, key: Key, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&step.to_be_bytes());
    out.push(key.group);
    out.extend_from_slice(key.bytes);
}

/// The first key behind all that begin with `prefix`; `None` if there can't be one.
fn behind(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < 0xff {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

fn encode_value(key: &[u8], value: &[u8], expires: i64, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; 4]);
    match expires {
        NEVER => out.push(0),
        _ => {
            out.push(1);
            out.extend_from_slice(&expires.to_le_bytes());
        }
    }
    out.extend_from_slice(value);
    let checksum = checksum(key, &out[4..]);
    out[..4].copy_from_slice(&checksum);
}

/// A value and when it expires; `None` if it is damaged.
fn decode_value<'a>(key: &[u8], stored: &'a [u8]) -> Option<(&'a [u8], i64)> {
    let (expected, rest) = stored.split_first_chunk::<4>()?;
    if checksum(key, rest) != *expected {
        return None;
    }
    match rest.split_first()? {
        (0, value) => Some((value, NEVER)),
        (_, rest) => {
            let (expires, value) = rest.split_first_chunk::<8>()?;
            Some((value, i64::from_le_bytes(*expires)))
        }
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_le_bytes()
}
