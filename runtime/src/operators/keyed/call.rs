//! One call of the plugin: what its keys have stored comes in, what it changes is kept.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, BinaryArray, BinaryBuilder, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;

use super::entry::{Entry, Timer};
use super::memory::Memory;
use super::names;
use super::output::key_values;
use super::work::{KeyTable, Segment, Work};
use crate::error::Result;
use crate::plan::{KeyedPlan, PluginPlan};
use crate::plugin::{Clock, DueTimer, Moment, latest};
use crate::state::{Key, NEVER, RowCodec};

/// What the keys of a call have stored.
#[derive(Default)]
pub struct Stored {
    pub states: Vec<Option<Range<usize>>>,
    bytes: Vec<u8>,
    timers: Vec<Timer>,
    timer_ends: Vec<usize>,
    pub expires: Vec<i64>,
    /// Keys whose state is of an older version, with the version.
    pub old: Vec<(u32, usize)>,
}

impl Stored {
    pub fn state(&self, key: usize) -> Option<&[u8]> {
        self.states[key].as_ref().map(|range| &self.bytes[range.clone()])
    }

    pub fn timers(&self, key: usize) -> &[Timer] {
        let start = if key == 0 { 0 } else { self.timer_ends[key - 1] };
        &self.timers[start..self.timer_ends[key]]
    }

    /// Replaces states that were brought to today's version.
    pub fn replace(&mut self, key: usize, state: Option<&[u8]>) {
        self.states[key] = state.map(|state| {
            let start = self.bytes.len();
            self.bytes.extend(state);
            start..self.bytes.len()
        });
    }

    fn push(&mut self, entry: Option<&[u8]>, version: u32, first: i64) -> Result<()> {
        let entry = entry.map(Entry::read).transpose()?;
        // Time goes on in steps; what has expired by the key's own time counts as gone already.
        let entry = entry.filter(|entry| {
            let due = entry.timers().filter(|t| t.clock == Clock::Event).map(|t| t.at).min();
            entry.expires > due.map_or(first, |due| due.min(first))
        });
        let state = entry.and_then(|entry| entry.state);
        self.states.push(None);
        self.replace(self.states.len() - 1, state);
        self.timers.extend(entry.iter().flat_map(Entry::timers));
        self.timer_ends.push(self.timers.len());
        self.expires.push(entry.map_or(NEVER, |entry| entry.expires));
        if let Some(entry) = entry.filter(|entry| entry.state.is_some() && entry.version != version)
        {
            self.old.push((entry.version, self.states.len() - 1));
        }
        Ok(())
    }
}

/// A call that is ready.
pub struct Call {
    pub segments: Vec<Segment>,
    pub stored: Stored,
    /// By key, then in the order in which they are handled.
    pub due: Vec<DueTimer>,
    /// The first of `due` that is beyond each key.
    pub due_ends: Vec<usize>,
    pub rows: RecordBatch,
    /// The number of each row within the work.
    pub at: Vec<u32>,
    pub times: Vec<i64>,
    pub starts: Vec<u32>,
    /// The number of each key within the work.
    pub keys: Vec<u32>,
}

impl Call {
    /// Reads what the keys of `segments` have stored. `None` if there is nothing to be done: no
    /// rows, and no timer that is due.
    ///
    /// # Errors
    /// If the state can't be read, or rows can't be put together.
    pub fn prepare(
        plan: &KeyedPlan,
        work: &Work,
        segments: &[Segment],
        now: i64,
        memory: &Mutex<Memory>,
    ) -> Result<Option<Self>> {
        let entries = entries(&work.keys, segments, &mut lock(memory))?;
        let is_due = |segment: &Segment, timer: &Timer| match timer.clock {
            Clock::Event => timer.at <= segment.until,
            Clock::Processing => timer.at <= now,
        };
        let mut call = Self {
            segments: Vec::with_capacity(segments.len()),
            stored: Stored::default(),
            due: Vec::new(),
            due_ends: Vec::with_capacity(segments.len()),
            rows: work.rows.slice(0, 0),
            at: Vec::new(),
            times: Vec::new(),
            starts: Vec::with_capacity(segments.len()),
            keys: Vec::with_capacity(segments.len()),
        };
        for (segment, entry) in segments.iter().zip(&entries.spans) {
            let entry = entry.as_ref().map(|span| &entries.bytes[span.clone()]);
            if segment.rows() == 0 && !any_due(entry, |timer| is_due(segment, timer))? {
                continue;
            }
            let key = call.segments.len();
            let first = work.times.get(segment.start as usize).copied();
            let first = first.filter(|_| segment.rows() > 0).unwrap_or(i64::MIN);
            call.stored.push(entry, plan.state_version, first)?;
            let due = call.stored.timers(key).iter().filter(|timer| is_due(segment, timer));
            let due = due.map(|timer| {
                let Timer { id, clock, at } = *timer;
                DueTimer { key: key as u32, id, clock, at }
            });
            let before = call.due.len();
            call.due.extend(due);
            call.due[before..].sort_by_key(|t| (t.clock == Clock::Event, t.at, t.id));
            call.due_ends.push(call.due.len());
            call.starts.push(call.at.len() as u32);
            call.at.extend(segment.start..segment.end);
            call.keys.push(segment.key);
            call.segments.push(*segment);
        }
        if call.segments.is_empty() {
            return Ok(None);
        }
        call.take_rows(work)?;
        Ok(Some(call))
    }

    fn take_rows(&mut self, work: &Work) -> Result<()> {
        let is_run = self.at.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        self.rows = match self.at.first() {
            None => work.rows.slice(0, 0),
            Some(first) if is_run => work.rows.slice(*first as usize, self.at.len()),
            Some(_) => take_record_batch(&work.rows, &UInt32Array::from(self.at.clone()))?,
        };
        if !work.times.is_empty() {
            self.times = self.at.iter().map(|row| work.times[*row as usize]).collect();
        }
        Ok(())
    }

    /// The timers of a key that come with the call.
    pub fn due_of(&self, key: usize) -> &[DueTimer] {
        let start = if key == 0 { 0 } else { self.due_ends[key - 1] };
        &self.due[start..self.due_ends[key]]
    }

    /// The latest event time of a key in this call, if anything of it has one.
    pub fn latest(&self, key: usize) -> Option<i64> {
        let end = self.starts.get(key + 1).map_or(self.at.len(), |start| *start as usize);
        let has_rows = end > self.starts[key] as usize;
        let row = self.times.get(end.wrapping_sub(1)).copied().filter(|_| has_rows);
        let timers = self.due_of(key).iter().filter(|timer| timer.clock == Clock::Event);
        row.max(timers.map(|timer| timer.at).max())
    }

    /// What a deterministic plugin hears of time and chance.
    pub fn moment(&self, plan: &PluginPlan, work: &Work) -> Moment {
        let key = work.keys.key(self.keys[0]).bytes;
        let first = self.times.first().or(self.due.first().map(|timer| &timer.at)).copied();
        let now = (0..self.segments.len()).filter_map(|key| self.latest(key)).max();
        let now = now.or_else(|| Some(latest(&self.rows, plan.event_time?)));
        Moment::of_key(&plan.step, key, first.unwrap_or(0), now.unwrap_or(0))
    }

    /// The states as a column.
    pub fn states(&self) -> BinaryArray {
        let count = self.segments.len();
        let mut states = BinaryBuilder::with_capacity(count, self.stored.bytes.len());
        (0..count).for_each(|key| states.append_option(self.stored.state(key)));
        states.finish()
    }

    /// The columns of the keys that the plugin wants to see.
    ///
    /// # Errors
    /// If the bytes of a key are damaged.
    pub fn key_columns(
        &self,
        plan: &KeyedPlan,
        codec: &RowCodec,
        work: &Work,
    ) -> Result<Vec<ArrayRef>> {
        if plan.key_reads.is_empty() {
            return Ok(Vec::new());
        }
        let values = key_values(codec, &work.keys, &self.keys)?;
        plan.key_reads.iter().map(|at| crate::plugin::crossing(&values[*at])).collect()
    }
}

/// Entries as they are stored.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    spans: Vec<Option<Range<usize>>>,
}

fn entries(table: &Arc<KeyTable>, segments: &[Segment], memory: &mut Memory) -> Result<Entries> {
    let mut names = Vec::with_capacity(segments.len() * 16);
    let mut ends = Vec::with_capacity(segments.len());
    for segment in segments {
        names::entry(table.key(segment.key).bytes, &mut names);
        ends.push(names.len());
    }
    let key = |at: usize| {
        let start = if at == 0 { 0 } else { ends[at - 1] };
        Key { group: table.key(segments[at].key).group, bytes: &names[start..ends[at]] }
    };
    let keys: Vec<Key> = (0..segments.len()).map(key).collect();
    let mut entries = Entries { bytes: Vec::new(), spans: vec![None; segments.len()] };
    memory.state.get_many(&keys, &mut |at, value: Option<&[u8]>| {
        entries.spans[at] = value.map(|value| {
            let start = entries.bytes.len();
            entries.bytes.extend(value);
            start..entries.bytes.len()
        });
        Ok(())
    })?;
    Ok(entries)
}

fn any_due(entry: Option<&[u8]>, is_due: impl Fn(&Timer) -> bool) -> Result<bool> {
    let entry = entry.map(Entry::read).transpose()?;
    Ok(entry.is_some_and(|entry| entry.timers().any(|timer| is_due(&timer))))
}

pub fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
