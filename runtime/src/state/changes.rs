//! What changed in an epoch, as bytes.
//!
//! One section per step:
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | the length of what follows |
//! | 2 + n | the step's name, its length before it |
//! | 1, 1 | the first and the last key group that the section is about |
//! | 2 + 9n | how far time has come: runs of groups, the last of each and the time |
//! | ... | records |
//!
//! A record is a byte for its kind and then: 0, removed: group, key. 1, set: group, key, value.
//! 2, set until a time: group, key, time, value. 3, all keys removed that begin so: the prefix.
//! Keys, values and prefixes have their length before them, as LEB128; other numbers are
//! little-endian. Removals of prefixes come first, and are of keys that were set in earlier epochs.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KEY_GROUPS, Key, NEVER};
use crate::epoch::Epoch;
use crate::error::{Error, Result};

const REMOVE: u8 = 0;
const PUT: u8 = 1;
const PUT_UNTIL: u8 = 2;
const REMOVE_PREFIX: u8 = 3;

/// How far a step's time has come, by key group: what expires at or before it is gone.
pub type Nows = [i64; KEY_GROUPS];

/// What changed in an epoch: one task's part of it.
#[derive(Debug, Default)]
pub struct Changes {
    pub(super) bytes: Vec<u8>,
    pub(super) epochs: Vec<Arc<SealedEpoch>>,
    pub tally: StateTally,
}

/// How much has changed, for those who watch.
#[derive(Debug, Clone, Copy, Default)]
pub struct StateTally {
    /// Entries that were written, and entries that were removed.
    pub updated: u64,
    pub removed: u64,
    /// What the state has in memory by now.
    pub memory_bytes: u64,
}

impl StateTally {
    /// With that of another task.
    pub fn add(&mut self, other: Self) {
        self.updated += other.updated;
        self.removed += other.removed;
        self.memory_bytes += other.memory_bytes;
    }
}

/// The epoch to which changes belong. Known once they are sealed.
#[derive(Debug, Default)]
pub(super) struct SealedEpoch(AtomicU64);

impl SealedEpoch {
    pub fn new(epoch: Epoch) -> Self {
        Self(AtomicU64::new(epoch.0))
    }

    pub fn set(&self, epoch: Epoch) {
        self.0.store(epoch.0, Ordering::Release);
    }

    pub fn is_merged(&self, merged: Epoch) -> bool {
        let epoch = self.0.load(Ordering::Acquire);
        epoch != 0 && epoch <= merged.0
    }
}

impl Changes {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Begins the section of a step.
    pub(super) fn section(
        &mut self,
        step: &str,
        groups: &RangeInclusive<u8>,
        nows: &Nows,
    ) -> Writer<'_> {
        let start = self.bytes.len();
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&(step.len() as u16).to_le_bytes());
        bytes.extend_from_slice(step.as_bytes());
        bytes.extend_from_slice(&[*groups.start(), *groups.end()]);
        let mut runs: Vec<(u8, i64)> = Vec::new();
        for group in groups.clone() {
            let now = nows[usize::from(group)];
            match runs.last_mut() {
                Some((last, same)) if *same == now => *last = group,
                _ => runs.push((group, now)),
            }
        }
        bytes.extend_from_slice(&(runs.len() as u16).to_le_bytes());
        for (last, now) in runs {
            bytes.push(last);
            bytes.extend_from_slice(&now.to_le_bytes());
        }
        Writer { bytes, start }
    }
}

/// Writes the records of a section.
pub(super) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl Writer<'_> {
    pub fn record(&mut self, record: &Record) {
        match record {
            Record::Remove(key) => {
                self.bytes.extend_from_slice(&[REMOVE, key.group]);
                write(self.bytes, key.bytes);
            }
            Record::Put { key, value, expires } => {
                let kind = if *expires == NEVER { PUT } else { PUT_UNTIL };
                self.bytes.extend_from_slice(&[kind, key.group]);
                write(self.bytes, key.bytes);
                if kind == PUT_UNTIL {
                    self.bytes.extend_from_slice(&expires.to_le_bytes());
                }
                write(self.bytes, value);
            }
            Record::RemovePrefix(prefix) => {
                self.bytes.push(REMOVE_PREFIX);
                write(self.bytes, prefix);
            }
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let length = (self.bytes.len() - self.start - 8) as u64;
        self.bytes[self.start..self.start + 8].copy_from_slice(&length.to_le_bytes());
    }
}

fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut left = bytes.len();
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out.extend_from_slice(bytes);
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    Put { key: Key<'a>, value: &'a [u8], expires: i64 },
    Remove(Key<'a>),
    RemovePrefix(&'a [u8]),
}

/// The changes of one step, as they are read back.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    pub step: &'a str,
    pub groups: RangeInclusive<u8>,
    nows: &'a [u8],
    records: &'a [u8],
}

impl<'a> Section<'a> {
    /// The sections in the bytes of [`Changes`].
    pub fn all(mut bytes: &'a [u8]) -> impl Iterator<Item = Result<Self>> {
        std::iter::from_fn(move || {
            (!bytes.is_empty()).then(|| Self::read(&mut bytes).ok_or_else(damaged))
        })
    }

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let Some(length) = bytes.split_off(..8) else {
            *bytes = &[];
            return None;
        };
        let length = u64::from_le_bytes(length.try_into().ok()?);
        let Some(mut section) = usize::try_from(length).ok().and_then(|n| bytes.split_off(..n))
        else {
            *bytes = &[];
            return None;
        };
        let length = usize::from(u16::from_le_bytes(*section.split_off(..2)?.as_array()?));
        let step = std::str::from_utf8(section.split_off(..length)?).ok()?;
        let groups = section.split_off(..2)?;
        let runs = usize::from(u16::from_le_bytes(*section.split_off(..2)?.as_array()?));
        let nows = section.split_off(..9 * runs)?;
        Some(Self { step, groups: groups[0]..=groups[1], nows, records: section })
    }

    /// How far time had come, for runs of key groups.
    pub fn nows(&self) -> impl Iterator<Item = (RangeInclusive<u8>, i64)> {
        let (runs, _) = self.nows.as_chunks::<9>();
        let mut first = u16::from(*self.groups.start());
        runs.iter().map(move |[last, now @ ..]| {
            let groups = first.min(255) as u8..=*last;
            first = u16::from(*last) + 1;
            (groups, i64::from_le_bytes(*now))
        })
    }

    pub fn records(&self) -> impl Iterator<Item = Result<Record<'a>>> {
        let mut bytes = self.records;
        std::iter::from_fn(move || {
            let record = (!bytes.is_empty()).then(|| record(&mut bytes).ok_or_else(damaged));
            if matches!(record, Some(Err(_))) {
                bytes = &[];
            }
            record
        })
    }
}

fn record<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let kind = *bytes.split_off_first()?;
    if kind == REMOVE_PREFIX {
        return read(bytes).map(Record::RemovePrefix);
    }
    let group = *bytes.split_off_first()?;
    let key = Key { group, bytes: read(bytes)? };
    let expires = match kind {
        REMOVE => return Some(Record::Remove(key)),
        PUT => NEVER,
        PUT_UNTIL => i64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?),
        _ => return None,
    };
    Some(Record::Put { key, value: read(bytes)?, expires })
}

fn read<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.split_off_first()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return bytes.split_off(..length);
        }
    }
    None
}

fn damaged() -> Error {
    Error::corrupt("a segment of state changes is not as it was written, with the right checksum")
}
