//! What a call leaves behind: states and timers.

use arrow::array::{Array, BinaryArray};

use super::call::Call;
use super::entry::{self, Timer};
use super::memory::Memory;
use super::names;
use super::timers::TimerIndex;
use super::work::Work;
use crate::error::Result;
use crate::plan::{KeyedPlan, Order};
use crate::plugin::{CallFailure, Clock, TimerChange, TimerSetting};
use crate::state::{Key, NEVER};

/// The timers that keys have after a call.
pub struct NewTimers {
    all: Vec<Timer>,
    ends: Vec<usize>,
    /// Whether a timer of the key was set or is gone.
    changed: Vec<bool>,
    /// The timers that were set, by key.
    set: Vec<(usize, Timer)>,
}

impl NewTimers {
    /// The timers after a call that has set or cancelled `settings`.
    ///
    /// # Errors
    /// If a key has more than it may have.
    pub fn of(
        call: &Call,
        settings: &[TimerSetting],
        timers_max: u32,
        now: fn() -> i64,
    ) -> Result<Self, CallFailure> {
        let mut sorted: Vec<&TimerSetting> = settings.iter().collect();
        if !settings.is_sorted_by_key(|setting| setting.key) {
            sorted.sort_by_key(|setting| setting.key);
        }
        let mut settings = sorted.into_iter().peekable();
        let count = call.segments.len();
        let mut new = Self {
            all: Vec::with_capacity(count),
            ends: Vec::with_capacity(count),
            changed: Vec::with_capacity(count),
            set: Vec::with_capacity(count),
        };
        for key in 0..count {
            let start = new.all.len();
            let due = call.due_of(key);
            let is_left = |timer: &&Timer| !due.iter().any(|due| due.id == timer.id);
            new.all.extend(call.stored.timers(key).iter().filter(is_left));
            let mut changed = !due.is_empty();
            // With more than these, too many are left whatever is cancelled: they are only counted,
            // as looking for the id of each would take its time.
            let enough = timers_max as usize + new.all.len() - start;
            let mut beyond = 0;
            while let Some(setting) = settings.next_if(|setting| setting.key as usize == key) {
                if new.all.len() - start > enough {
                    beyond += usize::from(setting.change != TimerChange::Cancel);
                    continue;
                }
                let own = start..new.all.len();
                let known = new.all[own].iter().position(|timer| timer.id == setting.id);
                let before = known.map(|at| new.all.remove(start + at));
                let timer = timer(setting, call.latest(key), now);
                changed |= before != timer;
                new.all.extend(timer);
                new.set.extend(timer.filter(|_| before != timer).map(|timer| (key, timer)));
            }
            let timers = new.all.len() - start + beyond;
            if timers > timers_max as usize {
                let text =
                    "use fewer ids, as setting an id again moves its timer, or raise the limit";
                let message = format!(
                    "a key with {timers} timers, where `limits.timers` is {timers_max}: {text}"
                );
                return Err(CallFailure::new("state", message));
            }
            new.ends.push(new.all.len());
            new.changed.push(changed);
        }
        Ok(new)
    }

    fn key(&self, key: usize) -> &[Timer] {
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        &self.all[start..self.ends[key]]
    }

    /// The keys for which a timer in event time was set.
    pub fn keys_with_new(&self) -> impl Iterator<Item = usize> {
        let mut keys: Vec<usize> = self
            .set
            .iter()
            .filter(|(_, timer)| timer.clock == Clock::Event)
            .map(|(key, _)| *key)
            .collect();
        keys.dedup();
        keys.into_iter()
    }
}

/// # Errors
/// If a key of a call would have a larger state than it may.
pub fn check_states(states: &BinaryArray, bytes_max: u64) -> Result<(), CallFailure> {
    let largest = states.offsets().lengths().max().unwrap_or(0);
    match largest as u64 > bytes_max {
        false => Ok(()),
        true => Err(CallFailure::new(
            "state",
            format!(
                "a key with a state of {largest} bytes, where `limits.state` is {bytes_max}: keep \
                 what grows in maps and lists of the interface `state`, or raise the limit"
            ),
        )),
    }
}

/// The timer of a setting; `None` if it was cancelled. A time in event time is after `latest`, the
/// time of what was handled.
fn timer(setting: &TimerSetting, latest: Option<i64>, now: fn() -> i64) -> Option<Timer> {
    let (clock, at) = match setting.change {
        TimerChange::Event(at) => {
            (Clock::Event, latest.map_or(at, |latest| at.max(latest.saturating_add(1))))
        }
        TimerChange::Processing(delay) => {
            (Clock::Processing, now().saturating_add(i64::try_from(delay).unwrap_or(i64::MAX)))
        }
        TimerChange::Cancel => return None,
    };
    Some(Timer { id: setting.id, clock, at })
}

/// Stores what a call has changed.
///
/// # Errors
/// If the state can't be written.
#[expect(clippy::too_many_arguments, reason = "they are the parts of one step")]
pub fn apply(
    plan: &KeyedPlan,
    (work, call): (&Work, &Call),
    (changed, states): (&[u32], &BinaryArray),
    timers: &NewTimers,
    held: &[bool],
    now: fn() -> i64,
    index: &mut TimerIndex,
    memory: &mut Memory,
) -> Result<()> {
    let expires = |key: usize| expires(plan, call, key, timers.key(key), now);
    memory.keep(|key| expires(key as usize))?;
    memory.end()?;
    let mut next = 0;
    let (mut name, mut bytes) = (Vec::new(), Vec::new());
    for (key, number) in call.keys.iter().enumerate() {
        let is_changed = changed.get(next).is_some_and(|changed| *changed as usize == key);
        let state = match is_changed {
            true => states.is_valid(next).then(|| states.value(next)),
            false => call.stored.state(key),
        };
        next += usize::from(is_changed);
        if !is_changed && !timers.changed[key] && plan.state_ttl.is_none() {
            continue;
        }
        let user = work.keys.key(*number);
        name.clear();
        names::entry(user.bytes, &mut name);
        let stored = Key { group: user.group, bytes: &name };
        if state.is_none() && timers.key(key).is_empty() {
            memory.state.remove(stored)?;
            continue;
        }
        let expires = expires(key);
        entry::write(plan.state_version, expires, timers.key(key), state, &mut bytes);
        memory.state.put(stored, &bytes, expires)?;
    }
    for (key, timer) in &timers.set {
        let user = work.keys.key(call.keys[*key]);
        let is_held = held.get(*key).copied().unwrap_or_default();
        index.set(user, *timer, call.stored.timers(*key), is_held);
    }
    Ok(())
}

/// Takes the timers of a call away that came with it, and leaves all else as it is.
///
/// # Errors
/// If the state can't be written.
pub fn forget_timers(
    plan: &KeyedPlan,
    work: &Work,
    call: &Call,
    memory: &mut Memory,
) -> Result<()> {
    let (mut name, mut bytes) = (Vec::new(), Vec::new());
    for (key, number) in call.keys.iter().enumerate() {
        let due = call.due_of(key);
        if due.is_empty() {
            continue;
        }
        let left = call.stored.timers(key).iter();
        let left = left.filter(|timer| !due.iter().any(|due| due.id == timer.id));
        let left: Vec<Timer> = left.copied().collect();
        let user = work.keys.key(*number);
        name.clear();
        names::entry(user.bytes, &mut name);
        let stored = Key { group: user.group, bytes: &name };
        let state = call.stored.state(key);
        if state.is_none() && left.is_empty() {
            memory.state.remove(stored)?;
            continue;
        }
        let expires = call.stored.expires[key];
        // It may be that nobody got to bring the state to today's version.
        let old = call.stored.old.iter().find(|(_, old)| *old == key);
        let version = old.map_or(plan.state_version, |(version, _)| *version);
        entry::write(version, expires, &left, state, &mut bytes);
        memory.state.put(stored, &bytes, expires)?;
    }
    Ok(())
}

/// When a key is to be forgotten of which nothing more comes: so long after its last row or timer,
/// also after one that is still to come.
fn expires(plan: &KeyedPlan, call: &Call, key: usize, timers: &[Timer], now: fn() -> i64) -> i64 {
    let Some(ttl) = plan.state_ttl else { return NEVER };
    let clock = match plan.order {
        Order::EventTime { .. } => Clock::Event,
        Order::Arrival { .. } => Clock::Processing,
    };
    let touched = match clock {
        Clock::Event => call.latest(key).unwrap_or(i64::MIN),
        Clock::Processing => now(),
    };
    let waiting = timers.iter().filter(|timer| timer.clock == clock).map(|timer| timer.at).max();
    waiting.map_or(touched, |waiting| waiting.max(touched)).saturating_add(ttl)
}
