//! A step that runs a keyed plugin: rows come to it by key, with what is stored for the key.
//!
//! `buffer` holds rows back until their time has come, `work` is what is to be done then, `call`
//! one call of the plugin with it, `cut` how work is divided into calls, `changes` what the call
//! leaves behind, `output` its rows.
//! *Invariant:* what a call that failed has done is seen nowhere; rows of a key are given in their
//! order, whatever fails.

mod buffer;
mod call;
mod changes;
mod cut;
pub(crate) mod entry;
mod memory;
pub(crate) mod names;
mod output;
mod runner;
mod timers;
mod versions;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};

use buffer::Buffer;
use call::{Call, lock};
use changes::{NewTimers, apply, check_states, forget_timers};
use cut::{Slots, layers};
use memory::Memory;
use output::Sources;
use runner::Runner;
use timers::TimerIndex;
use work::{KeyNumbers, KeyTable, PIECE_ROWS, RowRef, Segment, Work, sort_by_key};

use super::carried::check_carried;
use super::search::{Cause, Search};
use super::versioned::OnTrial;
use crate::batch::{Batch, Partition};
use crate::dead_letter::{Refusal, letters};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::plan::{Deployment, KeyedPlan, Order};
use crate::plugin::{CallFailure, Clock, KeyedCall, KeyedCallOutput, PluginHost};
use crate::state::{Changes, EncodedRows, RowCodec, StepState};
use crate::swap::{Sample, Side};
use crate::time::Watermark;

/// At the end of a bounded input, so many timers of a key in a row may be set by the one before:
/// a timer that sets itself again would otherwise never end.
const CHAIN_MAX: u32 = 1000;

pub struct KeyedStep {
    current: Runner,
    candidate: Option<OnTrial<Runner>>,
    plugins: Arc<PluginHost>,
    /// What the current version has done since it is that.
    life: Sample,
    /// The partition of rows that come from no row of the input.
    own: Arc<Partition>,
    codec: RowCodec,
    memory: Arc<Mutex<Memory>>,
    timers: TimerIndex,
    /// `None` if rows go to the plugin as they arrive.
    buffer: Option<Buffer>,
    reached: Watermark,
    /// The event time up to which all rows and timers have been handled.
    handled: i64,
    /// The latest event time that a row or timer had.
    latest: i64,
    /// The machine's time, for timers that go by it; and up to when these are due.
    now: fn() -> i64,
    woken: i64,
    /// At the end of the input: how many timers each key has set since.
    chained: HashMap<Box<[u8]>, u32>,
}

impl KeyedStep {
    /// The step with its state, which has acted on event time up to `reached`. `now` tells the
    /// machine's time, for timers in processing time.
    ///
    /// # Errors
    /// If the component was not planned, or the state can't be read.
    pub fn open(
        plan: &KeyedPlan,
        host: &Arc<PluginHost>,
        mut state: StepState,
        (reached, now): (Watermark, fn() -> i64),
    ) -> Result<Self> {
        let plugin = &plan.plugin;
        let codec = RowCodec::new(&plan.key_fields)
            .map_err(|e| Error::config(format!("step `{}`: key column {e}", plugin.step)))?;
        let buffer = match plan.order {
            Order::EventTime { column, .. } => {
                Some(Buffer::open(&plugin.input, (&plan.key, &codec), column, &mut state)?)
            }
            Order::Arrival { .. } => None,
        };
        let partition = Partition { source: plugin.step.clone(), name: String::new() };
        state.leave_unindexed(names::ENTRY);
        Ok(Self {
            current: Runner::new(plan, host)?,
            candidate: None,
            plugins: host.clone(),
            life: Sample::default(),
            own: Arc::new(partition),
            codec,
            timers: TimerIndex::open(&mut state)?,
            memory: Arc::new(Mutex::new(Memory::new(state))),
            buffer,
            reached,
            handled: reached.lagging(plan.order.lag()).0,
            latest: i64::MIN,
            now,
            woken: i64::MIN,
            chained: HashMap::new(),
        })
    }

    /// Puts rows into the buffer, but for those that are late or have no time.
    fn hold(&mut self, batch: Batch, column: usize, lag: i64, out: &mut Outputs) -> Result<()> {
        let times = buffer::times(&batch.rows, column);
        let nulls = batch.rows.column(column).logical_nulls();
        let has_time = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let own = batch.origin.watermarks();
        let is_late = |row: usize| {
            let own = own.map_or(Watermark::NONE, |own| Watermark(own[row]));
            times[row] < own.max(self.reached).lagging(lag).0
        };
        let all = || 0..batch.len();
        if all().all(|row| has_time(row) && !is_late(row)) {
            return self.buffer.as_mut().map_or(Ok(()), |buffer| buffer.push(batch));
        }
        let pick = |wanted: &dyn Fn(usize) -> bool| -> Result<Batch> {
            batch.filter(&all().map(|row| Some(wanted(row))).collect::<BooleanArray>())
        };
        let late = pick(&|row| has_time(row) && is_late(row))?;
        let kept = pick(&|row| has_time(row) && !is_late(row))?;
        let timeless: Vec<Refusal> = all()
            .filter(|row| !has_time(*row))
            .map(|row| Refusal::new(row, "no_time", "the row has no event time"))
            .collect();
        if !timeless.is_empty() {
            out.emit(
                self.current.plan.plugin.errors,
                letters(&self.current.refuser, &batch, &timeless)?,
            );
        }
        if let Some(port) = self.current.plan.late {
            out.emit(port, late);
        }
        self.buffer.as_mut().map_or(Ok(()), |buffer| buffer.push(kept))
    }

    /// Work on a batch as it arrives.
    fn arrived(&self, batch: Batch) -> Result<Vec<Work>> {
        let columns: Vec<ArrayRef> =
            self.current.plan.key.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let mut keys = EncodedRows::default();
        self.codec.encode(&columns, batch.len(), &mut keys)?;
        let mut numbers = KeyNumbers::default();
        let row = |(row, key): (usize, &[u8])| RowRef {
            key: numbers.number(key),
            time: 0,
            batch: 0,
            row: row as u32,
        };
        let rows: Vec<RowRef> = keys.iter().enumerate().map(row).collect();
        let keys = numbers.finish();
        let rows = sort_by_key(rows, keys.len(), |a, b| a.row.cmp(&b.row));
        Work::pieces(&[(batch.rows, batch.origin)], keys, &rows, false, self.handled)
    }

    /// Gives all of some work to the plugin.
    fn work(&mut self, work: &Work, out: &mut Outputs) -> Result<()> {
        match self.current.plan.state_ttl {
            None => self.attempt(work, work.segments.clone(), out),
            Some(ttl) => {
                let layers = layers(work, ttl, !self.timers.is_empty());
                layers.into_iter().try_for_each(|layer| self.attempt(work, layer, out))
            }
        }
    }

    /// Gives segments to the current version, and finds what it fails on.
    fn search(&mut self, work: &Work, segments: &[Segment], out: &mut Outputs) -> Result<()> {
        let slots = Slots::of(segments);
        let mut search = Search::new(slots.len(), self.current.pace);
        while let Some(probe) = search.next() {
            let part = slots.cut(probe.rows, segments, &work.times);
            let plan = &self.current.plan;
            let prepared = Call::prepare(plan, work, &part, self.woken, &self.memory)?;
            let Some(mut call) = prepared else {
                search.nothing();
                continue;
            };
            if probe.fresh {
                self.current.instance = None;
            }
            let start = Instant::now();
            let failure = match self.call(Side::Current, work, &mut call, probe.within)? {
                Ok((output, timers)) => {
                    search.done(start.elapsed());
                    self.current.failures = 0;
                    self.keep(Side::Current, work, &call, output, timers, out)?;
                    continue;
                }
                Err(failure) => failure,
            };
            let is_refused = match self.current.failed(&failure)? {
                Verdict::Search => search.failed(Cause::of(&failure)),
                Verdict::GiveUp => {
                    search.give_up();
                    true
                }
            };
            if is_refused {
                self.refuse(work, &call, &failure, out)?;
            }
        }
        self.current.pace = search.pace();
        Ok(())
    }

    /// One call. A failure takes the instance with it: whatever is left in its memory can't be
    /// trusted.
    fn call(
        &mut self,
        side: Side,
        work: &Work,
        call: &mut Call,
        within: Option<Duration>,
    ) -> Result<Result<(KeyedCallOutput, NewTimers), CallFailure>> {
        let mut instance = match self.runner(side).take_instance() {
            Ok(instance) => instance,
            Err(failure) => return Ok(Err(failure.of_plugin()?)),
        };
        if instance.is_deterministic() {
            instance.pin(call.moment(&self.current.plan.plugin, work));
        }
        instance.within(within);
        if !call.stored.old.is_empty()
            && let Err(failure) = self.runner(side).migrate(&mut instance, call)?
        {
            return Ok(Err(failure));
        }
        let (memory, now) = (self.memory.clone(), self.now);
        let plan = match (&self.candidate, side) {
            (Some(candidate), Side::Candidate) => &candidate.version.plan,
            _ => &self.current.plan,
        };
        let crossing = KeyedCall {
            rows: &call.rows,
            reads: &plan.plugin.reads,
            times: &call.times,
            starts: &call.starts,
            keys: &call.key_columns(plan, &self.codec, work)?,
            states: call.states(),
            timers: &call.due,
        };
        let ports: Vec<_> = plan.plugin.ports.iter().map(|port| &port.adds).collect();
        let limits = &plan.plugin.limits;
        lock(&memory).begin(work.keys.clone(), call.keys.clone(), limits.output.0 as usize);
        let called = crossing.run(&mut instance, memory.clone(), &ports);
        let checked = called.map(|called| {
            instance.settle(called.and_then(|output| {
                let longest = call.keys.iter().map(|key| work.keys.key(*key).bytes.len()).max();
                let columns = call.rows.columns();
                check_carried(&plan.plugin, columns, longest.unwrap_or(0), &output.ports)?;
                check_states(&output.states, limits.state.0)?;
                let timers = NewTimers::of(call, &output.timers, limits.timers, now)?;
                Ok((output, timers))
            }))
        });
        match &checked {
            Ok(Ok(_)) => self.runner(side).keep_instance(instance),
            // What it wrote goes; that the state could not be read is no fault of the plugin.
            _ => lock(&memory).end()?,
        }
        checked
    }

    /// Keeps what a call has changed, and emits what it returned.
    fn keep(
        &mut self,
        side: Side,
        work: &Work,
        call: &Call,
        output: KeyedCallOutput,
        timers: NewTimers,
        out: &mut Outputs,
    ) -> Result<()> {
        let held = self.chain(work, call, &timers);
        let latest = (0..call.segments.len()).filter_map(|key| call.latest(key)).max();
        self.latest = self.latest.max(latest.unwrap_or(i64::MIN));
        let changed = (output.changed.as_slice(), &output.states);
        let plan = match (&self.candidate, side) {
            (Some(candidate), Side::Candidate) => &candidate.version.plan,
            _ => &self.current.plan,
        };
        apply(
            plan,
            (work, call),
            changed,
            &timers,
            &held,
            self.now,
            &mut self.timers,
            &mut lock(&self.memory),
        )?;
        self.emit(side, work, call, output, out)
    }

    /// Emits what a call has returned.
    fn emit(
        &self,
        side: Side,
        work: &Work,
        call: &Call,
        output: KeyedCallOutput,
        out: &mut Outputs,
    ) -> Result<()> {
        let sources = self.sources(side, work, call);
        for rows in output.ports {
            sources.emit(rows, out)?;
        }
        sources.refuse(&output.errors, out)
    }

    /// At the end of the input: which keys have set so many timers that these wait for new rows.
    fn chain(&mut self, work: &Work, call: &Call, timers: &NewTimers) -> Vec<bool> {
        if self.reached != Watermark::END || call.rows.num_rows() > 0 {
            return Vec::new();
        }
        let mut held = vec![false; call.keys.len()];
        for key in timers.keys_with_new() {
            let count = self.chained.entry(work.keys.key(call.keys[key]).bytes.into()).or_default();
            *count += 1;
            held[key] = *count > CHAIN_MAX;
        }
        held
    }

    /// Rows and timers of a call leave as dead letters; the state stays as it was.
    fn refuse(
        &mut self,
        work: &Work,
        call: &Call,
        failure: &CallFailure,
        out: &mut Outputs,
    ) -> Result<()> {
        let refusal = |row: usize| Refusal {
            backtrace: failure.backtrace.clone(),
            ..Refusal::new(row, failure.code, failure.message.clone())
        };
        forget_timers(&self.current.plan, work, call, &mut lock(&self.memory))?;
        let sources = self.sources(Side::Current, work, call);
        let rows: Vec<Refusal> = (0..call.rows.num_rows()).map(refusal).collect();
        sources.refuse(&rows, out)?;
        for (key, number) in call.keys.iter().enumerate() {
            for timer in call.due_of(key) {
                let message = format!("timer {} of {}: {}", timer.id, timer.at, failure.message);
                sources.refuse_key(*number, Refusal { message, ..refusal(0) }, out)?;
            }
        }
        Ok(())
    }

    fn sources<'a>(&'a self, side: Side, work: &'a Work, call: &'a Call) -> Sources<'a> {
        let runner = match (&self.candidate, side) {
            (Some(candidate), Side::Candidate) => &candidate.version,
            _ => &self.current,
        };
        Sources {
            plan: &runner.plan,
            refuser: &runner.refuser,
            codec: &self.codec,
            own: &self.own,
            work,
            rows: &call.rows,
            at: &call.at,
            keys: &call.keys,
        }
    }

    /// Gives all timers of a clock to the plugin that are due by `until`, and those that are set
    /// on the way.
    fn fire(&mut self, clock: Clock, until: i64, out: &mut Outputs) -> Result<()> {
        loop {
            let mut memory = lock(&self.memory);
            let due = self.timers.take_due(&mut memory.state, clock, until, PIECE_ROWS)?;
            drop(memory);
            if due.is_empty() {
                break;
            }
            let mut keys = KeyTable::default();
            for (group, key) in &due {
                keys.push(*group, key);
            }
            let rows = RecordBatch::new_empty(self.current.plan.plugin.input.clone());
            let work = Work::of_timers(rows, keys, self.handled);
            self.attempt(&work, work.segments.clone(), out)?;
        }
        let mut memory = lock(&self.memory);
        self.timers.forget(&mut memory.state, clock, until)
    }
}

enum Verdict {
    /// Find what is at fault.
    Search,
    /// All rows of the call become dead letters.
    GiveUp,
}

impl Operator for KeyedStep {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        if let Order::EventTime { column, lag } = self.current.plan.order {
            return self.hold(batch, column, lag, out);
        }
        for work in self.arrived(batch)? {
            self.work(&work, out)?;
        }
        Ok(())
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut Outputs) -> Result<()> {
        if watermark <= self.reached {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.reached, watermark);
        self.handled = watermark.lagging(self.current.plan.order.lag()).0;
        if let Some(buffer) = &mut self.buffer {
            let released = buffer.release(self.handled, &mut lock(&self.memory).state)?;
            for work in released {
                self.work(&work, out)?;
            }
        }
        self.fire(Clock::Event, self.handled, out)?;
        if watermark == Watermark::END {
            // New rows may come in another run; they are late only for what has been seen.
            let lag = self.current.plan.order.lag();
            self.reached = before.max(Watermark(self.latest.saturating_add(lag)));
            self.handled = self.reached.lagging(lag).0;
            self.chained.clear();
        }
        if self.current.plan.state_ttl.is_some() && self.buffer.is_some() {
            lock(&self.memory).state.expire(self.handled);
        }
        Ok(())
    }

    fn wakes_at(&self) -> Option<i64> {
        self.timers.next(Clock::Processing)
    }

    fn wake(&mut self, now: i64, out: &mut Outputs) -> Result<()> {
        self.woken = self.woken.max(now);
        self.fire(Clock::Processing, self.woken, out)
    }

    fn freeze(&mut self, changes: &mut Changes, _: &mut Outputs) -> Result<()> {
        let mut memory = lock(&self.memory);
        if self.current.plan.state_ttl.is_some() && self.buffer.is_none() {
            memory.state.expire((self.now)());
        }
        if let Some(buffer) = &mut self.buffer {
            buffer.freeze(self.handled, &mut memory.state)?;
        }
        self.timers.freeze(&mut memory.state)?;
        memory.state.freeze(changes)
    }

    fn deploy(&mut self, deployment: &Deployment) -> Result<()> {
        self.take_versions(deployment)
    }

    fn reached(&self) -> Option<Watermark> {
        Some(self.reached)
    }
}
