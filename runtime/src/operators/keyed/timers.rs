//! Which keys have timers when.
//!
//! A timer itself is part of its key's entry. What is kept here only finds the keys: by spans of a
//! minute, of which only those that time has reached, and what is new since the last freeze, are in
//! memory. It may name keys whose timer was moved or cancelled since; whoever asks looks at the
//! entry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::entry::{Entry, Timer};
use super::names;
use crate::error::{Error, Result};
use crate::plugin::Clock;
use crate::state::{Key, KeyGroups, NEVER, StepState};

/// Length of a span in microseconds.
const SPAN: i64 = 60_000_000;

/// The timers of both clocks.
#[derive(Debug)]
pub struct TimerIndex {
    event: Spans,
    processing: Spans,
}

/// The timers of one clock.
#[derive(Debug)]
struct Spans {
    clock: Clock,
    /// The spans in which any key has a timer.
    known: BTreeMap<i64, Span>,
    /// All spans up to this one are in `near`.
    loaded: Option<i64>,
    near: BinaryHeap<Reverse<Near>>,
}

/// What is known of a span.
#[derive(Debug, Default)]
struct Span {
    /// The groups whose keys are stored.
    stored: KeyGroups,
    /// Keys that came since the last freeze. Most timers of a busy stream are over before they
    /// would have to be stored.
    new: Vec<(u8, Box<[u8]>)>,
}

/// A key with a timer.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    at: i64,
    group: u8,
    key: Box<[u8]>,
}

impl TimerIndex {
    /// # Errors
    /// If the state can't be read.
    pub fn open(state: &mut StepState) -> Result<Self> {
        let spans =
            |clock| Spans { clock, known: BTreeMap::new(), loaded: None, near: BinaryHeap::new() };
        let mut index = Self { event: spans(Clock::Event), processing: spans(Clock::Processing) };
        state.scan(&[names::SPAN], &mut |key, _| {
            let damaged = || Error::corrupt("the stored timers of a step are damaged");
            let (clock, span) = names::read_span(key.bytes).ok_or_else(damaged)?;
            index.of(clock).known.entry(span).or_default().stored.insert(key.group);
            Ok(())
        })?;
        Ok(index)
    }

    fn of(&mut self, clock: Clock) -> &mut Spans {
        match clock {
            Clock::Event => &mut self.event,
            Clock::Processing => &mut self.processing,
        }
    }

    /// Notes a timer of `key`, which had the timers `before`. A timer that is `held` is not given
    /// out any more, but kept.
    pub fn set(&mut self, key: Key, timer: Timer, before: &[Timer], held: bool) {
        let span = timer.at.div_euclid(SPAN);
        let spans = self.of(timer.clock);
        let is_near = spans.loaded.is_some_and(|loaded| span <= loaded);
        if is_near && !held {
            let near = Near { at: timer.at, group: key.group, key: key.bytes.into() };
            spans.near.push(Reverse(near));
        }
        let known = spans.known.entry(span).or_default();
        let is_same = |b: &Timer| b.clock == timer.clock && b.at.div_euclid(SPAN) == span;
        // A span that was loaded may have been removed since, and its timers with it.
        if is_near || !before.iter().any(is_same) {
            known.new.push((key.group, key.bytes.into()));
        }
    }

    /// Stores what is new.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn freeze(&mut self, state: &mut StepState) -> Result<()> {
        for spans in [&mut self.event, &mut self.processing] {
            for (span, known) in &mut spans.known {
                let mut name = names::timers(spans.clock, *span);
                let length = name.len();
                for (group, key) in known.new.drain(..) {
                    if known.stored.insert(group) {
                        let bytes = &names::span(spans.clock, *span);
                        state.put(Key { group, bytes }, &[], NEVER)?;
                    }
                    name.truncate(length);
                    name.extend(&key);
                    state.put(Key { group, bytes: &name }, &[], NEVER)?;
                }
            }
        }
        Ok(())
    }

    /// Whether no key has a timer in event time.
    pub fn is_empty(&self) -> bool {
        self.event.known.is_empty() && self.event.near.is_empty()
    }

    /// When any key may have a timer next.
    pub fn next(&self, clock: Clock) -> Option<i64> {
        let spans = match clock {
            Clock::Event => &self.event,
            Clock::Processing => &self.processing,
        };
        let near = spans.near.peek().map(|Reverse(near)| near.at);
        let after = spans.loaded.map_or(i64::MIN, |loaded| loaded.saturating_add(1));
        let far = spans.known.range(after..).next().map(|(span, _)| span.saturating_mul(SPAN));
        near.into_iter().chain(far).min()
    }

    /// Some keys, at most `max`, that may have timers at or before `until`.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn take_due(
        &mut self,
        state: &mut StepState,
        clock: Clock,
        until: i64,
        max: usize,
    ) -> Result<Vec<(u8, Box<[u8]>)>> {
        let spans = self.of(clock);
        let mut keys: Vec<(u8, Box<[u8]>)> = Vec::new();
        while keys.len() < max {
            match spans.near.peek() {
                Some(Reverse(near)) if near.at <= until => {
                    if let Some(Reverse(near)) = spans.near.pop() {
                        keys.push((near.group, near.key));
                    }
                }
                _ => {
                    if !spans.load_next(state, until)? {
                        break;
                    }
                }
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Forgets spans in which nothing can be due any more, as all up to `until` was.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn forget(&mut self, state: &mut StepState, clock: Clock, until: i64) -> Result<()> {
        let spans = self.of(clock);
        while let Some(first) = spans.known.first_entry() {
            let span = *first.key();
            if span.saturating_add(1).saturating_mul(SPAN) > until {
                return Ok(());
            }
            let groups = first.remove().stored;
            if groups.is_empty() {
                continue;
            }
            state.remove_prefix(&names::timers(clock, span))?;
            let bytes = &names::span(clock, span);
            for group in groups.iter() {
                state.remove(Key { group, bytes })?;
            }
        }
        Ok(())
    }
}

impl Spans {
    /// Brings the next span that has begun by `until` into memory; `false` if there is none.
    fn load_next(&mut self, state: &mut StepState, until: i64) -> Result<bool> {
        let reached = until.div_euclid(SPAN);
        let after = self.loaded.map_or(i64::MIN, |loaded| loaded.saturating_add(1));
        if after > reached {
            return Ok(false);
        }
        let Some((&span, known)) = self.known.range(after..=reached).next() else {
            self.loaded = Some(reached);
            return Ok(false);
        };
        let mut keys = known.new.clone();
        if !known.stored.is_empty() {
            state.scan(&names::timers(self.clock, span), &mut |key, _| {
                keys.push((key.group, names::timer_key(key.bytes).into()));
                Ok(())
            })?;
        }
        let mut name = Vec::new();
        for (group, key) in keys {
            name.clear();
            names::entry(&key, &mut name);
            let Some(entry) = state.get(Key { group, bytes: &name })? else { continue };
            let is_here = |t: &Timer| t.clock == self.clock && t.at.div_euclid(SPAN) == span;
            let earliest = Entry::read(entry)?.timers().filter(is_here).map(|t| t.at).min();
            if let Some(at) = earliest {
                self.near.push(Reverse(Near { at, group, key }));
            }
        }
        self.loaded = Some(span);
        Ok(true)
    }
}
