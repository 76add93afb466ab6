//! The rows and timers of some keys, in the order in which they must be handled.

use arrow_array::{Array, BinaryArray, RecordBatch};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::large::Place;
use super::{LargeList, LargeMap, StateColumn};
use crate::Failure;

/// Which clock a timer goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// That of the rows: nothing earlier will come.
    Event,
    /// The host's.
    Processing,
}

/// What is to be handled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A row of the current key.
    Row {
        /// Its number within [`KeyedBatch::rows`].
        row: u32,
        /// Its event time in microseconds since 1970, if rows come in that order.
        time: Option<i64>,
    },
    /// A timer of the current key. It is gone unless it is set again.
    Timer {
        /// The id under which it was set.
        id: u32,
        /// The clock by which it was due.
        clock: Clock,
        /// The time for which it was set, in microseconds since 1970.
        at: i64,
    },
}

/// A timer that the host says is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTimer {
    /// Number of the key within the batch.
    pub key: u32,
    /// The id under which it was set.
    pub id: u32,
    /// The clock by which it is due.
    pub clock: Clock,
    /// The time for which it was set.
    pub at: i64,
}

/// What becomes of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerChange {
    /// Due at this event time.
    Event(i64),
    /// Due so many microseconds from now.
    Processing(u64),
    /// No longer due.
    Cancel,
}

/// A timer that is set or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerSetting {
    /// Number of the key within the batch.
    pub key: u32,
    /// The timer.
    pub id: u32,
    /// What becomes of it.
    pub change: TimerChange,
}

/// What a batch leaves behind.
pub(crate) struct Changes {
    pub changed: Vec<u32>,
    pub states: StateColumn,
    pub timers: Vec<TimerSetting>,
}

/// The rows and timers of some keys. [`next`](Self::next) goes through them, key by key; between
/// two calls of it everything else here is about the current key.
pub struct KeyedBatch<S> {
    rows: RecordBatch,
    keys: RecordBatch,
    times: Vec<i64>,
    starts: Vec<u32>,
    stored: BinaryArray,
    due: Vec<DueTimer>,
    large: Place,
    current: Current<S>,
    /// The first of `due` that is beyond the current key.
    next_due: usize,
    changes: Changes,
}

/// The key that is being handled.
struct Current<S> {
    /// Its number; one too many at the end, and meaningless before the first.
    key: usize,
    begun: bool,
    /// The rows that are left.
    row: u32,
    rows_end: u32,
    /// The timers of the host that are left, the last one first.
    due: Vec<DueTimer>,
    /// What the plugin has set and what has not come due since.
    set: Vec<(u32, TimerChange)>,
    /// The time of what is being handled.
    now: Option<i64>,
    state: Option<S>,
    read: bool,
    changed: bool,
}

impl<S: Serialize + DeserializeOwned> KeyedBatch<S> {
    pub(crate) fn new(
        (rows, keys): (RecordBatch, RecordBatch),
        times: Vec<i64>,
        starts: Vec<u32>,
        stored: BinaryArray,
        due: Vec<DueTimer>,
        large: Place,
    ) -> Self {
        let current = Current {
            key: 0,
            begun: false,
            row: 0,
            rows_end: 0,
            due: Vec::new(),
            set: Vec::new(),
            now: None,
            state: None,
            read: false,
            changed: false,
        };
        let changes =
            Changes { changed: Vec::new(), states: StateColumn::default(), timers: Vec::new() };
        Self { rows, keys, times, starts, stored, due, large, current, next_due: 0, changes }
    }

    /// The columns of [`Description::reads`](crate::Description::reads). The rows of a key stand
    /// together.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The columns of [`Description::keys`](crate::Description::keys), a row for each key.
    pub fn keys(&self) -> &RecordBatch {
        &self.keys
    }

    /// The number of the current key.
    pub fn key(&self) -> u32 {
        self.current.key as u32
    }

    /// The number by which [`Output::some`](crate::Output::some) makes a row that belongs to no
    /// input row: the columns of the current key are carried over, all others are null.
    pub fn key_row(&self) -> u32 {
        self.rows.num_rows() as u32 + self.key()
    }

    /// What is to be handled next; `None` at the end.
    ///
    /// # Errors
    /// If the state of the last key can't be written.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the state")]
    pub fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if self.current.begun {
                if let Some(event) = self.next_of_key() {
                    return Ok(Some(event));
                }
                self.end_key()?;
            }
            if self.current.key >= self.starts.len() {
                return Ok(None);
            }
            self.begin_key();
        }
    }

    /// The state of the current key.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn state(&mut self) -> Result<Option<&S>, Failure> {
        self.read()?;
        Ok(self.current.state.as_ref())
    }

    /// The state of the current key, to be changed; `None` forgets it.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn state_mut(&mut self) -> Result<&mut Option<S>, Failure> {
        self.read()?;
        self.current.changed = true;
        Ok(&mut self.current.state)
    }

    /// Sets the timer `id` of the current key to an event time, in microseconds since 1970. A time
    /// that is not after what is being handled counts as one microsecond after it.
    pub fn set_timer(&mut self, id: u32, at: i64) {
        let at = self.current.now.map_or(at, |now| at.max(now.saturating_add(1)));
        self.change_timer(id, TimerChange::Event(at));
    }

    /// Sets the timer `id` of the current key to a time on the host's clock, so many microseconds
    /// from now.
    pub fn set_processing_timer(&mut self, id: u32, delay: u64) {
        self.change_timer(id, TimerChange::Processing(delay));
    }

    /// Cancels the timer `id` of the current key, if it is set.
    pub fn cancel_timer(&mut self, id: u32) {
        self.change_timer(id, TimerChange::Cancel);
    }

    /// A map of the current key.
    pub fn map<'a>(&'a self, name: &'a str) -> LargeMap<'a> {
        LargeMap { place: &self.large, key: self.key(), name }
    }

    /// A list of the current key.
    pub fn list<'a>(&'a self, name: &'a str) -> LargeList<'a> {
        LargeList { place: &self.large, key: self.key(), name }
    }

    /// What there is to be kept, once [`next`](Self::next) has come to its end.
    pub(crate) fn finish(mut self) -> Result<Changes, Failure> {
        if self.current.begun {
            if self.next_of_key().is_some() {
                return Err(Failure::new("`process` returned before it had handled all rows"));
            }
            self.end_key()?;
        }
        match self.current.key == self.starts.len() {
            true => Ok(self.changes),
            false => Err(Failure::new("`process` returned before it had handled all keys")),
        }
    }

    fn begin_key(&mut self) {
        let current = &mut self.current;
        let key = current.key;
        current.begun = true;
        current.row = self.starts[key];
        current.rows_end = self.starts.get(key + 1).map_or(self.rows.num_rows() as u32, |r| *r);
        (current.now, current.state, current.read, current.changed) = (None, None, false, false);
        if self.next_due < self.due.len() {
            let left = &self.due[self.next_due..];
            let own = left.iter().take_while(|timer| timer.key as usize == key).count();
            current.due.extend(left[..own].iter().rev());
            self.next_due += own;
        }
    }

    fn end_key(&mut self) -> Result<(), Failure> {
        let current = &mut self.current;
        let key = current.key as u32;
        if current.changed {
            self.changes.changed.push(key);
            self.changes.states.push(current.state.as_ref())?;
        }
        let timers = current.set.drain(..).map(|(id, change)| TimerSetting { key, id, change });
        self.changes.timers.extend(timers);
        current.due.clear();
        current.key += 1;
        current.begun = false;
        Ok(())
    }

    fn next_of_key(&mut self) -> Option<Event> {
        let current = &mut self.current;
        let row = (current.row < current.rows_end).then_some(current.row);
        let time = row.and_then(|row| self.times.get(row as usize).copied());
        let due = current.due.last().copied();
        // What the host knows comes first if it has no place in the order of times.
        let due_first = due.is_some_and(|due| match (due.clock, row, time) {
            (Clock::Processing, _, _) | (_, None, _) | (_, Some(_), None) => true,
            (Clock::Event, Some(_), Some(time)) => due.at <= time,
        });
        let limit = if due_first { due.map(|due| due.at) } else { time };
        if !matches!(due, Some(DueTimer { clock: Clock::Processing, .. }) if due_first)
            && let Some(limit) = limit
            && let Some((id, at)) = current.earliest_set()
            && (at, id) <= (limit, due.filter(|_| due_first).map_or(u32::MAX, |due| due.id))
        {
            current.set.retain(|(set, _)| *set != id);
            // The host may still know an older time of it.
            current.set.push((id, TimerChange::Cancel));
            current.now = Some(at);
            return Some(Event::Timer { id, clock: Clock::Event, at });
        }
        if due_first && let Some(DueTimer { id, clock, at, .. }) = current.due.pop() {
            if clock == Clock::Event {
                current.now = Some(at);
            }
            return Some(Event::Timer { id, clock, at });
        }
        let row = row?;
        current.row += 1;
        current.now = time.or(current.now);
        Some(Event::Row { row, time })
    }

    fn change_timer(&mut self, id: u32, change: TimerChange) {
        let current = &mut self.current;
        current.due.retain(|due| due.id != id);
        match current.set.iter_mut().find(|(set, _)| *set == id) {
            Some((_, known)) => *known = change,
            None => current.set.push((id, change)),
        }
    }

    fn read(&mut self) -> Result<(), Failure> {
        let key = self.current.key;
        if !self.current.read {
            self.current.read = true;
            if self.stored.is_valid(key) {
                self.current.state = Some(StateColumn::decode(self.stored.value(key))?);
            }
        }
        Ok(())
    }
}

impl<S> Current<S> {
    /// The timer in event time that the plugin has set for the earliest time.
    fn earliest_set(&self) -> Option<(u32, i64)> {
        let event = self.set.iter().filter_map(|(id, change)| match change {
            TimerChange::Event(at) => Some((*id, *at)),
            TimerChange::Processing(_) | TimerChange::Cancel => None,
        });
        event.min_by_key(|(id, at)| (*at, *id))
    }
}
