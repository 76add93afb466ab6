//! The state of the step, and what a call may do to the large part of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names;
use super::work::KeyTable;
use crate::error::{Error, Result};
use crate::plugin::{LargeState, ListRange, MapEntry};
use crate::state::{Key, StepState};

/// What an entry takes beside its bytes until its call is over.
const WRITTEN_BYTES: usize = 64;
/// What a value takes beside its bytes on its way to the guest.
const VALUE_BYTES: usize = 32;

/// The state, and what the call that runs has written.
#[derive(Debug, Default)]
pub struct Memory {
    pub state: StepState,
    /// The keys of the call that runs: which of a table's they are.
    call: Option<(Arc<KeyTable>, Vec<u32>)>,
    /// What it has written, with the number of the key; `None` where it was removed.
    written: BTreeMap<(u8, Vec<u8>), Written>,
    /// What it may still write.
    room: usize,
    room_max: usize,
    /// Why the state could not be read. No fault of the plugin.
    failure: Option<Error>,
}

/// The number of a key in the call, and what it has written there.
type Written = (u32, Option<Vec<u8>>);

impl Memory {
    pub fn new(state: StepState) -> Self {
        Self { state, ..Self::default() }
    }

    /// A call begins, with these keys of a table, which may write so many bytes.
    pub fn begin(&mut self, table: Arc<KeyTable>, keys: Vec<u32>, bytes_max: usize) {
        self.written.clear();
        (self.room, self.room_max) = (bytes_max, bytes_max);
        self.call = Some((table, keys));
    }

    /// The call is over; what it has written is thrown away unless it was kept.
    ///
    /// # Errors
    /// If the state could not be read.
    pub fn end(&mut self) -> Result<()> {
        self.written.clear();
        self.call = None;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Keeps what the call has written; `expires` has for each key when it is to be forgotten.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn keep(&mut self, expires: impl Fn(u32) -> i64) -> Result<()> {
        for ((group, bytes), (key, value)) in std::mem::take(&mut self.written) {
            let stored = Key { group, bytes: &bytes };
            match value {
                Some(value) => self.state.put(stored, &value, expires(key))?,
                None => self.state.remove(stored)?,
            }
        }
        Ok(())
    }

    /// The group of a key of the call, and the beginning of what belongs to its map or list.
    fn name(&self, kind: u8, key: u32, name: &str) -> Result<(u8, Vec<u8>)> {
        let missing = || Error::internal("large state outside of a call");
        let (table, keys) = self.call.as_ref().ok_or_else(missing)?;
        let key = table.key(*keys.get(key as usize).ok_or_else(missing)?);
        Ok((key.group, names::large(kind, key.bytes, name)))
    }

    fn read(&mut self, (group, bytes): (u8, Vec<u8>)) -> Result<Option<Vec<u8>>> {
        let whole = (group, bytes);
        if let Some((_, value)) = self.written.get(&whole) {
            return Ok(value.clone());
        }
        match self.state.get(Key { group, bytes: &whole.1 }) {
            Ok(value) => Ok(value.map(<[u8]>::to_vec)),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn write(&mut self, key: u32, at: (u8, Vec<u8>), value: Option<Vec<u8>>) -> Result<()> {
        let bytes = at.1.len() + value.as_ref().map_or(0, Vec::len) + WRITTEN_BYTES;
        self.room = self.room.checked_sub(bytes).ok_or_else(|| {
            let max = self.room_max;
            let text =
                format!("wrote more large state in one call than the {max} bytes of its limit");
            Error::plugin(format!("{text} `output`"))
        })?;
        self.written.insert(at, (key, value));
        Ok(())
    }

    /// Notes why a call will fail, so that nobody blames the plugin.
    fn fail(&mut self, error: Error) -> Error {
        let told = Error::internal(format!("cannot read state: {error}"));
        self.failure = Some(error);
        told
    }
}

/// The first entries of a map, as they are found in any order; no more of them than may be returned,
/// but for the one that does not fit any more.
struct Found {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

impl Found {
    /// Whether an entry can be among the first.
    fn may_be(&self, entry: &[u8]) -> bool {
        !self.is_full()
            || self.entries.last_key_value().is_none_or(|(last, _)| entry < last.as_slice())
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= self.entries_max || self.bytes > self.bytes_max
    }

    fn insert(&mut self, entry: &[u8], value: &[u8]) {
        self.bytes += entry.len() + value.len() + VALUE_BYTES;
        self.entries.insert(entry.to_vec(), value.to_vec());
        while let Some((last, value)) = self.entries.last_key_value() {
            let bytes = last.len() + value.len() + VALUE_BYTES;
            if self.entries.len() <= self.entries_max && self.bytes - bytes <= self.bytes_max {
                break;
            }
            self.bytes -= bytes;
            self.entries.pop_last();
        }
    }

    fn fitting(self) -> Vec<MapEntry> {
        let mut bytes = 0;
        let fits = |(entry, value): &MapEntry| {
            bytes += entry.len() + value.len() + VALUE_BYTES;
            bytes <= self.bytes_max
        };
        self.entries.into_iter().take(self.entries_max).take_while(fits).collect()
    }
}

impl LargeState for Memory {
    fn map_get(&mut self, key: u32, name: &str, entry: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut at = self.name(names::MAP, key, name)?;
        at.1.extend(entry);
        self.read(at)
    }

    fn map_put(&mut self, key: u32, name: &str, entry: &[u8], value: Vec<u8>) -> Result<()> {
        let mut at = self.name(names::MAP, key, name)?;
        at.1.extend(entry);
        self.write(key, at, Some(value))
    }

    fn map_remove(&mut self, key: u32, name: &str, entry: &[u8]) -> Result<()> {
        let mut at = self.name(names::MAP, key, name)?;
        at.1.extend(entry);
        self.write(key, at, None)
    }

    fn map_scan(
        &mut self,
        key: u32,
        name: &str,
        after: Option<&[u8]>,
        (entries_max, bytes_max): (usize, usize),
    ) -> Result<Vec<MapEntry>> {
        let (group, prefix) = self.name(names::MAP, key, name)?;
        let is_wanted = |entry: &[u8]| after.is_none_or(|after| entry > after);
        let mut found = Found { entries: BTreeMap::new(), bytes: 0, entries_max, bytes_max };
        let (state, written) = (&mut self.state, &self.written);
        let scanned = state.scan(&prefix, &mut |stored, value| {
            let entry = &stored.bytes[prefix.len()..];
            let at = || (stored.group, stored.bytes.to_vec());
            let is_written = || !written.is_empty() && written.contains_key(&at());
            if is_wanted(entry) && found.may_be(entry) && !is_written() {
                found.insert(entry, value);
            }
            Ok(())
        });
        scanned.map_err(|error| self.fail(error))?;
        let written = self.written.range((group, prefix.clone())..);
        for ((_, name), (_, value)) in
            written.take_while(|((g, n), _)| *g == group && n.starts_with(&prefix))
        {
            let entry = &name[prefix.len()..];
            if let Some(value) = value
                && is_wanted(entry)
            {
                found.insert(entry, value);
            }
        }
        Ok(found.fitting())
    }

    fn list_append(&mut self, key: u32, name: &str, value: Vec<u8>) -> Result<()> {
        let range = self.list_range(key, name)?;
        let mut at = self.name(names::LIST, key, name)?;
        at.1.extend(range.end.to_be_bytes());
        self.write(key, at, Some(value))?;
        self.write_range(key, name, ListRange { end: range.end + 1, ..range })
    }

    fn list_range(&mut self, key: u32, name: &str) -> Result<ListRange> {
        let at = self.name(names::LIST_RANGE, key, name)?;
        let Some(bytes) = self.read(at)? else { return Ok(ListRange::default()) };
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes);
        match bytes.split_at_checked(8).map(|(a, b)| (number(a), number(b))) {
            Some((Ok(first), Ok(end))) => Ok(ListRange { first, end }),
            _ => Err(self.fail(Error::corrupt("the stored positions of a list are damaged"))),
        }
    }

    fn list_read(
        &mut self,
        key: u32,
        name: &str,
        from: u64,
        (values_max, bytes_max): (usize, usize),
    ) -> Result<Vec<Vec<u8>>> {
        let range = self.list_range(key, name)?;
        let (group, prefix) = self.name(names::LIST, key, name)?;
        let mut values = Vec::new();
        let mut bytes = 0;
        for position in (from.max(range.first)..range.end).take(values_max) {
            let mut at = prefix.clone();
            at.extend(position.to_be_bytes());
            // A value that has expired leaves an empty one, so that positions stay what they are.
            let value = self.read((group, at))?.unwrap_or_default();
            // Empty values take room too.
            bytes += value.len() + VALUE_BYTES;
            if bytes > bytes_max {
                break;
            }
            values.push(value);
        }
        Ok(values)
    }

    fn list_remove(&mut self, key: u32, name: &str, before: u64) -> Result<()> {
        let range = self.list_range(key, name)?;
        let first = before.clamp(range.first, range.end);
        let (group, prefix) = self.name(names::LIST, key, name)?;
        for position in range.first..first {
            let mut at = prefix.clone();
            at.extend(position.to_be_bytes());
            self.write(key, (group, at), None)?;
        }
        self.write_range(key, name, ListRange { first, ..range })
    }
}

impl Memory {
    fn write_range(&mut self, key: u32, name: &str, range: ListRange) -> Result<()> {
        let at = self.name(names::LIST_RANGE, key, name)?;
        let mut bytes = range.first.to_le_bytes().to_vec();
        bytes.extend(range.end.to_le_bytes());
        self.write(key, at, Some(bytes))
    }
}
