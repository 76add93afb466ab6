//! Where the groups of panes are kept between epochs.
//!
//! The key of an entry is its pane and then the user's key; the value is the state of the
//! aggregates. So that the panes are found again without reading all groups, there is beside them
//! an entry for each pane and key group, which has no value: its key begins with [`INDEX`].

use std::collections::BTreeMap;

use super::groups::{Aggregation, Partial};
use crate::error::{Error, Result};
use crate::state::{Changes, EncodedRows, Key, KeyGroups, NEVER, StepState, key_group};

/// A time that no pane has, encoded as the times of panes are.
const INDEX: [u8; 8] = [0; 8];

/// A time as bytes that are ordered as the times are.
fn ordered(time: i64) -> [u8; 8] {
    (time as u64 ^ 1 << 63).to_be_bytes()
}

fn time_of(bytes: &[u8]) -> Option<i64> {
    Some((u64::from_be_bytes(bytes.try_into().ok()?) ^ 1 << 63) as i64)
}

/// A part of time that is aggregated by itself. All its rows are in the same windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pane {
    pub start: i64,
    /// The end of the first window that it counts for. Rows of an earlier one came too late.
    pub first: i64,
}

/// How many times stand before a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    /// There are no panes.
    None,
    /// A pane counts for one window, so that its start says all.
    Start,
    Both,
}

impl Prefix {
    fn bytes(self, pane: Pane) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Start => ordered(pane.start).to_vec(),
            Self::Both => [ordered(pane.start), ordered(pane.first)].concat(),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Start => 8,
            Self::Both => 16,
        }
    }
}

pub(super) struct Store {
    state: StepState,
    prefix: Prefix,
    keys: EncodedRows,
    states: EncodedRows,
}

/// What is stored of some groups.
pub(super) struct Stored {
    pub groups: Partial,
    /// For each of the groups whether it was there.
    pub found: Vec<bool>,
}

impl Store {
    pub fn new(state: StepState, prefix: Prefix) -> Self {
        Self { state, prefix, keys: EncodedRows::default(), states: EncodedRows::default() }
    }

    /// The panes that were open when the state was written.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn panes(&mut self) -> Result<BTreeMap<Pane, KeyGroups>> {
        let mut panes: BTreeMap<Pane, KeyGroups> = BTreeMap::new();
        if self.prefix == Prefix::None {
            return Ok(panes);
        }
        self.state.scan(&INDEX, &mut |key, _| {
            let times = key.bytes.get(8..).unwrap_or_default();
            let start = times.get(..8).and_then(time_of);
            let first = times.get(8..).and_then(time_of);
            if let Some(start) = start {
                let pane = Pane { start, first: first.unwrap_or(start) };
                panes.entry(pane).or_default().insert(key.group);
            }
            Ok(())
        })?;
        Ok(panes)
    }

    /// What is stored of the groups in `partial`.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn get(
        &mut self,
        pane: Pane,
        aggregation: &Aggregation,
        partial: &Partial,
    ) -> Result<Stored> {
        let whole = self.encode_keys(pane, aggregation, partial)?;
        let keys: Vec<Key> = whole.keys().collect();
        let mut found = vec![false; partial.rows];
        let mut states: Vec<u8> = Vec::new();
        let mut ends: Vec<(usize, usize)> = Vec::new();
        self.state.get_many(&keys, |at, value| {
            if let Some(value) = value {
                found[at] = true;
                states.extend_from_slice(value);
                ends.push((at, states.len()));
            }
            Ok(())
        })?;
        let starts = std::iter::once(0).chain(ends.iter().map(|(_, end)| *end));
        let ranges = starts.zip(&ends);
        let rows: Vec<(&[u8], &[u8])> =
            ranges.map(|(start, (at, end))| (whole.user_key(*at), &states[start..*end])).collect();
        let groups = aggregation.decode(rows.iter().map(|r| r.0), rows.iter().map(|r| r.1))?;
        Ok(Stored { groups, found })
    }

    /// Stores the groups of a pane, in place of what was stored of them.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn put(
        &mut self,
        pane: Pane,
        known: &mut KeyGroups,
        aggregation: &Aggregation,
        partial: &Partial,
        expires: i64,
    ) -> Result<()> {
        let whole = self.encode_keys(pane, aggregation, partial)?;
        aggregation.state_codec.encode(&partial.states, partial.rows, &mut self.states)?;
        for (key, state) in whole.keys().zip(self.states.iter()) {
            self.state.put(key, state, expires)?;
            if known.insert(key.group) && self.prefix != Prefix::None {
                let index = [INDEX.as_slice(), &whole.prefix].concat();
                self.state.put(Key { group: key.group, bytes: &index }, &[], NEVER)?;
            }
        }
        Ok(())
    }

    /// All groups of a pane, in parts of at most `rows_max`.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn scan(&mut self, pane: Pane, aggregation: &Aggregation) -> Result<Partial> {
        let skip = self.prefix.len();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        self.state.scan(&self.prefix.bytes(pane), &mut |key, value| {
            bytes.extend_from_slice(&key.bytes[skip..]);
            let middle = bytes.len();
            bytes.extend_from_slice(value);
            ends.push((middle, bytes.len()));
            Ok(())
        })?;
        let starts = std::iter::once(0).chain(ends.iter().map(|(_, end)| *end));
        let rows: Vec<(&[u8], &[u8])> = starts
            .zip(&ends)
            .map(|(start, (middle, end))| (&bytes[start..*middle], &bytes[*middle..*end]))
            .collect();
        aggregation.decode(rows.iter().map(|r| r.0), rows.iter().map(|r| r.1))
    }

    /// Forgets a pane.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn remove(&mut self, pane: Pane) -> Result<()> {
        let prefix = self.prefix.bytes(pane);
        self.state.remove_prefix(&prefix)?;
        self.state.remove_prefix(&[INDEX.as_slice(), &prefix].concat())
    }

    /// Visits the pane and the user's key of every entry.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn each(&mut self, visit: &mut dyn FnMut(Pane, &[u8])) -> Result<()> {
        self.state.scan(&[], &mut |key, _| {
            let (start, rest) = key.bytes.split_at_checked(8).unwrap_or_default();
            let (first, key) = rest.split_at_checked(8).unwrap_or_default();
            if let (Some(start), Some(first)) = (time_of(start), time_of(first)) {
                visit(Pane { start, first }, key);
            }
            Ok(())
        })
    }

    /// The state of one group.
    ///
    /// # Errors
    /// If the state can't be read, or has no such group.
    pub fn get_one(&mut self, pane: Pane, key: &[u8]) -> Result<Vec<u8>> {
        let bytes = [self.prefix.bytes(pane).as_slice(), key].concat();
        let found = self.state.get(Key { group: key_group(key), bytes: &bytes })?;
        found.map(<[u8]>::to_vec).ok_or_else(|| Error::corrupt("a group is not in the state"))
    }

    /// Stores one group, without a note of its pane.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn put_one(&mut self, pane: Pane, key: &[u8], state: &[u8]) -> Result<()> {
        let bytes = [self.prefix.bytes(pane).as_slice(), key].concat();
        self.state.put(Key { group: key_group(key), bytes: &bytes }, state, NEVER)
    }

    /// Forgets one group.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn remove_one(&mut self, pane: Pane, key: &[u8]) -> Result<()> {
        let bytes = [self.prefix.bytes(pane).as_slice(), key].concat();
        self.state.remove(Key { group: key_group(key), bytes: &bytes })
    }

    /// Forgets what expires at or before `now`.
    pub fn expire(&mut self, now: i64) {
        self.state.expire(now);
    }

    /// # Errors
    /// If the state can't be written.
    pub fn freeze(&mut self, changes: &mut Changes) -> Result<()> {
        self.state.freeze(changes)
    }

    fn encode_keys(
        &mut self,
        pane: Pane,
        aggregation: &Aggregation,
        partial: &Partial,
    ) -> Result<WholeKeys> {
        aggregation.key_codec.encode(&partial.keys, partial.rows, &mut self.keys)?;
        let prefix = self.prefix.bytes(pane);
        let mut whole = WholeKeys { prefix, ..WholeKeys::default() };
        for key in self.keys.iter() {
            whole.bytes.extend_from_slice(&whole.prefix);
            whole.bytes.extend_from_slice(key);
            whole.ends.push((whole.bytes.len(), key_group(key)));
        }
        Ok(whole)
    }
}

/// Keys of entries, one after the other.
#[derive(Default)]
struct WholeKeys {
    prefix: Vec<u8>,
    bytes: Vec<u8>,
    /// Where each ends, and its group.
    ends: Vec<(usize, u8)>,
}

impl WholeKeys {
    fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, (end, group))| Key { group: *group, bytes: &self.bytes[start..*end] })
    }

    fn user_key(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 };
        &self.bytes[start + self.prefix.len()..self.ends[at].0]
    }
}
