//! The base as it was: what a rewind goes back to.

use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::{Base, SAVEPOINTS, read_published};
use crate::epoch::Epoch;
use crate::error::{Error, Result};

impl Base {
    /// The epoch from which on segments are needed to go back to `oldest`: those after it.
    pub fn needed_after(&self, oldest: Epoch) -> Epoch {
        let published = self.published();
        let epochs = published.savepoints.iter().copied().chain([published.merged]);
        epochs.filter(|epoch| *epoch <= oldest).max().unwrap_or_default()
    }

    /// Whether the base can be as it was at some epoch, given all segments after it.
    pub fn can_rewind(&self, to: Epoch) -> bool {
        let published = self.published();
        published.reached <= to || published.savepoints.iter().any(|epoch| *epoch <= to)
    }

    /// Takes everything out again that came after `to`, and maybe more. Nothing is done if nothing
    /// came after it.
    ///
    /// # Errors
    /// `Corrupt` if the base can't go back so far.
    pub fn rewind(&self, to: Epoch) -> Result<()> {
        if self.published().reached <= to {
            return Ok(());
        }
        let rewind = || -> Result<bool, redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_quick_repair(true);
            let mut kept = list(&transaction)?;
            kept.retain(|epoch, _| *epoch <= to);
            let Some((_, id)) = kept.last_key_value() else { return Ok(false) };
            let savepoint = transaction.get_persistent_savepoint(*id)?;
            transaction.restore_savepoint(&savepoint)?;
            // The table went back too, to the time before this savepoint was made.
            let mut savepoints = transaction.open_table(SAVEPOINTS)?;
            savepoints.retain(|_, _| false)?;
            for (epoch, id) in &kept {
                savepoints.insert(epoch.0, id)?;
            }
            drop(savepoints);
            transaction.commit()?;
            Ok(true)
        };
        if !rewind().map_err(|e| self.broken(e))? {
            return Err(Error::corrupt(format!(
                "the state in {} can't go back to epoch {to}: restore the checkpoint's directory \
                 from a backup, or start with a new checkpoint and a new output",
                self.path.display()
            )));
        }
        let published = read_published(&self.database, &self.path)?;
        self.publish(published);
        Ok(())
    }
}

/// Keeps the base as it is, with everything up to `merged`, so that one can go back to `oldest` and
/// what came after it once `to` is merged. To be called before anything else of the transaction.
pub(super) fn keep(
    transaction: &WriteTransaction,
    known: &[Epoch],
    merged: Epoch,
    to: Epoch,
    oldest: Epoch,
) -> Result<Vec<Epoch>, redb::Error> {
    // Opening a table would be a change, after which no savepoint can be made.
    let made = match to > oldest && !known.contains(&merged) {
        true => Some(transaction.persistent_savepoint()?),
        false => None,
    };
    let mut kept = list(transaction)?;
    kept.extend(made.map(|id| (merged, id)));
    let first = kept.keys().copied().filter(|epoch| *epoch <= oldest).max();
    let old: Vec<Epoch> = match first {
        // The base itself will be old enough.
        _ if to <= oldest => kept.keys().copied().collect(),
        Some(first) => kept.keys().copied().filter(|epoch| *epoch < first).collect(),
        None => Vec::new(),
    };
    for epoch in old {
        if let Some(id) = kept.remove(&epoch) {
            transaction.delete_persistent_savepoint(id)?;
        }
    }
    let mut savepoints = transaction.open_table(SAVEPOINTS)?;
    savepoints.retain(|_, _| false)?;
    for (epoch, id) in &kept {
        savepoints.insert(epoch.0, id)?;
    }
    Ok(kept.into_keys().collect())
}

fn list(transaction: &WriteTransaction) -> Result<BTreeMap<Epoch, u64>, redb::Error> {
    let table = transaction.open_table(SAVEPOINTS)?;
    let entries = table.iter()?;
    let entry = |entry: Result<(redb::AccessGuard<u64>, redb::AccessGuard<u64>), _>| {
        entry.map(|(epoch, id)| (Epoch(epoch.value()), id.value()))
    };
    Ok(entries.map(entry).collect::<Result<_, _>>()?)
}
