//! The map of one step in one task: entries in memory, by group and key.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::key::{Key, NEVER};

/// Entries are allocated so many at a time, so that growing copies nothing.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 10;
/// What an entry takes beside its key and value: itself, its link with what a hash table leaves
/// free, and what an allocation takes.
const ENTRY_BYTES: usize = size_of::<Entry>() + 2 * size_of::<Link>() + 16;
/// What a place in the index takes, with what a B-tree leaves free.
const INDEX_BYTES: usize = 2 * size_of::<IndexKey>();

/// Where an entry is. The slot of an entry that was freed is used again.
pub(super) type Slot = u32;

/// The first bytes of a key, so that keys with a common prefix are found without all others.
type IndexKey = (u64, u64, Slot);

/// The number of an epoch within a [`StepState`](super::StepState): they count those in which it
/// has changed. 0: as it is in the base.
pub(super) type Generation = u32;

#[derive(Debug, Default)]
pub(super) struct Entries {
    first_group: u8,
    groups: Vec<HashTable<Link>>,
    chunks: Vec<Vec<Entry>>,
    free: Vec<Slot>,
    /// Made by the first search for a prefix.
    index: Option<BTreeSet<IndexKey>>,
    /// Keys that begin so are not in the index.
    unindexed: Option<u8>,
    hand: Slot,
    /// The memory that all entries take.
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    hash: u32,
    slot: Slot,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// The key, and the value behind it.
    data: Vec<u8>,
    key_len: u32,
    pub state: EntryState,
    group: u8,
    /// Read or written since the clock's hand came by.
    pub recent: bool,
    /// Whether the slot is in the list of what has changed in this generation. Outlives the entry.
    pub listed: bool,
    /// Whether no disk has the key, not even in changes that are not yet merged.
    pub unborn: bool,
    /// When it last changed.
    pub changed: Generation,
    pub expires: i64,
    /// The bucket of times in which the slot waits to be looked at.
    pub wake: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryState {
    /// The slot holds nothing.
    Free,
    /// The key has a value.
    Value,
    /// The key was removed, and the base may not know.
    Removed,
}

impl Entry {
    pub fn key(&self) -> Key<'_> {
        Key { group: self.group, bytes: &self.data[..self.key_len as usize] }
    }

    pub fn value(&self) -> &[u8] {
        &self.data[self.key_len as usize..]
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        ENTRY_BYTES + self.data.capacity()
    }

    /// The value, if it has one that has not expired.
    pub fn live(&self, now: i64) -> Option<&[u8]> {
        (self.state == EntryState::Value && self.expires > now).then(|| self.value())
    }
}

impl Entries {
    pub fn new(groups: &RangeInclusive<u8>) -> Self {
        let first_group = *groups.start();
        let groups = groups.clone().map(|_| HashTable::new()).collect();
        Self { first_group, groups, ..Self::default() }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// One more than the highest slot that was ever used.
    pub fn slots(&self) -> Slot {
        self.chunks
            .last()
            .map_or(0, |last| (((self.chunks.len() - 1) << CHUNK_BITS) + last.len()) as Slot)
    }

    pub fn at(&self, slot: Slot) -> &Entry {
        &self.chunks[(slot >> CHUNK_BITS) as usize][slot as usize % CHUNK]
    }

    pub fn at_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.chunks[(slot >> CHUNK_BITS) as usize][slot as usize % CHUNK]
    }

    pub fn find(&self, key: Key, hash: KeyHash) -> Option<Slot> {
        let same = |link: &Link| {
            link.hash == hash.0 && {
                let entry = self.at(link.slot);
                entry.data.get(..entry.key_len as usize) == Some(key.bytes)
            }
        };
        self.groups[usize::from(key.group - self.first_group)]
            .find(hash.spread(), same)
            .map(|link| link.slot)
    }

    /// Adds a key that is not there, with a value or as one that was removed.
    pub fn insert(&mut self, key: Key, hash: KeyHash, value: Option<&[u8]>) -> Slot {
        let mut data = Vec::with_capacity(key.bytes.len() + value.map_or(0, <[u8]>::len));
        data.extend_from_slice(key.bytes);
        data.extend_from_slice(value.unwrap_or_default());
        self.bytes += ENTRY_BYTES + data.capacity();
        let entry = Entry {
            data,
            key_len: key.bytes.len() as u32,
            state: if value.is_some() { EntryState::Value } else { EntryState::Removed },
            group: key.group,
            recent: true,
            listed: false,
            unborn: false,
            changed: 0,
            expires: NEVER,
            wake: NEVER,
        };
        let slot = self.place(entry);
        let link = Link { hash: hash.0, slot };
        self.groups[usize::from(key.group - self.first_group)].insert_unique(
            hash.spread(),
            link,
            |link| KeyHash(link.hash).spread(),
        );
        let unindexed = self.is_unindexed(key.bytes);
        if let Some(index) = self.index.as_mut().filter(|_| !unindexed) {
            index.insert(index_key(key.bytes, slot));
            self.bytes += INDEX_BYTES;
        }
        slot
    }

    /// From now on keys that begin with this byte are found one by one: a search for a prefix of
    /// theirs looks at all entries.
    pub fn leave_unindexed(&mut self, first: u8) {
        self.unindexed = Some(first);
        self.bytes -= self.index.take().map_or(0, |index| index.len() * INDEX_BYTES);
    }

    fn is_unindexed(&self, key: &[u8]) -> bool {
        self.unindexed.is_some() && key.first().copied() == self.unindexed
    }

    fn place(&mut self, mut entry: Entry) -> Slot {
        if let Some(slot) = self.free.pop() {
            let old = self.at_mut(slot);
            entry.listed = old.listed;
            *old = entry;
            return slot;
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let slot = self.slots();
        if let Some(last) = self.chunks.last_mut() {
            last.push(entry);
        }
        slot
    }

    /// Gives an entry another value, or none.
    pub fn set(&mut self, slot: Slot, value: Option<&[u8]>) {
        let entry = self.at_mut(slot);
        let before = entry.data.capacity();
        entry.data.truncate(entry.key_len as usize);
        match value {
            Some(value) => {
                entry.data.extend_from_slice(value);
                entry.state = EntryState::Value;
            }
            None => {
                entry.data.shrink_to_fit();
                entry.state = EntryState::Removed;
                entry.expires = NEVER;
            }
        }
        let after = entry.data.capacity();
        self.bytes = self.bytes + after - before;
    }

    pub fn free(&mut self, slot: Slot) {
        let entry = self.at_mut(slot);
        let data = std::mem::take(&mut entry.data);
        entry.state = EntryState::Free;
        let (group, key_len) = (entry.group, entry.key_len as usize);
        entry.key_len = 0;
        let hash = key_hash(&data[..key_len]);
        let table = &mut self.groups[usize::from(group - self.first_group)];
        if let Ok(link) = table.find_entry(hash.spread(), |link| link.slot == slot) {
            link.remove();
        }
        self.bytes -= ENTRY_BYTES + data.capacity();
        let unindexed = self.is_unindexed(&data[..key_len]);
        if let Some(index) = self.index.as_mut().filter(|_| !unindexed) {
            index.remove(&index_key(&data[..key_len], slot));
            self.bytes -= INDEX_BYTES;
        }
        self.free.push(slot);
    }

    /// The entries whose keys begin with `prefix`; all of them if it is empty. Looks at few others
    /// after [`make_index`](Self::make_index).
    pub fn with_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = (Slot, &Entry)> {
        let (first, second, _) = index_key(prefix, 0);
        let (last_first, last_second) = last_index_key(prefix);
        let range = (first, second, 0)..=(last_first, last_second, Slot::MAX);
        let index =
            self.index.as_ref().filter(|_| !prefix.is_empty() && !self.is_unindexed(prefix));
        let all = if index.is_none() { 0..self.slots() } else { 0..0 };
        let indexed = index.into_iter().flat_map(move |index| index.range(range.clone()));
        let slots = indexed.map(|(_, _, slot)| *slot).chain(all);
        let prefix = prefix.to_vec();
        slots.map(|slot| (slot, self.at(slot))).filter(move |(_, entry)| {
            entry.state != EntryState::Free && entry.key().bytes.starts_with(&prefix)
        })
    }

    pub fn make_index(&mut self) {
        if self.index.is_some() {
            return;
        }
        let used = (0..self.slots()).filter(|slot| self.at(*slot).state != EntryState::Free);
        let keys = used.map(|slot| (self.at(slot).key().bytes, slot));
        let keys = keys.filter(|(key, _)| !self.is_unindexed(key));
        let index: BTreeSet<IndexKey> = keys.map(|(key, slot)| index_key(key, slot)).collect();
        self.bytes += index.len() * INDEX_BYTES;
        self.index = Some(index);
    }

    /// Frees entries that are as in the base, those first that were not used for long, until `bytes`
    /// are free or all were looked at twice. Returns whether any was freed.
    pub fn evict(&mut self, bytes: usize, clean: Generation) -> bool {
        let target = self.bytes.saturating_sub(bytes);
        let slots = self.slots();
        let before = self.bytes;
        for _ in 0..u64::from(slots) * 2 {
            if self.bytes <= target {
                break;
            }
            self.hand = if self.hand + 1 < slots { self.hand + 1 } else { 0 };
            let entry = self.at_mut(self.hand);
            if entry.state == EntryState::Free || entry.changed > clean {
                continue;
            }
            if std::mem::take(&mut entry.recent) {
                continue;
            }
            self.free(self.hand);
        }
        self.bytes < before
    }
}

/// The hash of a key. Those of one key group have their highest bits in common, so that it is of
/// the lowest.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHash(u32);

impl KeyHash {
    /// hashbrown looks at the highest and at the lowest bits.
    fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

pub(super) fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(xxh3_64(key) as u32)
}

fn index_key(key: &[u8], slot: Slot) -> IndexKey {
    let mut first = [0; 16];
    let length = key.len().min(16);
    first[..length].copy_from_slice(&key[..length]);
    let both = u128::from_be_bytes(first);
    ((both >> 64) as u64, both as u64, slot)
}

/// The highest index key of keys with this prefix.
fn last_index_key(prefix: &[u8]) -> (u64, u64) {
    let mut last = [0xff; 16];
    let length = prefix.len().min(16);
    last[..length].copy_from_slice(&prefix[..length]);
    let both = u128::from_be_bytes(last);
    ((both >> 64) as u64, both as u64)
}
