//! Windows that overlap: rows are aggregated once, by panes in which all rows have the same
//! windows, and a window combines its panes.
//!
//! The panes of the window at hand are in two stacks (K. Tangwongsan et al., General incremental
//! sliding-window aggregation, VLDB 2015), so that moving on by one pane combines twice, however
//! many panes a window has: `front` holds for each of the older panes what it and all after it up
//! to the middle give, `back_sum` what the newer ones give.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::groups::{Aggregation, Groups, Partial};
use super::input::{Input, Times};
use super::output::Spans;
use super::panes::pick;
use super::store::Pane;
use super::{BYTES_MAX, Core};
use crate::config::OutputMode;
use crate::error::Result;
use crate::operator::Outputs;
use crate::sql::gcd;
use crate::state::{KeyGroups, NEVER};

pub(super) struct Hops {
    slide: i64,
    size: i64,
    offset: i64,
    /// The length of a pane.
    width: i64,
    open: BTreeMap<Pane, Open>,
    /// Panes of one window or more that no row can come to, in the order of time.
    stacks: Stacks,
    /// Panes of rows that came too late for some of their windows. They are few, so they are
    /// combined one by one.
    stragglers: BTreeSet<Pane>,
    /// Windows that end here or before were sent on.
    sent: i64,
    /// What the groups take in memory to which rows may come.
    bytes: usize,
}

#[derive(Default)]
struct Open {
    /// Rows since the last freeze.
    delta: Option<Groups>,
    /// All rows, once no more can come.
    whole: Option<Partial>,
    stored: KeyGroups,
    /// Whether `whole` is more than what is stored.
    unsaved: bool,
}

impl Hops {
    pub fn open(core: &mut Core, slide: i64, size: i64, offset: i64) -> Result<Self> {
        let open = core.store.panes()?;
        let open =
            open.into_iter().map(|(pane, stored)| (pane, Open { stored, ..Open::default() }));
        let mut hops = Self {
            slide,
            size,
            offset,
            width: gcd(slide, size),
            open: open.collect(),
            stacks: Stacks { entered: i64::MIN, ..Stacks::default() },
            stragglers: BTreeSet::new(),
            sent: core.complete,
            bytes: 0,
        };
        let straggling = hops.open.keys().filter(|pane| pane.first != hops.first_end(pane.start));
        hops.stragglers = straggling.copied().collect();
        Ok(hops)
    }

    /// The start of the part of `width` that `at` is in.
    fn floor(&self, at: i64, width: i64) -> i64 {
        at.saturating_sub(at.wrapping_sub(self.offset).rem_euclid(width))
    }

    /// The ends of the first and the last window that a pane is in. Ends of windows are as far from
    /// multiples of `slide` as `size` is.
    fn first_end(&self, pane: i64) -> i64 {
        self.next_end(pane)
    }

    fn last_end(&self, pane: i64) -> i64 {
        self.floor(pane, self.slide).saturating_add(self.size)
    }

    /// The first end of a window after `time`.
    fn next_end(&self, time: i64) -> i64 {
        let start = self.floor(time.saturating_sub(self.size), self.slide);
        start.saturating_add(self.slide).saturating_add(self.size)
    }

    pub fn process(&mut self, core: &mut Core, input: &Input, out: &mut Outputs) -> Result<()> {
        let Times::At(times) = &input.times else { return Ok(()) };
        let own = input.batch.origin.watermarks();
        let (mut late, mut places) = (Vec::new(), HashMap::new());
        let mut panes: Vec<(Pane, Vec<u32>)> = Vec::new();
        let (mut start, mut first) = (i64::MAX, 0);
        let mut place = None;
        for (row, at) in times.iter().enumerate() {
            if *at < start || at.wrapping_sub(start) >= self.width {
                start = self.floor(*at, self.width);
                first = self.first_end(start);
                place = None;
            }
            let complete = core.complete_for(own, row);
            let pane = match complete < first {
                true => Pane { start, first },
                false => Pane { start, first: self.next_end(complete) },
            };
            if pane.first > self.last_end(start) {
                late.push(row as u32);
                continue;
            }
            let at = match place {
                Some((known, at)) if known == pane => at,
                _ => *places.entry(pane).or_insert(panes.len()),
            };
            place = Some((pane, at));
            if at == panes.len() {
                panes.push((pane, Vec::new()));
            }
            panes[at].1.push(row as u32);
        }
        core.late(input, late, out)?;
        for (pane, rows) in panes {
            self.update(core, pane, input, rows)?;
        }
        if self.bytes > BYTES_MAX {
            self.flush(core, out)?;
        }
        Ok(())
    }

    fn update(&mut self, core: &Core, pane: Pane, input: &Input, rows: Vec<u32>) -> Result<()> {
        if pane.first != self.first_end(pane.start) {
            self.stragglers.insert(pane);
        }
        let open = self.open.entry(pane).or_default();
        let delta = match &mut open.delta {
            Some(delta) => delta,
            none => none.insert(Groups::new(&core.aggregation)?),
        };
        let before = delta.bytes();
        match rows.len() == input.rows.rows {
            true => delta.update(&input.rows)?,
            false => delta.update(&pick(&input.rows, rows)?)?,
        }
        self.bytes = (self.bytes + delta.bytes()).saturating_sub(before);
        Ok(())
    }

    /// Sends on the windows that are complete.
    pub fn close(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        // What changed is sent at the end of the epoch, and once.
        match core.plan.mode {
            OutputMode::Update => Ok(()),
            OutputMode::Append | OutputMode::Complete => self.move_on(core, out),
        }
    }

    fn move_on(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        while let Some(end) = self.next_window() {
            if end > core.complete {
                break;
            }
            if core.plan.mode == OutputMode::Append {
                self.window(core, end, out)?;
            }
            self.sent = end;
            core.last_end = core.last_end.max(end);
            self.leave(core, end)?;
        }
        self.sent = self.sent.max(core.complete);
        Ok(())
    }

    /// The end of the next window that has rows.
    fn next_window(&self) -> Option<i64> {
        let mut first = i64::MAX;
        for pane in self.open.keys() {
            // Panes after this one count for no window before its own first.
            if self.first_end(pane.start) > first {
                break;
            }
            first = first.min(pane.first);
        }
        match self.open.is_empty() {
            true => None,
            false if first > self.sent => Some(first),
            false => Some(self.next_end(self.sent)),
        }
    }

    /// Sends on the window that ends at `end`.
    fn window(&mut self, core: &mut Core, end: i64, out: &mut Outputs) -> Result<()> {
        let start = end.saturating_sub(self.size);
        let from = Pane { start: self.stacks.entered.saturating_add(1), first: i64::MIN };
        let to = Pane { start: end, first: i64::MIN };
        let is_new = |pane: &&Pane| !self.stragglers.contains(pane);
        let new: Vec<Pane> = match from < to {
            true => {
                self.open.range(from..to).map(|(pane, _)| pane).filter(is_new).copied().collect()
            }
            false => Vec::new(),
        };
        for pane in new {
            if let Some(whole) = self.settle(core, pane)? {
                self.stacks.push(pane.start, whole, &core.aggregation)?;
            }
        }
        self.stacks.leave(start, &core.aggregation)?;
        let is_in = |pane: &&Pane| pane.start >= start && pane.start < end && pane.first <= end;
        let stragglers: Vec<Pane> = self.stragglers.iter().filter(is_in).copied().collect();
        let mut parts: Vec<Partial> = self.stacks.parts().cloned().collect();
        for pane in stragglers {
            parts.extend(self.settle(core, pane)?);
        }
        let results = core.aggregation.combine(&parts)?.evaluate()?;
        core.output.emit(results, Spans::All(start, end), out)
    }

    /// All rows of a pane to which no more can come.
    fn settle(&mut self, core: &mut Core, pane: Pane) -> Result<Option<Partial>> {
        let Some(open) = self.open.get_mut(&pane) else { return Ok(None) };
        if open.whole.is_none() {
            let stored = match open.stored.is_empty() {
                true => None,
                false => Some(core.store.scan(pane, &core.aggregation)?),
            };
            let delta = match &mut open.delta {
                Some(delta) if !delta.is_empty() => {
                    self.bytes = self.bytes.saturating_sub(delta.bytes());
                    Some(delta.take()?)
                }
                _ => None,
            };
            open.delta = None;
            open.unsaved = delta.is_some();
            open.whole = match (stored, delta) {
                (Some(stored), Some(delta)) => {
                    Some(core.aggregation.combine([&stored, &delta])?.take()?)
                }
                (stored, delta) => stored.or(delta),
            };
        }
        Ok(open.whole.clone())
    }

    /// Forgets the panes of which the window that ends at `end` was the last.
    fn leave(&mut self, core: &mut Core, end: i64) -> Result<()> {
        while let Some((pane, open)) = self.open.first_key_value() {
            let (pane, stored) = (*pane, open.stored);
            if self.last_end(pane.start) > end {
                break;
            }
            self.open.remove(&pane);
            self.stragglers.remove(&pane);
            if !stored.is_empty() {
                core.store.remove(pane)?;
            }
        }
        Ok(())
    }

    pub fn freeze(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        self.flush(core, out)?;
        if core.plan.mode == OutputMode::Update {
            self.move_on(core, out)?;
        }
        if core.plan.mode == OutputMode::Complete && core.changed {
            let ends = self.open.keys().flat_map(|pane| self.ends(*pane));
            for end in ends.collect::<BTreeSet<i64>>() {
                self.emit_stored(core, end, None, out)?;
            }
        }
        Ok(())
    }

    /// The ends of the windows of a pane that were not sent on.
    fn ends(&self, pane: Pane) -> impl Iterator<Item = i64> + use<> {
        let first = pane.first.max(self.next_end(self.sent));
        let (last, slide) = (self.last_end(pane.start), self.slide);
        std::iter::successors(Some(first), move |end| end.checked_add(slide))
            .take_while(move |end| *end <= last)
    }

    /// Merges what is in memory with what is stored.
    fn flush(&mut self, core: &mut Core, out: &mut Outputs) -> Result<()> {
        let mut changed: Vec<(Pane, Partial)> = Vec::new();
        for (pane, open) in &mut self.open {
            if let Some(whole) = open.whole.as_ref().filter(|_| open.unsaved) {
                core.store.put(*pane, &mut open.stored, &core.aggregation, whole, NEVER)?;
                open.unsaved = false;
            }
            let Some(delta) = open.delta.as_mut().filter(|delta| !delta.is_empty()) else {
                continue;
            };
            let delta = delta.take()?;
            let merged = match open.stored.is_empty() {
                true => delta.clone(),
                false => {
                    let stored = core.store.get(*pane, &core.aggregation, &delta)?;
                    core.aggregation.combine([&stored.groups, &delta])?.take()?
                }
            };
            core.store.put(*pane, &mut open.stored, &core.aggregation, &merged, NEVER)?;
            changed.push((*pane, delta));
        }
        self.bytes = 0;
        if core.plan.mode == OutputMode::Update {
            let mut windows: BTreeMap<i64, Vec<&Partial>> = BTreeMap::new();
            for (pane, delta) in &changed {
                self.ends(*pane).for_each(|end| windows.entry(end).or_default().push(delta));
            }
            for (end, changed) in windows {
                self.emit_stored(core, end, Some(&changed), out)?;
            }
        }
        Ok(())
    }

    /// Sends on the window that ends at `end` as it is stored, or what has changed of it.
    fn emit_stored(
        &self,
        core: &mut Core,
        end: i64,
        changed: Option<&[&Partial]>,
        out: &mut Outputs,
    ) -> Result<()> {
        let start = end.saturating_sub(self.size);
        let mut groups = Groups::new(&core.aggregation)?;
        let (from, to) = (Pane { start, first: i64::MIN }, Pane { start: end, first: i64::MIN });
        for (pane, _) in self.open.range(from..to).filter(|(pane, _)| pane.first <= end) {
            groups.merge(&core.store.scan(*pane, &core.aggregation)?)?;
        }
        let mut results = groups.evaluate()?;
        if let Some(changed) = changed {
            results = results.only(&core.aggregation, changed)?;
        }
        core.output.emit(results, Spans::All(start, end), out)
    }
}

/// The panes of the window at hand.
#[derive(Default)]
struct Stacks {
    /// For each pane what it and all panes before it here give; the oldest is the last.
    front: Vec<(i64, Partial)>,
    /// In the order of time.
    back: Vec<(i64, Partial)>,
    back_sum: Option<Partial>,
    /// The newest pane that was pushed.
    entered: i64,
}

impl Stacks {
    fn push(&mut self, pane: i64, whole: Partial, aggregation: &Aggregation) -> Result<()> {
        self.entered = pane;
        self.back_sum = Some(match &self.back_sum {
            Some(sum) => aggregation.combine([sum, &whole])?.take()?,
            None => whole.clone(),
        });
        self.back.push((pane, whole));
        Ok(())
    }

    /// Forgets panes before `start`.
    fn leave(&mut self, start: i64, aggregation: &Aggregation) -> Result<()> {
        while self.front.pop_if(|(pane, _)| *pane < start).is_some() {}
        let is_old = |(pane, _): &(i64, Partial)| *pane < start;
        if !self.front.is_empty() || !self.back.first().is_some_and(is_old) {
            return Ok(());
        }
        self.back_sum = None;
        for (pane, whole) in self.back.drain(..).rev().take_while(|entry| !is_old(entry)) {
            let sum = match self.front.last() {
                Some((_, sum)) => aggregation.combine([&whole, sum])?.take()?,
                None => whole,
            };
            self.front.push((pane, sum));
        }
        Ok(())
    }

    /// What gives the window together.
    fn parts(&self) -> impl Iterator<Item = &Partial> {
        self.front.last().map(|(_, sum)| sum).into_iter().chain(&self.back_sum)
    }
}
