//! The state of one step in one task.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::changes::{Changes, Nows, Record, Section};
use super::key::{KEY_GROUPS, Key};
use crate::error::Result;

/// Keys and values of one step, for the key groups of one task.
#[derive(Debug)]
pub struct StepState {
    step: String,
    groups: RangeInclusive<u8>,
    entries: BTreeMap<(u8, Vec<u8>), (Vec<u8>, i64)>,
    changed: BTreeSet<(u8, Vec<u8>)>,
    removed_prefixes: Vec<Vec<u8>>,
    nows: Box<Nows>,
}

/// State that no checkpoint keeps, for all key groups.
impl Default for StepState {
    fn default() -> Self {
        Self::new("", 0..=255)
    }
}

impl StepState {
    pub(super) fn new(step: &str, groups: RangeInclusive<u8>) -> Self {
        Self {
            step: step.to_owned(),
            groups,
            entries: BTreeMap::new(),
            changed: BTreeSet::new(),
            removed_prefixes: Vec::new(),
            nows: Box::new([i64::MIN; KEY_GROUPS]),
        }
    }

    /// Does again what an epoch has done.
    pub(super) fn replay(&mut self, section: &Section) -> Result<()> {
        for (groups, now) in section.nows() {
            for group in groups {
                self.nows[usize::from(group)] = now;
            }
        }
        for record in section.records() {
            match record? {
                Record::Put { key, value, expires } if self.groups.contains(&key.group) => {
                    let entry = (value.to_vec(), expires);
                    self.entries.insert((key.group, key.bytes.to_vec()), entry);
                }
                Record::Remove(key) => {
                    self.entries.remove(&(key.group, key.bytes.to_vec()));
                }
                Record::RemovePrefix(prefix) => self.entries.retain(|(group, bytes), _| {
                    !(section.groups.contains(group) && bytes.starts_with(prefix))
                }),
                Record::Put { .. } => {}
            }
        }
        Ok(())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` if the disk does not give it.
    pub fn get(&mut self, key: Key) -> Result<Option<&[u8]>> {
        let now = self.nows[usize::from(key.group)];
        let found = self.entries.get(&(key.group, key.bytes.to_vec()));
        Ok(found.filter(|(_, expires)| *expires > now).map(|(value, _)| value.as_slice()))
    }

    /// Gives the value of each key to `visit`, with the key's place in `keys`. Faster than as many
    /// calls of [`get`](Self::get) where values are on the disk.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `visit`.
    pub fn get_many(
        &mut self,
        keys: &[Key],
        visit: &mut dyn FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        for (at, key) in keys.iter().enumerate() {
            visit(at, self.get(*key)?)?;
        }
        Ok(())
    }

    /// Sets a value. From the time `expires` on ([`NEVER`](super::NEVER) for none) it counts as
    /// removed.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put(&mut self, key: Key, value: &[u8], expires: i64) -> Result<()> {
        let whole = (key.group, key.bytes.to_vec());
        self.changed.insert(whole.clone());
        self.entries.insert(whole, (value.to_vec(), expires));
        Ok(())
    }

    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove(&mut self, key: Key) -> Result<()> {
        let whole = (key.group, key.bytes.to_vec());
        self.entries.remove(&whole);
        self.changed.insert(whole);
        Ok(())
    }

    /// Visits every entry whose key begins with `prefix`, in any order.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `visit`.
    pub fn scan(
        &mut self,
        prefix: &[u8],
        visit: &mut dyn FnMut(Key, &[u8]) -> Result<()>,
    ) -> Result<()> {
        for ((group, bytes), (value, expires)) in &self.entries {
            if bytes.starts_with(prefix) && *expires > self.nows[usize::from(*group)] {
                visit(Key { group: *group, bytes }, value)?;
            }
        }
        Ok(())
    }

    /// Removes every entry whose key begins with `prefix`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        self.entries.retain(|(_, bytes), _| !bytes.starts_with(prefix));
        self.changed.retain(|(_, bytes)| !bytes.starts_with(prefix));
        self.removed_prefixes.push(prefix.to_vec());
        Ok(())
    }

    /// Time has come to `now`: entries that expire at or before it are gone.
    pub fn expire(&mut self, now: i64) {
        for group in self.groups.clone() {
            let seen = &mut self.nows[usize::from(group)];
            *seen = now.max(*seen);
        }
        let nows = &self.nows;
        self.entries.retain(|(group, _), (_, expires)| *expires > nows[usize::from(*group)]);
    }

    /// Writes what has changed since the last call.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn freeze(&mut self, changes: &mut Changes) -> Result<()> {
        if self.changed.is_empty() && self.removed_prefixes.is_empty() {
            return Ok(());
        }
        let mut section = changes.section(&self.step, &self.groups, &self.nows);
        for prefix in self.removed_prefixes.drain(..) {
            section.record(&Record::RemovePrefix(&prefix));
        }
        for (group, bytes) in std::mem::take(&mut self.changed) {
            let key = Key { group, bytes: &bytes };
            match self.entries.get(&(group, bytes.clone())) {
                Some((value, expires)) => {
                    section.record(&Record::Put { key, value, expires: *expires });
                }
                None => section.record(&Record::Remove(key)),
            }
        }
        Ok(())
    }
}
