//! Rows and timers of some keys, ready to be given to the plugin.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::Origin;
use crate::error::Result;
use crate::state::{Key, key_group};

/// Rows of one piece of work, unless a single key has more.
pub const PIECE_ROWS: usize = 32_768;

/// Keys by number.
#[derive(Debug, Default)]
pub struct KeyTable {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    groups: Vec<u8>,
}

impl KeyTable {
    /// # Panics
    /// If there is no such key.
    pub fn key(&self, key: u32) -> Key<'_> {
        let key = key as usize;
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        Key { group: self.groups[key], bytes: &self.bytes[start..self.ends[key]] }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn push(&mut self, group: u8, key: &[u8]) -> u32 {
        self.bytes.extend(key);
        self.ends.push(self.bytes.len());
        self.groups.push(group);
        (self.ends.len() - 1) as u32
    }
}

/// Numbers keys as they are seen.
#[derive(Default)]
pub struct KeyNumbers {
    table: KeyTable,
    seen: HashTable<(u64, u32)>,
}

impl KeyNumbers {
    pub fn number(&mut self, key: &[u8]) -> u32 {
        let hash = xxh3_64(key);
        let table = &self.table;
        let is_same = |(h, number): &(u64, u32)| *h == hash && table.key(*number).bytes == key;
        if let Some((_, number)) = self.seen.find(hash, is_same) {
            return *number;
        }
        let number = self.table.push(key_group(key), key);
        self.seen.insert_unique(hash, (hash, number), |(hash, _)| *hash);
        number
    }

    pub fn finish(self) -> KeyTable {
        self.table
    }
}

/// A row: which of some batches it is in, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef {
    pub key: u32,
    pub time: i64,
    pub batch: u32,
    pub row: u32,
}

/// The rows of a key that go together, and the timers before and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub key: u32,
    /// The rows within [`Work::rows`].
    pub start: u32,
    pub end: u32,
    /// Timers in event time up to this are due.
    pub until: i64,
}

impl Segment {
    pub fn rows(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Rows in the order of their keys and times.
pub struct Work {
    pub keys: Arc<KeyTable>,
    pub rows: RecordBatch,
    /// Of each row, or empty.
    pub times: Vec<i64>,
    /// Where each row came from: which of `origins`, and its row there.
    pub from: Vec<(u32, u32)>,
    pub origins: Arc<Vec<Origin>>,
    pub segments: Vec<Segment>,
}

impl Work {
    /// Keys that have timers, and no rows.
    pub fn of_timers(rows: RecordBatch, keys: KeyTable, until: i64) -> Self {
        let segment = |key| Segment { key, start: 0, end: 0, until };
        Self {
            segments: (0..keys.len() as u32).map(segment).collect(),
            keys: Arc::new(keys),
            rows,
            times: Vec::new(),
            from: Vec::new(),
            origins: Arc::default(),
        }
    }

    /// Work on `rows` of `batches`, which are in the order of keys, in pieces. The timers of a key
    /// up to `until` are due with its last rows.
    ///
    /// # Errors
    /// If the rows can't be put together.
    pub fn pieces(
        batches: &[(RecordBatch, Origin)],
        keys: KeyTable,
        rows: &[RowRef],
        is_timed: bool,
        until: i64,
    ) -> Result<Vec<Self>> {
        let keys = Arc::new(keys);
        let origins = Arc::new(batches.iter().map(|(_, origin)| origin.clone()).collect());
        let columns: Vec<&RecordBatch> = batches.iter().map(|(rows, _)| rows).collect();
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < rows.len() {
            let piece = &rows[start..piece_end(rows, start)];
            let next = rows.get(start + piece.len()).map(|row| row.key);
            start += piece.len();
            let at: Vec<(usize, usize)> =
                piece.iter().map(|row| (row.batch as usize, row.row as usize)).collect();
            let mut segments = segments(piece, until);
            if let Some(last) = segments.last_mut()
                && is_timed
                && next == Some(last.key)
            {
                // More rows of this key follow in the next piece.
                last.until = piece[piece.len() - 1].time;
            }
            pieces.push(Self {
                keys: keys.clone(),
                rows: interleave_record_batch(&columns, &at)?,
                times: if is_timed { piece.iter().map(|r| r.time).collect() } else { Vec::new() },
                from: piece.iter().map(|row| (row.batch, row.row)).collect(),
                origins: Arc::clone(&origins),
                segments,
            });
        }
        Ok(pieces)
    }
}

/// Pieces end between keys, but where one key has too many rows.
fn piece_end(rows: &[RowRef], start: usize) -> usize {
    let limit = start + PIECE_ROWS;
    if limit >= rows.len() {
        return rows.len();
    }
    let key = rows[limit].key;
    let before = rows[start..limit].iter().rposition(|row| row.key != key);
    before.map_or(limit, |at| start + at + 1)
}

fn segments(rows: &[RowRef], until: i64) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match segments.last_mut() {
            Some(last) if last.key == row.key => last.end += 1,
            _ => {
                let at = at as u32;
                segments.push(Segment { key: row.key, start: at, end: at + 1, until });
            }
        }
    }
    segments
}

/// Brings rows into the order of their keys, and within a key into that of their times; rows of
/// one key and time are put in order by `tie`.
pub fn sort_by_key(
    rows: Vec<RowRef>,
    keys: usize,
    mut tie: impl FnMut(&RowRef, &RowRef) -> std::cmp::Ordering,
) -> Vec<RowRef> {
    let mut ends = vec![0_usize; keys + 1];
    for row in &rows {
        ends[row.key as usize + 1] += 1;
    }
    for key in 0..keys {
        ends[key + 1] += ends[key];
    }
    let mut next = ends.clone();
    let mut sorted = rows.clone();
    for row in rows {
        let at = &mut next[row.key as usize];
        sorted[*at] = row;
        *at += 1;
    }
    for key in 0..keys {
        let own = &mut sorted[ends[key]..ends[key + 1]];
        if own.len() > 1 {
            own.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| tie(a, b)));
        }
    }
    sorted
}
