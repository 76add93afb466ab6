//! Windows that do not overlap: each is one pane. An aggregate without a window is a pane that
//! never closes.

use std::collections::{BTreeMap, HashMap};

use arrow::array::UInt32Array;

use super::groups::{Evaluated, Groups, Partial};
use super::input::{Input, Times};
use super::output::Spans;
use super::store::Pane;
use super::{BYTES_MAX, Core};
use crate::config::OutputMode;
use crate::error::Result;
use crate::operator::Outputs;
use crate::state::{KeyGroups, NEVER};
use crate::time::Watermark;

/// The pane of an aggregate without a window.
const ONLY: Pane = Pane { start: 0, first: 0 };

pub(super) struct Panes {
    /// Size and offset; `None`: there is no window.
    windows: Option<(i64, i64)>,
    open: BTreeMap<i64, Open>,
    /// What the groups in memory take.
    bytes: usize,
    /// The latest event time of a row since they were last stored.
    latest: i64,
    /// To be used again, as their tables are already large.
    spare: Vec<Groups>,
    /// Whether groups may be stored that do not age, as event time was not yet known.
    untimed: bool,
}

/// Spare tables are kept for so many panes.
const SPARE_MAX: usize = 8;

#[derive(Default)]
struct Open {
    /// Rows since the last freeze.
    delta: Option<Groups>,
    stored: KeyGroups,
}

impl Panes {
    pub fn open(core: &mut Core, windows: Option<(i64, i64)>) -> Result<Self> {
        let open = core.store.panes()?;
        let open =
            open.into_iter().map(|(pane, stored)| (pane.start, Open { delta: None, stored }));
        let mut panes = Self {
            windows,
            open: open.collect(),
            bytes: 0,
            latest: i64::MIN,
            spare: Vec::new(),
            untimed: false,
        };
        panes.untimed = core.plan.state_ttl.is_some() && core.now == Watermark::NONE;
        if windows.is_none() {
            panes.open.insert(ONLY.start, Open::default());
        }
        Ok(panes)
    }

    pub fn process(&mut self, core: &mut Core, input: &Input, out: &mut Outputs) -> Result<()> {
        if let (Some(_), Some(column)) = (core.plan.state_ttl, core.plan.event_time) {
            let times = super::micros(input.batch.rows.column(column))?;
            self.latest = times.iter().copied().fold(self.latest, i64::max);
        }
        match (&input.times, self.windows) {
            (Times::At(times), Some((size, offset))) => {
                let split = split(core, input, times, size, offset);
                core.late(input, split.late, out)?;
                for (start, rows) in split.panes {
                    match rows {
                        Rows::All => self.update(core, start, &input.rows)?,
                        Rows::Some(rows) => self.update(core, start, &pick(&input.rows, rows)?)?,
                    }
                }
            }
            (_, _) => self.update(core, ONLY.start, &input.rows)?,
        }
        if self.bytes > BYTES_MAX {
            self.flush(core, out)?;
        }
        Ok(())
    }

    fn update(&mut self, core: &Core, start: i64, rows: &Evaluated) -> Result<()> {
        let pane = self.open.entry(start).or_default();
        let delta = match &mut pane.delta {
            Some(delta) => delta,
            none => none.insert(match self.spare.pop() {
                Some(spare) => spare,
                None => Groups::new(&core.aggregation)?,
            }),
        };
        let before = delta.bytes();
        delta.update(rows)?;
        self.bytes = (self.bytes + delta.bytes()).saturating_sub(before);
        Ok(())
    }

    /// Sends on the windows that are complete.
    pub fn close(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        let Some((size, _)) = self.windows else { return Ok(()) };
        while let Some(first) = self.open.first_entry() {
            let start = *first.key();
            let end = start.saturating_add(size);
            if end > core.complete {
                break;
            }
            let mut pane = first.remove();
            core.last_end = core.last_end.max(end);
            let spans = Spans::All(start, end);
            let delta = pane.delta.take().filter(|delta| !delta.is_empty());
            let bytes = delta.as_ref().map_or(0, Groups::bytes);
            self.bytes = self.bytes.saturating_sub(bytes);
            let id = Pane { start, first: start };
            let mut done = match (core.plan.mode, delta) {
                (_, Some(delta)) if pane.stored.is_empty() => Some(delta),
                // All that was stored was sent on when it was stored.
                (OutputMode::Update, None) => None,
                (OutputMode::Update, Some(mut delta)) => {
                    let delta = delta.take()?;
                    let stored = core.store.get(id, &core.aggregation, &delta)?;
                    Some(match core.plan.aggregates.is_empty() {
                        true => core.aggregation.combine([&without(&delta, &stored.found)?])?,
                        false => core.aggregation.combine([&stored.groups, &delta])?,
                    })
                }
                (OutputMode::Append | OutputMode::Complete, delta) => {
                    let stored = core.store.scan(id, &core.aggregation)?;
                    let mut all = core.aggregation.combine([&stored])?;
                    if let Some(mut delta) = delta {
                        all.merge(&delta.take()?)?;
                    }
                    Some(all)
                }
            };
            if let Some(done) = &mut done {
                core.output.emit(done.evaluate()?, spans, out)?;
            }
            if !pane.stored.is_empty() {
                core.store.remove(id)?;
            }
            self.spare.extend(done.filter(|_| self.spare.len() < SPARE_MAX));
        }
        Ok(())
    }

    /// Merges what is in memory with what is stored.
    fn flush(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        let latest = Watermark(std::mem::replace(&mut self.latest, i64::MIN)).max(core.now);
        let expires = match core.plan.state_ttl {
            Some(ttl) if latest > Watermark::NONE => latest.0.saturating_add(ttl),
            Some(_) | None => NEVER,
        };
        for (start, pane) in &mut self.open {
            let Some(delta) = pane.delta.as_mut().filter(|delta| !delta.is_empty()) else {
                continue;
            };
            let id = Pane { start: *start, first: *start };
            let delta = delta.take()?;
            let stored = match pane.stored.is_empty() && self.windows.is_some() {
                true => None,
                false => Some(core.store.get(id, &core.aggregation, &delta)?),
            };
            let merged: Partial = match &stored {
                Some(stored) if stored.groups.rows > 0 => {
                    core.aggregation.combine([&stored.groups, &delta])?.take()?
                }
                _ => delta.clone(),
            };
            core.store.put(id, &mut pane.stored, &core.aggregation, &merged, expires)?;
            if core.plan.mode == OutputMode::Update {
                let found = stored.map_or_else(Vec::new, |stored| stored.found);
                let sent = match core.plan.aggregates.is_empty() {
                    // Nothing of a group changes but that it is there.
                    true => without(&delta, &found)?,
                    false => merged,
                };
                let spans = match self.windows {
                    Some((size, _)) => Spans::All(*start, start.saturating_add(size)),
                    None => Spans::None,
                };
                let results = core.aggregation.combine([&sent])?.evaluate()?;
                core.output.emit(results, spans, out)?;
            }
        }
        self.bytes = 0;
        Ok(())
    }

    /// Groups that were stored before anything was known of event time begin to age.
    fn begin_to_age(&mut self, core: &mut Core) -> Result<()> {
        let (Some(ttl), true) = (core.plan.state_ttl, core.now > Watermark::NONE) else {
            return Ok(());
        };
        self.untimed = false;
        let Some(only) = self.open.get_mut(&ONLY.start) else { return Ok(()) };
        let all = core.store.scan(ONLY, &core.aggregation)?;
        let expires = core.now.0.saturating_add(ttl);
        core.store.put(ONLY, &mut only.stored, &core.aggregation, &all, expires)
    }

    pub fn freeze(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        self.flush(core, out)?;
        if self.untimed {
            self.begin_to_age(core)?;
        }
        if core.plan.mode != OutputMode::Complete || !core.changed {
            return Ok(());
        }
        for start in self.open.keys().copied() {
            let stored = core.store.scan(Pane { start, first: start }, &core.aggregation)?;
            let results = core.aggregation.combine([&stored])?.evaluate()?;
            let spans = match self.windows {
                Some((size, _)) => Spans::All(start, start.saturating_add(size)),
                None => Spans::None,
            };
            core.output.emit(results, spans, out)?;
        }
        Ok(())
    }
}

/// The groups that were not found.
fn without(groups: &Partial, found: &[bool]) -> Result<Partial> {
    let new = (0..groups.rows as u32).filter(|row| !found.get(*row as usize).unwrap_or(&false));
    groups.take(&UInt32Array::from_iter_values(new))
}

/// Rows of a batch.
pub(super) enum Rows {
    All,
    Some(Vec<u32>),
}

/// These rows; without a copy if they are neighbours.
pub(super) fn pick(rows: &Evaluated, picked: Vec<u32>) -> Result<Evaluated> {
    match (picked.first(), picked.last()) {
        (Some(first), Some(last)) if (last - first) as usize + 1 == picked.len() => {
            rows.slice(*first as usize, picked.len())
        }
        _ => rows.take(&UInt32Array::from(picked)),
    }
}

/// The rows of a batch by window.
struct Split {
    panes: Vec<(i64, Rows)>,
    late: Vec<u32>,
}

fn split(core: &Core, input: &Input, times: &[i64], size: i64, offset: i64) -> Split {
    let floor = |at: i64| at.saturating_sub(at.wrapping_sub(offset).rem_euclid(size));
    let own = input.batch.origin.watermarks();
    // A window ends at or before a time if and only if it begins before the last multiple.
    let mut complete = floor(core.complete);
    let mut late = Vec::new();
    let mut panes: Vec<(i64, Vec<u32>)> = Vec::new();
    let mut places: HashMap<i64, usize> = HashMap::new();
    let (mut start, mut place) = (i64::MAX, 0);
    for (row, at) in times.iter().enumerate() {
        if own.is_some() {
            complete = floor(core.complete_for(own, row));
        }
        if *at < complete {
            late.push(row as u32);
            continue;
        }
        // The row is in the same window as the one before, or another is looked up.
        if *at < start || at.wrapping_sub(start) >= size {
            start = floor(*at);
            place = *places.entry(start).or_insert(panes.len());
            if place == panes.len() {
                panes.push((start, Vec::new()));
            }
        }
        panes[place].1.push(row as u32);
    }
    let all = |(start, rows): (i64, Vec<u32>)| match rows.len() == times.len() {
        true => (start, Rows::All),
        false => (start, Rows::Some(rows)),
    };
    Split { panes: panes.into_iter().map(all).collect(), late }
}
