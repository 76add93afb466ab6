//! The state of one step in one task.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::base::Reader;
use super::changes::{Changes, Nows, Record, SealedEpoch, Section};
use super::covers::Covers;
use super::entries::{Entries, Entry, EntryState, Generation, Slot, key_hash};
use super::expiry::Wakes;
use super::key::{KEY_GROUPS, Key, NEVER};
use super::memory::Share;
use super::merger::Merger;
use crate::epoch::Epoch;
use crate::error::Result;

/// Keys and values of one step, for the key groups of one task.
///
/// What has changed since the last merge is in memory, and with it what was read of late, as long
/// as there is room; the rest is in the base. Calls wait while all steps together take more memory
/// than they may and merging would make room.
#[derive(Debug)]
pub struct StepState {
    step: String,
    groups: RangeInclusive<u8>,
    entries: Entries,
    nows: Box<Nows>,
    wakes: Wakes,
    /// What has changed in this generation: slots, some of which may be free.
    changed: Vec<Slot>,
    /// The memory that these take.
    uncommitted: usize,
    removed_prefixes: Vec<Vec<u8>>,
    /// Prefixes that were removed from memory and maybe not from the base.
    covers: Covers,
    /// Whether time has come further than the disk knows, in a step whose entries expire.
    time_changed: bool,
    expiring: bool,
    generation: Generation,
    /// Entries of up to this generation are in the base.
    clean: Generation,
    /// The epochs of the generations that are not.
    epochs: VecDeque<(Generation, Arc<SealedEpoch>)>,
    /// Entries that are of no use once they are clean, with the generation as of which they are.
    retired: VecDeque<(Generation, Slot)>,
    disk: Option<Disk>,
    /// A value that was read and is not kept.
    value: Vec<u8>,
}

/// Where the state is that is not in memory.
#[derive(Debug)]
struct Disk {
    reader: Reader,
    share: Share,
    /// Whether no entry was clean when room was last looked for, as of this generation.
    full: Option<Generation>,
}

/// State that no checkpoint keeps, for all key groups.
impl Default for StepState {
    fn default() -> Self {
        Self::new("", 0..=255, None)
    }
}

impl StepState {
    /// Opens a step's state: that of the base, and the changes that are not merged.
    pub(super) fn open(
        step: &str,
        groups: RangeInclusive<u8>,
        merger: &Arc<Merger>,
    ) -> Result<Self> {
        let reader = Reader::new(merger.base.clone(), step);
        let share = Share::new(merger.clone());
        let mut state = Self::new(step, groups, Some(Disk { reader, share, full: None }));
        merger.each_waiting(|epoch, bytes| state.replay(epoch, bytes))?;
        if let Some(base) = merger.base.step(step) {
            state.expiring |= base.expiring;
            for group in state.groups.clone() {
                let now = &mut state.nows[usize::from(group)];
                *now = base.nows[usize::from(group)].max(*now);
            }
        }
        state.make_room()?;
        Ok(state)
    }

    fn new(step: &str, groups: RangeInclusive<u8>, disk: Option<Disk>) -> Self {
        Self {
            step: step.to_owned(),
            entries: Entries::new(&groups),
            groups,
            nows: Box::new([i64::MIN; KEY_GROUPS]),
            wakes: Wakes::default(),
            changed: Vec::new(),
            uncommitted: 0,
            removed_prefixes: Vec::new(),
            covers: Covers::default(),
            time_changed: false,
            expiring: false,
            generation: 1,
            clean: 0,
            epochs: VecDeque::new(),
            retired: VecDeque::new(),
            disk,
            value: Vec::new(),
        }
    }

    /// Does again what an epoch has done.
    fn replay(&mut self, epoch: Epoch, changes: &[u8]) -> Result<()> {
        for section in Section::all(changes) {
            let section = section?;
            let is_near = section.groups.end() >= self.groups.start()
                && section.groups.start() <= self.groups.end();
            if section.step == self.step && is_near {
                self.replay_section(&section)?;
            }
        }
        // Several sections of an epoch are of different groups; to take them for several
        // generations does no harm.
        self.epochs.push_back((self.generation, Arc::new(SealedEpoch::new(epoch))));
        self.generation += 1;
        Ok(())
    }

    fn replay_section(&mut self, section: &Section) -> Result<()> {
        for (groups, now) in section.nows() {
            for group in groups.filter(|group| self.groups.contains(group)) {
                let seen = &mut self.nows[usize::from(group)];
                *seen = now.max(*seen);
            }
        }
        for record in section.records() {
            match record? {
                Record::Put { key, value, expires } if self.groups.contains(&key.group) => {
                    self.set(key, Some(value), expires);
                }
                Record::Remove(key) if self.groups.contains(&key.group) => {
                    self.set(key, None, NEVER);
                }
                Record::RemovePrefix(prefix) => {
                    self.free_prefix(prefix, &section.groups);
                    self.covers.add(prefix, section.groups.clone(), self.generation);
                }
                Record::Put { .. } | Record::Remove(_) => {}
            }
        }
        // What was read is on the disk.
        self.uncommitted = 0;
        for slot in std::mem::take(&mut self.changed) {
            let entry = self.entries.at_mut(slot);
            entry.listed = false;
            entry.unborn = false;
            if entry.state == EntryState::Removed {
                self.retired.push_back((self.generation, slot));
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
        let hash = key_hash(key.bytes);
        if let Some(slot) = self.entries.find(key, hash) {
            let entry = self.entries.at_mut(slot);
            entry.recent = true;
            return Ok(entry.live(now));
        }
        let Some(disk) = &mut self.disk else { return Ok(None) };
        if !disk.reader.may_hold(key.bytes) || self.covers.cover(key) {
            return Ok(None);
        }
        let Some(expires) = disk.reader.get(key, &mut self.value)? else { return Ok(None) };
        if expires <= now {
            return Ok(None);
        }
        if disk.share.above() == 0 || disk.full.is_none() {
            let slot = self.entries.insert(key, hash, Some(&self.value));
            let entry = self.entries.at_mut(slot);
            entry.expires = expires;
            self.wakes.add(slot, entry);
            self.told()?;
        }
        Ok(Some(&self.value))
    }

    /// Gives the value of each key to `visit`, with the key's place in `keys`. Faster than as many
    /// calls of [`get`](Self::get) where values are on the disk, and not in the keys' order.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `visit`.
    pub fn get_many(
        &mut self,
        keys: &[Key],
        mut visit: impl FnMut(usize, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        if self.disk.as_mut().is_some_and(|disk| disk.reader.may_hold_prefix(&[])) {
            // The base has its keys in order: neighbours are on the same page.
            let mut order: Vec<usize> = (0..keys.len()).collect();
            order.sort_unstable_by_key(|at| keys[*at]);
            return order.into_iter().try_for_each(|at| visit(at, self.get(keys[at])?));
        }
        keys.iter().enumerate().try_for_each(|(at, key)| visit(at, self.get(*key)?))
    }

    /// Sets a value. From the time `expires` on ([`NEVER`] for none) it counts as removed.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put(&mut self, key: Key, value: &[u8], expires: i64) -> Result<()> {
        self.set(key, Some(value), expires);
        self.told()
    }

    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove(&mut self, key: Key) -> Result<()> {
        let known = self.entries.find(key, key_hash(key.bytes));
        match known.map(|slot| (slot, self.entries.at(slot).unborn)) {
            Some((slot, true)) => self.entries.free(slot),
            Some((_, false)) => self.set(key, None, NEVER),
            None => {
                if self.disk.as_mut().is_some_and(|disk| disk.reader.may_hold(key.bytes)) {
                    self.set(key, None, NEVER);
                }
            }
        }
        self.told()
    }

    fn set(&mut self, key: Key, value: Option<&[u8]>, expires: i64) {
        let hash = key_hash(key.bytes);
        let slot = match self.entries.find(key, hash) {
            Some(slot) => {
                self.entries.set(slot, value);
                slot
            }
            None => {
                let slot = self.entries.insert(key, hash, value);
                // Whatever is not in memory and not in the base is nowhere.
                let is_stored =
                    self.disk.as_mut().is_some_and(|disk| disk.reader.may_hold(key.bytes));
                self.entries.at_mut(slot).unborn = !is_stored;
                slot
            }
        };
        let entry = self.entries.at_mut(slot);
        entry.recent = true;
        entry.changed = self.generation;
        if !entry.listed {
            entry.listed = true;
            self.changed.push(slot);
            self.uncommitted += entry.bytes();
        }
        entry.expires = expires;
        if expires != NEVER {
            self.expiring = true;
            self.wakes.add(slot, entry);
        }
    }

    /// Keys that begin with this byte will be asked for one by one: no index is kept of them, by
    /// which a scan of a prefix would find them sooner.
    pub fn leave_unindexed(&mut self, first: u8) {
        self.entries.leave_unindexed(first);
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
        if !prefix.is_empty() {
            self.entries.make_index();
        }
        let nows = &self.nows;
        let now = |key: Key| nows[usize::from(key.group)];
        for (_, entry) in self.entries.with_prefix(prefix) {
            let key = entry.key();
            if let Some(value) = entry.live(now(key)) {
                visit(key, value)?;
            }
        }
        let Some(disk) = &mut self.disk else { return Ok(()) };
        if disk.reader.may_hold_prefix(prefix) {
            let (entries, covers) = (&self.entries, &self.covers);
            for group in self.groups.clone() {
                disk.reader.scan(group, prefix, |key, value, expires| {
                    let is_old = || entries.find(key, key_hash(key.bytes)).is_some();
                    match expires <= now(key) || covers.cover(key) || is_old() {
                        true => Ok(()),
                        false => visit(key, value),
                    }
                })?;
            }
        }
        self.told()
    }

    /// Removes every entry whose key begins with `prefix`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        let was_stored = self.free_prefix(prefix, &(0..=255));
        let is_stored = self.disk.as_mut().is_some_and(|disk| disk.reader.may_hold_prefix(prefix));
        if was_stored || is_stored {
            self.covers.add(prefix, self.groups.clone(), self.generation);
            self.removed_prefixes.push(prefix.to_vec());
        }
        self.told()
    }

    /// Frees the entries of some groups that begin with `prefix`. Returns whether the disk knows
    /// of any of them.
    fn free_prefix(&mut self, prefix: &[u8], groups: &RangeInclusive<u8>) -> bool {
        if !prefix.is_empty() {
            self.entries.make_index();
        }
        let is_of_groups = |entry: &Entry| groups.contains(&entry.key().group);
        let found = self.entries.with_prefix(prefix).filter(|(_, entry)| is_of_groups(entry));
        let found: Vec<(Slot, bool)> = found.map(|(slot, entry)| (slot, entry.unborn)).collect();
        for (slot, _) in &found {
            self.entries.free(*slot);
        }
        found.iter().any(|(_, unborn)| !unborn)
    }

    /// Time has come to `now`: entries that expire at or before it are gone.
    pub fn expire(&mut self, now: i64) {
        for group in self.groups.clone() {
            let seen = &mut self.nows[usize::from(group)];
            self.time_changed |= now > *seen;
            *seen = now.max(*seen);
        }
        while let Some((bucket, slots)) = self.wakes.due(now) {
            for slot in slots {
                let entry = self.entries.at_mut(slot);
                if entry.state != EntryState::Value || entry.wake != bucket {
                    continue;
                }
                entry.wake = NEVER;
                if entry.expires > now {
                    self.wakes.add(slot, entry);
                } else if entry.unborn || entry.changed <= self.clean {
                    self.entries.free(slot);
                } else {
                    self.retired.push_back((self.generation, slot));
                }
            }
        }
    }

    /// Writes what has changed since the last call.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn freeze(&mut self, changes: &mut Changes) -> Result<()> {
        let is_empty = self.changed.is_empty() && self.removed_prefixes.is_empty();
        if !is_empty || (self.time_changed && self.expiring) {
            self.write(changes);
            self.time_changed = false;
            let sealed = Arc::new(SealedEpoch::default());
            changes.epochs.push(sealed.clone());
            self.epochs.push_back((self.generation, sealed));
            self.generation += 1;
        }
        self.uncommitted = 0;
        if let Some(disk) = &mut self.disk {
            disk.share.tell_uncommitted(0);
            disk.reader.refresh();
        }
        self.make_room()?;
        changes.tally.memory_bytes += self.entries.bytes() as u64;
        Ok(())
    }

    fn write(&mut self, changes: &mut Changes) {
        let (mut updated, mut removed) = (0, 0);
        let mut section = changes.section(&self.step, &self.groups, &self.nows);
        for prefix in self.removed_prefixes.drain(..) {
            section.record(&Record::RemovePrefix(&prefix));
        }
        for slot in self.changed.drain(..) {
            let entry = self.entries.at_mut(slot);
            entry.listed = false;
            entry.unborn = false;
            let (key, value, expires) = (entry.key(), entry.value(), entry.expires);
            match entry.state {
                EntryState::Free => {}
                EntryState::Value => {
                    section.record(&Record::Put { key, value, expires });
                    updated += 1;
                }
                EntryState::Removed => {
                    section.record(&Record::Remove(key));
                    removed += 1;
                    self.retired.push_back((self.generation, slot));
                }
            }
        }
        drop(section);
        changes.tally.updated += updated;
        changes.tally.removed += removed;
    }

    /// How much memory the map takes may have changed.
    fn told(&mut self) -> Result<()> {
        let (bytes, uncommitted) = (self.entries.bytes(), self.uncommitted);
        let above = self.disk.as_mut().map_or(0, |disk| {
            disk.share.tell_uncommitted(uncommitted);
            disk.share.tell(bytes)
        });
        if above > 0 { self.make_room() } else { Ok(()) }
    }

    /// Frees what is of no use, and what the base has too as long as there is too little room.
    fn make_room(&mut self) -> Result<()> {
        loop {
            self.clean_up();
            let Some(disk) = &mut self.disk else { return Ok(()) };
            disk.share.tell(self.entries.bytes());
            let above = disk.share.above();
            if above == 0 {
                disk.full = None;
                return Ok(());
            }
            // Those who have more must make room first.
            let is_small = disk.share.is_small();
            if !is_small && disk.full != Some(self.clean) {
                // More than needed, so that it is not looked for again at once.
                let bytes = (above + self.entries.bytes() / 16).min(self.entries.bytes());
                if self.entries.evict(bytes, self.clean) {
                    continue;
                }
                disk.full = Some(self.clean);
            }
            if !disk.share.merger.wait_for_merge()? || is_small {
                return Ok(());
            }
        }
    }

    /// Learns what was merged.
    fn clean_up(&mut self) {
        let Some(disk) = &self.disk else { return };
        let merged = disk.share.merger.base.merged();
        while self.epochs.front().is_some_and(|(_, epoch)| epoch.is_merged(merged)) {
            if let Some((generation, _)) = self.epochs.pop_front() {
                self.clean = generation;
            }
        }
        self.covers.clean(self.clean);
        while let Some((generation, slot)) = self.retired.front().copied() {
            if generation > self.clean {
                break;
            }
            self.retired.pop_front();
            let entry = self.entries.at(slot);
            let is_gone = match entry.state {
                EntryState::Free => false,
                EntryState::Removed => true,
                EntryState::Value => entry.expires <= self.nows[usize::from(entry.key().group)],
            };
            if is_gone && entry.changed <= self.clean {
                self.entries.free(slot);
            }
        }
    }
}
