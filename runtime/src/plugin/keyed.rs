//! Batches of keyed plugins to the guest and back: what returns is checked here.

use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch};
use arrow::datatypes::Fields;
use millrace_output::{PortRows, check_changed, check_timers};

use super::bindings::exports::millrace::plugin::keyed_transformer as wit;
use super::boundary::{Flat, check_errors, check_ports, flat, pick};
use super::host::LargeState;
use super::instance::{CallFailure, Instance, said};
use crate::dead_letter::Refusal;
use crate::error::Result;

/// Which clock a timer goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    Event,
    Processing,
}

/// A timer that is due, of a key by its number within the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTimer {
    pub key: u32,
    pub id: u32,
    pub clock: Clock,
    /// Microseconds since 1970.
    pub at: i64,
}

/// What becomes of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerChange {
    /// Due at this event time.
    Event(i64),
    /// Due so many microseconds from now.
    Processing(u64),
    Cancel,
}

/// A timer that a call set or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerSetting {
    pub key: u32,
    pub id: u32,
    pub change: TimerChange,
}

/// Rows and timers of some keys, on their way in.
pub struct KeyedCall<'a> {
    /// The rows of a key stand together.
    pub rows: &'a RecordBatch,
    /// The columns of `rows` that cross.
    pub reads: &'a [usize],
    /// Of each row, or empty.
    pub times: &'a [i64],
    /// The first row of each key.
    pub starts: &'a [u32],
    /// Columns of the key that cross, a row for each key.
    pub keys: &'a [ArrayRef],
    pub states: BinaryArray,
    /// By key, then by time.
    pub timers: &'a [DueTimer],
}

/// What a call returned, checked.
#[derive(Debug)]
pub struct KeyedCallOutput {
    /// Row numbers beyond those of the batch mean keys.
    pub ports: Vec<PortRows>,
    pub errors: Vec<Refusal>,
    /// Numbers of keys, growing.
    pub changed: Vec<u32>,
    /// One for each of `changed`.
    pub states: BinaryArray,
    pub timers: Vec<TimerSetting>,
}

impl KeyedCall<'_> {
    /// Calls the plugin, which may use `large`, and checks what it returns against `ports`, the
    /// columns of each port. The caller settles the call, once it has read the timers.
    ///
    /// # Errors
    /// The outer one if a column can't cross, which planning rules out; the inner one is why the
    /// call came to nothing.
    pub fn run(
        &self,
        instance: &mut Instance,
        large: Arc<Mutex<dyn LargeState>>,
        ports: &[&Fields],
    ) -> Result<Result<KeyedCallOutput, CallFailure>> {
        let columns = Flat::of(&pick(self.rows, self.reads)?)?;
        let keys = Flat::of(self.keys)?;
        let states = Flat::of(&[Arc::new(self.states.clone()) as ArrayRef])?;
        let timers: Vec<wit::FiredTimer> = self.timers.iter().map(|t| (*t).into()).collect();
        let (columns, keys, states) = (columns.parts(), keys.parts(), states.parts());
        let batch = wit::KeyedBatch {
            rows: self.rows.num_rows() as u32,
            columns: columns.param(),
            times: self.times,
            starts: self.starts,
            keys: keys.param(),
            states: states.param(),
            timers: &timers,
        };
        instance.lend(large, self.starts.len() as u32);
        let returned = instance.process_keyed(batch).and_then(said);
        instance.reclaim();
        Ok(returned.and_then(|output| self.check(output, ports).map_err(CallFailure::lie)))
    }

    /// Checks an output. Never panics, whatever is in it.
    fn check(
        &self,
        output: wit::KeyedOutput,
        ports: &[&Fields],
    ) -> Result<KeyedCallOutput, String> {
        let (rows, keys) = (self.rows.num_rows(), self.starts.len());
        let returned = check_ports(output.ports, ports, rows, keys)?;
        let errors = check_errors(output.errors, &returned, rows, keys)?;
        let changed = output.changed;
        check_changed(&changed, keys)?;
        let states = states(output.states, changed.len())?;
        check_timers(output.timers.iter().map(|timer| (timer.key, timer.id)), keys)?;
        let timers = output.timers.into_iter().map(Into::into).collect();
        Ok(KeyedCallOutput { ports: returned, errors, changed, states, timers })
    }
}

/// States of an older version, brought to today's.
///
/// # Errors
/// The outer one if they can't cross; the inner one is why the call came to nothing.
pub fn migrate(
    instance: &mut Instance,
    version: u32,
    old: BinaryArray,
) -> Result<Result<BinaryArray, CallFailure>> {
    let count = old.len();
    let flat = Flat::of(&[Arc::new(old) as ArrayRef])?;
    let returned = instance.migrate(version, flat.parts().param()).and_then(said);
    let checked = returned.and_then(|columns| states(columns, count).map_err(CallFailure::lie));
    Ok(instance.settle(checked))
}

/// A column of states.
pub(super) fn states(
    columns: super::bindings::millrace::plugin::types::ColumnsResult,
    count: usize,
) -> Result<BinaryArray, String> {
    millrace_output::states(flat(columns), count)
}

impl From<DueTimer> for wit::FiredTimer {
    fn from(timer: DueTimer) -> Self {
        let clock = match timer.clock {
            Clock::Event => wit::Clock::EventTime,
            Clock::Processing => wit::Clock::ProcessingTime,
        };
        Self { key: timer.key, id: timer.id, clock, at: timer.at }
    }
}

impl From<wit::Timer> for TimerSetting {
    fn from(timer: wit::Timer) -> Self {
        let change = match timer.change {
            wit::TimerChange::EventTime(at) => TimerChange::Event(at),
            wit::TimerChange::ProcessingTime(delay) => TimerChange::Processing(delay),
            wit::TimerChange::Cancel => TimerChange::Cancel,
        };
        Self { key: timer.key, id: timer.id, change }
    }
}
