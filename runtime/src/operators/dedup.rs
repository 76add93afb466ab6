//! The first row of each key.
//!
//! Keys since the last freeze are in a table in memory; those that are still worth remembering at
//! a freeze go to the state. So keys that expire between two freezes never touch the state.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, UInt32Array};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::project::evaluate;
use super::window::{canonical_key, micros};
use crate::batch::Batch;
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::plan::{DedupBound, DedupPlan};
use crate::state::{Changes, EncodedRows, Key, NEVER, RowCodec, StepState};
use crate::time::Watermark;

const MAIN: usize = 0;
const ERRORS: usize = 1;
const LATE: usize = 2;

/// So many keys are in memory before they go to the state.
const KEYS_MAX: usize = 1 << 20;
/// A table smaller than this is not worth looking through for keys that have expired.
const SWEEP_MIN: usize = 1 << 14;

/// A step that deduplicates, in one task.
pub struct DedupStep {
    plan: DedupPlan,
    refuser: Refuser,
    codec: RowCodec,
    state: StepState,
    recent: Recent,
    /// When the last of what may be in the state expires.
    stored_until: i64,
    /// The table is swept when it has grown to this.
    sweep_at: usize,
    watermark: Watermark,
    /// Rows that were dropped.
    duplicates: u64,
    keys: EncodedRows,
}

/// When rows were and which of them count.
struct Timely {
    times: Option<ScalarBuffer<i64>>,
    /// `None`: all.
    late: Option<BooleanBuffer>,
}

impl DedupStep {
    /// A step that goes on where the one that wrote `state` was at the watermark `restored`.
    ///
    /// # Errors
    /// If the key is of a type that can't be kept.
    pub fn open(
        node: &str,
        plan: &DedupPlan,
        state: StepState,
        restored: Watermark,
    ) -> Result<Self> {
        let codec = RowCodec::new(&plan.key_fields)
            .map_err(|what| Error::config(format!("a key can't be remembered: {what}")))?;
        Ok(Self {
            plan: plan.clone(),
            refuser: Refuser { step: node.to_owned(), plugin: None },
            codec,
            state,
            recent: Recent::default(),
            stored_until: i64::MAX,
            sweep_at: SWEEP_MIN,
            watermark: restored,
            duplicates: 0,
            keys: EncodedRows::default(),
        })
    }

    /// How many rows were dropped since the step was opened.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Up to where event time has come for the step.
    fn now(&self, watermark: Watermark) -> i64 {
        match self.plan.bound {
            DedupBound::Within { lag, .. } => watermark.lagging(lag).0,
            DedupBound::Unbounded => i64::MIN,
        }
    }

    /// The times of the rows, and which came so late that their first row may be forgotten.
    fn timely(&self, batch: &Batch) -> Result<Timely> {
        let DedupBound::Within { column, length, .. } = self.plan.bound else {
            return Ok(Timely { times: None, late: None });
        };
        let times = micros(batch.rows.column(column))?;
        let now = self.now(self.watermark);
        let own = batch.origin.watermarks();
        let is_late = |row: usize| {
            let own = own.map_or(i64::MIN, |own| self.now(Watermark(own[row])));
            now.max(own) >= times[row].saturating_add(length)
        };
        let any = match own {
            None => times.iter().any(|time| now >= time.saturating_add(length)),
            Some(_) => (0..batch.len()).any(is_late),
        };
        let late = any.then(|| BooleanBuffer::collect_bool(batch.len(), is_late));
        Ok(Timely { times: Some(times), late })
    }

    /// Which rows are the first of their key.
    fn firsts(&mut self, timely: &Timely) -> Result<BooleanBuffer> {
        let rows = self.keys.len();
        let is_timely = |row: usize| timely.late.as_ref().is_none_or(|late| !late.value(row));
        let hashes: Vec<u64> = self.keys.iter().map(xxh3_64).collect();
        if self.now(self.watermark) < self.stored_until {
            let unknown = (0..rows).filter(|row| {
                is_timely(*row) && self.recent.find(hashes[*row], self.keys.row(*row)).is_none()
            });
            let unknown: Vec<usize> = unknown.collect();
            self.fetch(&unknown, &hashes)?;
        }
        let length = match self.plan.bound {
            DedupBound::Within { length, .. } => length,
            DedupBound::Unbounded => i64::MAX,
        };
        let keys = &self.keys;
        let recent = &mut self.recent;
        let mut first = |row: usize| {
            if !is_timely(row) {
                return false;
            }
            let time = timely.times.as_ref().map_or(0, |times| times[row]);
            recent.is_first(hashes[row], keys.row(row), time, length)
        };
        Ok(BooleanBuffer::collect_bool(rows, &mut first))
    }

    /// Brings what the state has of the keys of these rows into memory.
    fn fetch(&mut self, rows: &[usize], hashes: &[u64]) -> Result<()> {
        let (keys, recent) = (&self.keys, &mut self.recent);
        let key = |row: &usize| Key { group: (hashes[*row] >> 56) as u8, bytes: keys.row(*row) };
        let wanted: Vec<Key> = rows.iter().map(key).collect();
        self.state.get_many(&wanted, |at, value| {
            let Some(value) = value else { return Ok(()) };
            let (times, _) = value.as_chunks::<8>();
            let times = times.iter().map(|time| i64::from_le_bytes(*time));
            recent.known(hashes[rows[at]], keys.row(rows[at]), times.collect());
            Ok(())
        })
    }

    /// Stores the keys that are worth remembering.
    fn flush(&mut self) -> Result<()> {
        let now = self.now(self.watermark);
        let mut value = Vec::new();
        for entry in self.recent.table.iter().filter(|entry| entry.is_new) {
            let key = self.recent.key(entry);
            let expires = self.expires(entry);
            if expires <= now {
                continue;
            }
            value.clear();
            if let DedupBound::Within { .. } = self.plan.bound {
                entry.firsts().for_each(|time| value.extend_from_slice(&time.to_le_bytes()));
            }
            let group = (entry.hash >> 56) as u8;
            self.state.put(Key { group, bytes: key }, &value, expires)?;
            self.stored_until = self.stored_until.max(expires);
        }
        self.recent = Recent::default();
        self.sweep_at = SWEEP_MIN;
        Ok(())
    }

    /// From when on no row that is not late can be a duplicate of this key's: a row is late
    /// `length` after its own time, and that may be `length` after the first.
    fn expires(&self, entry: &Entry) -> i64 {
        match self.plan.bound {
            DedupBound::Within { length, .. } => {
                let last = entry.firsts().fold(i64::MIN, i64::max);
                last.saturating_add(length.saturating_mul(2))
            }
            DedupBound::Unbounded => NEVER,
        }
    }

    /// Rows without a time go to `errors`.
    fn with_times(&self, batch: Batch, out: &mut Outputs) -> Result<Batch> {
        let DedupBound::Within { column, .. } = self.plan.bound else { return Ok(batch) };
        let column = batch.rows.column(column).clone();
        let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return Ok(batch);
        };
        let refusal = |row| Refusal::new(row, "no_event_time", "the row's event time is null");
        let missing = (0..batch.len()).filter(|row| nulls.is_null(*row)).map(refusal);
        out.emit(ERRORS, letters(&self.refuser, &batch, &missing.collect::<Vec<_>>())?);
        batch.filter(&BooleanArray::new(nulls.inner().clone(), None))
    }
}

impl Operator for DedupStep {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let batch = self.with_times(batch, out)?;
        if batch.is_empty() {
            return Ok(());
        }
        let keys = evaluate(&self.plan.keys, &batch.rows)?;
        let keys: Vec<_> = keys.into_iter().map(canonical_key).collect();
        let mut encoded = std::mem::take(&mut self.keys);
        self.codec.encode(&keys, batch.len(), &mut encoded)?;
        self.keys = encoded;
        let timely = self.timely(&batch)?;
        let firsts = self.firsts(&timely)?;
        let mut late = 0;
        if let Some(rows) = &timely.late {
            late = rows.count_set_bits();
            let rows = rows.set_indices().map(|row| row as u32);
            out.emit(LATE, batch.take(&UInt32Array::from_iter_values(rows))?);
        }
        self.duplicates += (batch.len() - late - firsts.count_set_bits()) as u64;
        out.emit(MAIN, batch.filter(&BooleanArray::new(firsts, None))?);
        if self.recent.table.len() > self.sweep_at {
            self.sweep()?;
        }
        Ok(())
    }

    fn watermark(&mut self, watermark: Watermark, _: &mut Outputs) -> Result<()> {
        if watermark == Watermark::END {
            return Ok(());
        }
        let before = self.now(self.watermark);
        self.watermark = self.watermark.max(watermark);
        if before < self.stored_until && before > i64::MIN {
            self.state.expire(self.now(self.watermark));
        }
        Ok(())
    }

    fn freeze(&mut self, changes: &mut Changes, _: &mut Outputs) -> Result<()> {
        self.flush()?;
        self.state.freeze(changes)
    }

    fn reached(&self) -> Option<Watermark> {
        Some(self.watermark)
    }
}

impl DedupStep {
    /// Forgets keys that have expired.
    fn sweep(&mut self) -> Result<()> {
        let now = self.now(self.watermark);
        let recent = std::mem::take(&mut self.recent);
        let kept = recent.table.iter().filter(|entry| self.expires(entry) > now);
        let mut fresh = Recent::default();
        kept.for_each(|entry| fresh.copy(&recent, entry));
        self.recent = fresh;
        self.sweep_at = SWEEP_MIN.max(2 * self.recent.table.len());
        if self.recent.table.len() > KEYS_MAX {
            self.flush()?;
        }
        Ok(())
    }
}

/// Keys that came since the last freeze, or were looked up.
#[derive(Default)]
struct Recent {
    table: HashTable<Entry>,
    /// The keys' bytes, one after the other.
    bytes: Vec<u8>,
}

struct Entry {
    hash: u64,
    at: usize,
    length: u32,
    /// Whether the state does not have it so.
    is_new: bool,
    /// When the row came that was let through.
    first: i64,
    /// Others that were let through, as they were too far away.
    more: Option<Arc<[i64]>>,
}

impl Entry {
    fn firsts(&self) -> impl Iterator<Item = i64> {
        std::iter::once(self.first).chain(self.more.iter().flat_map(|more| more.iter().copied()))
    }
}

impl Recent {
    fn key(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.at..entry.at + entry.length as usize]
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.table.find(hash, |entry| entry.hash == hash && self.key(entry) == key)
    }

    fn insert(&mut self, hash: u64, key: &[u8], first: i64, more: Option<Arc<[i64]>>, new: bool) {
        let (at, length) = (self.bytes.len(), key.len() as u32);
        self.bytes.extend_from_slice(key);
        let entry = Entry { hash, at, length, is_new: new, first, more };
        self.table.insert_unique(hash, entry, |entry| entry.hash);
    }

    /// Notes what the state has of a key.
    fn known(&mut self, hash: u64, key: &[u8], times: Vec<i64>) {
        if self.find(hash, key).is_none() {
            let first = times.first().copied().unwrap_or_default();
            let more = times.get(1..).filter(|more| !more.is_empty()).map(Arc::from);
            self.insert(hash, key, first, more, false);
        }
    }

    /// Whether no row of the key was let through less than `length` away; then this one is.
    fn is_first(&mut self, hash: u64, key: &[u8], time: i64, length: i64) -> bool {
        let bytes = &self.bytes;
        let same = |entry: &Entry| {
            entry.hash == hash && bytes[entry.at..entry.at + entry.length as usize] == *key
        };
        let Some(entry) = self.table.find_mut(hash, same) else {
            self.insert(hash, key, time, None, true);
            return true;
        };
        if entry.firsts().any(|first| first.abs_diff(time) < length as u64) {
            return false;
        }
        let more = entry.more.iter().flat_map(|more| more.iter().copied());
        entry.more = Some(more.chain([time]).collect());
        entry.is_new = true;
        true
    }

    fn copy(&mut self, from: &Self, entry: &Entry) {
        let key = from.key(entry);
        self.insert(entry.hash, key, entry.first, entry.more.clone(), entry.is_new);
    }
}
