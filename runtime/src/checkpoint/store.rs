//! The checkpoint on disk: one redb database. *Invariant:* one transaction per epoch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableTable};

use super::commit::{
    CLOCKS, Clock, Clocks, Commit, HISTORY, META, POSITIONS, SEGMENTS, STAGED, SWAPS, WATERMARKS,
};
use super::history::{self, EpochRecord};
use super::lock::Lock;
use crate::database::{self, json, to_json};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::plan::Shapes;
use crate::sink::{Published, Staged};
use crate::source::{Position, Positions};
use crate::state::{CommittedState, Segment};
use crate::storage::{Storage, random_id};
use crate::swap::{Deployed, SwapRecord};

const FILE: &str = "checkpoint.redb";
const FORMAT: &str = "3";
const CACHE_BYTES: usize = 16 << 20;

/// A checkpoint that only this process writes.
pub struct Store {
    path: PathBuf,
    database: Database,
    _lock: Lock,
}

/// What a checkpoint holds.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Names this checkpoint's files.
    pub id: String,
    /// The highest epoch that was ever committed.
    pub epoch: Epoch,
    /// The epoch as of which everything is here: an earlier one after a rewind.
    pub state_epoch: Epoch,
    /// The epochs that are remembered, with what they have done, in their order.
    pub history: BTreeMap<Epoch, EpochRecord>,
    /// Segments up to this epoch are forgotten.
    pub forgotten: Epoch,
    pub positions: BTreeMap<String, Positions>,
    /// By step.
    pub clocks: BTreeMap<String, Clocks>,
    /// By step.
    pub watermarks: BTreeMap<String, i64>,
    /// State changes that may not have been merged, in the order of their epochs.
    pub segments: Vec<Segment>,
    /// Output that may not have been published.
    pub staged: BTreeMap<Epoch, Vec<Staged>>,
    pub digests: BTreeMap<String, String>,
    pub deployed: Deployed,
    pub shapes: Shapes,
    /// What the user should know of how this was recovered.
    pub warnings: Vec<String>,
}

impl Recovered {
    /// What of it the state is opened with.
    pub fn state(&self) -> CommittedState {
        CommittedState {
            owner: u64::from_str_radix(&self.id, 16).unwrap_or_default(),
            epoch: self.state_epoch,
            kept: self.history.keys().copied().collect(),
            forgotten: self.forgotten,
            segments: self.segments.clone(),
        }
    }
}

impl Store {
    /// Opens or makes the checkpoint of `pipeline` in `directory`.
    ///
    /// # Errors
    /// `Config` if it belongs to another pipeline, `Fenced` if another process has it, `Corrupt`
    /// if it can't be read, `Unavailable` if the disk does not do its work.
    pub fn open(directory: &Path, pipeline: &str, storage: &dyn Storage) -> Result<Self> {
        Self::open_locked(Lock::take(directory, storage)?, directory, pipeline, storage)
    }

    /// As [`open`](Self::open), by whoever has the lock.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `Fenced`.
    pub fn open_locked(
        lock: Lock,
        directory: &Path,
        pipeline: &str,
        storage: &dyn Storage,
    ) -> Result<Self> {
        let database = database::open(storage, directory, FILE, CACHE_BYTES, |transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert("pipeline", pipeline)?;
            meta.insert("format", FORMAT)?;
            meta.insert("id", format!("{:08x}", random_id() as u32).as_str())?;
            meta.insert("epoch", "0")?;
            transaction.open_table(POSITIONS)?;
            transaction.open_table(STAGED)?;
            transaction.open_table(SEGMENTS)?;
            transaction.open_table(CLOCKS)?;
            transaction.open_table(WATERMARKS)?;
            transaction.open_table(HISTORY)?;
            transaction.open_table(SWAPS)?;
            Ok(())
        })?;
        let store = Self { path: directory.join(FILE), database, _lock: lock };
        store.claim(pipeline)?;
        Ok(store)
    }

    /// Whether the checkpoint is this pipeline's.
    fn claim(&self, pipeline: &str) -> Result<()> {
        let owner = self.meta("pipeline")?.unwrap_or_default();
        if owner != pipeline {
            return Err(Error::config(format!(
                "the checkpoint {} belongs to the pipeline `{owner}`, not to `{pipeline}`: set \
                 another [checkpoint] path, or the old name",
                self.path.display()
            )));
        }
        let format = self.meta("format")?.unwrap_or_default();
        if format != FORMAT {
            return Err(Error::config(format!(
                "the checkpoint {} has format {format}, this Millrace reads {FORMAT}",
                self.path.display()
            )));
        }
        Ok(())
    }

    /// Everything that is in the checkpoint.
    ///
    /// # Errors
    /// `Corrupt` if it can't be read.
    pub fn recover(&self) -> Result<Recovered> {
        self.read(|transaction| {
            let meta = transaction.open_table(META)?;
            let text = |key| Ok::<_, redb::Error>(meta.get(key)?.map(|v| v.value().to_owned()));
            let epoch = |key| {
                let epoch = text(key)?.and_then(|e| e.parse().ok()).unwrap_or_default();
                Ok::<_, redb::Error>(Epoch(epoch))
            };
            let mut recovered = Recovered {
                id: text("id")?.unwrap_or_default(),
                epoch: epoch("epoch")?,
                state_epoch: epoch("state_epoch")?,
                forgotten: epoch("forgotten")?,
                digests: json(&text("digests")?.unwrap_or_else(|| "{}".to_owned()))?,
                deployed: json(&text("deployed")?.unwrap_or_else(|| "{}".to_owned()))?,
                shapes: json(&text("shapes")?.unwrap_or_else(|| "{}".to_owned()))?,
                ..Recovered::default()
            };
            for entry in transaction.open_table(HISTORY)?.iter()? {
                let (epoch, record) = entry?;
                recovered.history.insert(Epoch(epoch.value()), json(record.value())?);
            }
            for entry in transaction.open_table(POSITIONS)?.iter()? {
                let (key, value) = entry?;
                let (source, partition) = key.value();
                let position: Position = json(value.value())?;
                let positions = recovered.positions.entry(source.to_owned()).or_default();
                positions.insert(partition.to_owned(), position);
            }
            for entry in transaction.open_table(CLOCKS)?.iter()? {
                let (key, seen) = entry?;
                let (step, source, partition) = key.value();
                let clocks = recovered.clocks.entry(step.to_owned()).or_default();
                clocks.insert((source.to_owned(), partition.to_owned()), seen.value());
            }
            for entry in transaction.open_table(WATERMARKS)?.iter()? {
                let (step, watermark) = entry?;
                recovered.watermarks.insert(step.value().to_owned(), watermark.value());
            }
            for entry in transaction.open_table(SEGMENTS)?.iter()? {
                recovered.segments.push(json(entry?.1.value())?);
            }
            for entry in transaction.open_table(STAGED)?.iter()? {
                let (key, value) = entry?;
                let staged: Staged = json(value.value())?;
                recovered.staged.entry(Epoch(key.value().0)).or_default().push(staged);
            }
            Ok(recovered)
        })
    }

    /// Makes an epoch durable, all of it or nothing.
    ///
    /// # Errors
    /// `Unavailable` if the disk does not do its work; whether the epoch is durable is then known
    /// only after the checkpoint was opened again.
    pub fn commit(&self, commit: &Commit) -> Result<()> {
        self.write(|transaction| {
            history::note(transaction, commit, now_ms())?;
            let mut meta = transaction.open_table(META)?;
            meta.insert("epoch", commit.epoch.0.to_string().as_str())?;
            meta.insert("state_epoch", commit.epoch.0.to_string().as_str())?;
            meta.insert("forgotten", commit.merged.0.to_string().as_str())?;
            meta.insert("shapes", to_json(&commit.shapes)?.as_str())?;
            meta.insert("digests", to_json(&commit.digests)?.as_str())?;
            meta.insert("deployed", to_json(&commit.deployed)?.as_str())?;
            let mut swaps = transaction.open_table(SWAPS)?;
            for swap in &commit.swaps {
                swaps.insert(swap.id, to_json(swap)?.as_str())?;
            }
            let mut positions = transaction.open_table(POSITIONS)?;
            for (source, partition, position) in &commit.positions {
                let text = to_json(position)?;
                positions.insert((source.as_str(), partition.as_str()), text.as_str())?;
            }
            commit_times(transaction, commit)?;
            commit_segments(transaction, commit)?;
            forget_staged(transaction, &commit.published)?;
            let mut staged = transaction.open_table(STAGED)?;
            for (number, output) in commit.staged.iter().enumerate() {
                staged.insert((commit.epoch.0, number as u32), to_json(output)?.as_str())?;
            }
            Ok(())
        })
    }

    /// All swaps that there ever were, the oldest first.
    ///
    /// # Errors
    /// `Corrupt` if they can't be read.
    pub fn swaps(&self) -> Result<Vec<SwapRecord>> {
        self.read(|transaction| {
            let table = match transaction.open_table(SWAPS) {
                // A checkpoint from before there were any.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            table.iter()?.map(|entry| json(entry?.1.value())).collect()
        })
    }

    /// Makes the checkpoint what it was after the epoch `to`. The state goes back when it is
    /// opened.
    ///
    /// # Errors
    /// `Config` if the epoch is not remembered; else as [`commit`](Self::commit).
    pub fn rewind(&self, to: Epoch) -> Result<()> {
        let recovered = self.recover()?;
        if !recovered.history.contains_key(&to) {
            let first = recovered.history.keys().next().copied().unwrap_or_default();
            return Err(Error::config(format!(
                "the checkpoint {} does not remember epoch {to}: the oldest that it can go back \
                 to is {first} ([checkpoint] keep says how many are kept)",
                self.path.display()
            )));
        }
        self.write(|transaction| history::rewind(transaction, to))
    }

    /// Notes that this output is in sight.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn forget_staged(&self, published: &[Published]) -> Result<()> {
        if published.is_empty() {
            return Ok(());
        }
        self.write(|transaction| forget_staged(transaction, published))
    }

    /// Forgets how far a source has been read, and how far event time has come in it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn forget_source(&self, source: &str) -> Result<()> {
        self.write(|transaction| {
            let mut positions = transaction.open_table(POSITIONS)?;
            positions.retain(|(name, _), _| name != source)?;
            let mut clocks = transaction.open_table(CLOCKS)?;
            clocks.retain(|(_, name, _), _| name != source)?;
            Ok(())
        })
    }

    fn meta(&self, key: &str) -> Result<Option<String>> {
        self.read(|transaction| {
            let meta = transaction.open_table(META)?;
            Ok(meta.get(key)?.map(|value| value.value().to_owned()))
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T> {
        database::read(&self.database, &self.path, work)
    }

    fn write(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<()> {
        database::write(&self.database, &self.path, work)
    }
}

fn commit_times(transaction: &redb::WriteTransaction, commit: &Commit) -> Result<(), redb::Error> {
    let mut clocks = transaction.open_table(CLOCKS)?;
    for Clock { step, source, partition, seen } in &commit.clocks {
        let key = (step.as_str(), source.as_str(), partition.as_str());
        match seen {
            Some(seen) => clocks.insert(key, seen)?,
            None => clocks.remove(key)?,
        };
    }
    let mut watermarks = transaction.open_table(WATERMARKS)?;
    for (step, watermark) in &commit.watermarks {
        watermarks.insert(step.as_str(), watermark)?;
    }
    Ok(())
}

fn commit_segments(
    transaction: &redb::WriteTransaction,
    commit: &Commit,
) -> Result<(), redb::Error> {
    let mut segments = transaction.open_table(SEGMENTS)?;
    segments.retain_in(..=(commit.merged.0, u32::MAX), |_, _| false)?;
    for (number, segment) in commit.segments.iter().enumerate() {
        segments.insert((commit.epoch.0, number as u32), to_json(segment)?.as_str())?;
    }
    Ok(())
}

fn forget_staged(
    transaction: &redb::WriteTransaction,
    published: &[Published],
) -> Result<(), redb::Error> {
    let mut staged = transaction.open_table(STAGED)?;
    for Published { epoch, sink } in published {
        let of_epoch = (epoch.0, 0)..=(epoch.0, u32::MAX);
        // What can't be read stays, and is reported when it is recovered.
        let waits =
            |text: &str| json(text).map_or(true, |staged: Staged| staged.sink() != sink.as_str());
        staged.retain_in(of_epoch, |_, text| waits(text))?;
    }
    Ok(())
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
