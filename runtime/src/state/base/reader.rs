//! What one step's state in one task reads of the base.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable};

use super::{Base, STATE, STEPS, StepBase, behind, decode_value, start, whole_key};
use crate::database;
use crate::error::Result;
use crate::state::key::Key;

/// Sees every commit that was published before a call.
#[derive(Debug)]
pub(crate) struct Reader {
    base: Arc<Base>,
    step: String,
    seen: Seen,
    key: Vec<u8>,
}

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The base as of some commit.
#[derive(Default)]
struct Seen {
    version: u64,
    /// `None` if the base has nothing of the step.
    step: Option<Arc<StepBase>>,
    /// Opened by the first read, as it keeps the pages of its version from being used again.
    table: Option<Table>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}", self.version)
    }
}

impl Reader {
    pub fn new(base: Arc<Base>, step: &str) -> Self {
        Self { base, step: step.to_owned(), seen: Seen::default(), key: Vec::new() }
    }

    /// Lets go of an old version of the base.
    pub fn refresh(&mut self) {
        let version = self.base.version.load(Ordering::Acquire);
        if self.seen.version != version {
            self.seen = Seen { version, step: self.base.step(&self.step), table: None };
        }
    }

    /// Whether the base may hold a key.
    pub fn may_hold(&mut self, key: &[u8]) -> bool {
        self.refresh();
        self.seen.step.as_ref().is_some_and(|step| step.counts.may_hold(key))
    }

    pub fn may_hold_prefix(&mut self, prefix: &[u8]) -> bool {
        self.refresh();
        self.seen.step.as_ref().is_some_and(|step| step.counts.may_hold_prefix(prefix))
    }

    /// Puts the value of a key into `out`, and returns when it expires.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    pub fn get(&mut self, key: Key, out: &mut Vec<u8>) -> Result<Option<i64>> {
        if !self.may_hold(key.bytes) {
            return Ok(None);
        }
        let Some((step, table)) = open(&self.base, &mut self.seen)? else { return Ok(None) };
        let mut whole = std::mem::take(&mut self.key);
        whole_key(step, key, &mut whole);
        let stored = table.get(&*whole).map_err(|e| self.base.broken(e))?;
        let found = match stored {
            None => Ok(None),
            Some(stored) => match decode_value(&whole, stored.value()) {
                None => Err(self.base.damaged()),
                Some((value, expires)) => {
                    out.clear();
                    out.extend_from_slice(value);
                    Ok(Some(expires))
                }
            },
        };
        self.key = whole;
        found
    }

    /// Visits the entries of a group whose keys begin with `prefix`, in their order, with the times
    /// at which they expire.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `visit`.
    pub fn scan(
        &mut self,
        group: u8,
        prefix: &[u8],
        mut visit: impl FnMut(Key, &[u8], i64) -> Result<()>,
    ) -> Result<()> {
        if !self.may_hold_prefix(prefix) {
            return Ok(());
        }
        let Some((step, table)) = open(&self.base, &mut self.seen)? else { return Ok(()) };
        let mut first = start(step, group);
        let key_at = first.len();
        first.extend_from_slice(prefix);
        // Ids are far from the highest number: there always is a key behind.
        let last = behind(first.clone()).unwrap_or_default();
        let entries = table.range(&*first..&*last).map_err(|e| self.base.broken(e))?;
        for entry in entries {
            let (key, stored) = entry.map_err(|e| self.base.broken(e))?;
            let key = key.value();
            let value = decode_value(key, stored.value());
            let (value, expires) = value.ok_or_else(|| self.base.damaged())?;
            visit(Key { group, bytes: &key[key_at..] }, value, expires)?;
        }
        Ok(())
    }
}

impl Base {
    /// Reads every entry. Returns how many there are.
    ///
    /// # Errors
    /// `Corrupt` if any is not what was written, or if there are more or fewer than were counted.
    pub fn verify(&self) -> Result<u64> {
        let work = |transaction: &redb::ReadTransaction| {
            let mut entries = 0;
            for entry in transaction.open_table(STATE)?.iter()? {
                let (key, stored) = entry?;
                if decode_value(key.value(), stored.value()).is_none() {
                    return Ok(None);
                }
                entries += 1;
            }
            let mut counted = 0;
            for step in transaction.open_table(STEPS)?.iter()? {
                let step: StepBase = database::json(step?.1.value())?;
                counted += step.counts.total();
            }
            Ok((entries == counted).then_some(entries))
        };
        let entries = database::read(&self.database, &self.path, work)?;
        entries.ok_or_else(|| self.damaged())
    }
}

/// The table of state and the step's id, if the base has something of the step.
fn open<'a>(base: &Base, seen: &'a mut Seen) -> Result<Option<(u32, &'a Table)>> {
    let Some(step) = &seen.step else { return Ok(None) };
    let table = match seen.table.take() {
        Some(table) => table,
        None => {
            let transaction = base.database.begin_read().map_err(|e| base.broken(e))?;
            transaction.open_table(STATE).map_err(|e| base.broken(e))?
        }
    };
    Ok(Some((step.id, seen.table.insert(table))))
}
