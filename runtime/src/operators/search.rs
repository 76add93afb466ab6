//! Which rows a plugin is given at a time, and which of them are at fault when a call fails.
//!
//! A search keeps all rows before `done` settled, so that rows go on in their order. When a call on
//! rows from there on fails, the first row at fault is sought by halving: a first half that
//! succeeds is done, and the fault is in the second without a call that says so; one that fails
//! narrows the search to itself. One row that is left is called alone, on a fresh instance, and
//! only then refused. What is behind it is given whole again. So a row at fault among 8,192 costs
//! 16 calls, of which half succeed with work that was to be done anyway.
//!
//! *Invariant:* no row is refused that did not fail alone on a fresh instance with all the time and
//! memory that it may have; every other row is in exactly one call that succeeded. So failures
//! that come from the size of a call, or from what an instance had in its memory, cost calls and
//! never rows.
//!
//! *How many rows.* A failed call has done its work in vain, which costs the more the more rows it
//! had; and every call has its own price. With one row at fault in `s`, both together cost least
//! with calls of about `8 * sqrt(s)` rows, and where rows at fault are close together with `s` rows.
//! Until two rows were at fault nothing is known of `s`, and calls get all there is.
//!
//! *Deadlines.* A row that never returns would cost the whole deadline in each call that fails on
//! the way, about eight times. What good rows take is known, though: a call in a search may take
//! ten times that, or 20 ms if that is more, and only a row alone has all of the deadline. After such a row calls outside of a search are cut short too, until one was cut
//! short that had no row at fault. So each such row costs its deadline once, and the first one
//! twice. A user to whom that is too long sets a shorter deadline.
//!
//! Pure: what calls come to and how long they took is told.

use std::ops::Range;
use std::time::Duration;

use crate::plugin::CallFailure;

/// What a failed call costs for each of its rows, and a call by itself, stand in this proportion,
/// squared; a call costs some 30 us with all that follows in a pipeline, a row some 0.3 us.
const ROWS_PER_ROOT: u64 = 8;
/// A call that is cut short gets so many times what its rows usually take, and at least this.
const TIMES_USUAL: u32 = 10;
const SHORTEST: Duration = Duration::from_millis(20);
/// After so many calls of the largest size that is known to fit, a larger one is tried again.
const CALLS_AT_CEILING: u32 = 64;

/// What is to be tried next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub rows: Range<usize>,
    /// On an instance that has handled nothing before.
    pub fresh: bool,
    /// It may take no longer than this, where the deadline is later.
    pub within: Option<Duration>,
}

/// Why a call failed, as far as it matters to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A row, as far as one can tell.
    Fault,
    /// It took too long; fewer rows may take less.
    Time,
    /// It wanted more memory: fewer rows or a fresh instance may do with less.
    Memory,
    /// It returned too much; fewer rows may return less.
    Output,
}

impl Cause {
    pub fn of(failure: &CallFailure) -> Self {
        match failure.code {
            "deadline" => Self::Time,
            "memory" => Self::Memory,
            "output" => Self::Output,
            _ => Self::Fault,
        }
    }
}

/// What calls so far say about the next ones. It outlives a batch.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rows since the last one that was at fault; `None` before the first.
    since: Option<u64>,
    /// From one row at fault to the next, on the average of logarithms, recent ones first.
    spacing: Option<u64>,
    /// More rows were too many for a call.
    ceiling: usize,
    calls_at_ceiling: u32,
    /// What a row usually takes.
    usual_ns: Option<u64>,
    /// A row has used up its deadline, so that the next one is expected.
    hurry: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            since: None,
            spacing: None,
            ceiling: usize::MAX,
            calls_at_ceiling: 0,
            usual_ns: None,
            hurry: false,
        }
    }
}

impl Pace {
    /// Most rows of the next call.
    fn rows(&self) -> usize {
        let by_spacing = self.spacing.map_or(u64::MAX, |spacing| {
            let spacing = spacing.max(self.since.unwrap_or(0));
            spacing.min(ROWS_PER_ROOT.saturating_mul(spacing.isqrt())).max(1)
        });
        usize::try_from(by_spacing).unwrap_or(usize::MAX).min(self.ceiling)
    }

    fn done(&mut self, rows: usize, took: Duration) {
        self.since = self.since.map(|since| since.saturating_add(rows as u64));
        if rows > 0 {
            let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / rows as u64;
            self.usual_ns = Some(self.usual_ns.map_or(ns, |usual| usual - usual / 4 + ns / 4));
        }
        if rows == self.ceiling {
            self.calls_at_ceiling += 1;
            if self.calls_at_ceiling == CALLS_AT_CEILING {
                self.set_ceiling(self.ceiling.saturating_mul(2));
            }
        }
    }

    fn at_fault(&mut self, cause: Cause) {
        if let Some(since) = self.since.replace(0) {
            let gap = since + 1;
            self.spacing = Some(self.spacing.map_or(gap, |s| s.saturating_mul(gap).isqrt()));
        }
        self.hurry |= cause == Cause::Time;
    }

    fn set_ceiling(&mut self, rows: usize) {
        (self.ceiling, self.calls_at_ceiling) = (rows.max(1), 0);
    }

    fn shortened(&self, rows: usize) -> Option<Duration> {
        let usual = Duration::from_nanos(self.usual_ns?.saturating_mul(rows as u64));
        Some(usual.saturating_mul(TIMES_USUAL).max(SHORTEST))
    }
}

/// A range of rows that failed, in which there is a row at fault or one too many.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    end: usize,
    /// Why the last call failed that had all of it and began at its first row.
    cause: Cause,
    /// How many rows that call had.
    rows: usize,
    /// Whether it was not cut short.
    had_its_time: bool,
}

/// All rows of a batch, on their way through a plugin.
///
/// The caller tries what [`next`](Self::next) says and tells what came of it, by one of
/// [`done`](Self::done), [`nothing`](Self::nothing), [`failed`](Self::failed) and
/// [`give_up`](Self::give_up), until there is nothing left.
#[derive(Debug)]
pub struct Search {
    pace: Pace,
    len: usize,
    /// All rows before this are settled.
    done: usize,
    suspect: Option<Suspect>,
    /// The same rows are to be tried again on a fresh instance.
    again: Option<usize>,
    /// The next call has a fresh instance, as the last one failed.
    is_fresh: bool,
    probe: Probe,
}

impl Search {
    pub fn new(len: usize, pace: Pace) -> Self {
        let probe = Probe { rows: 0..0, fresh: false, within: None };
        Self { pace, len, done: 0, suspect: None, again: None, is_fresh: false, probe }
    }

    /// What was learned, for the next batch.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// What to try next, from the first row that is not settled on; `None` when all are.
    pub fn next(&mut self) -> Option<Probe> {
        if self.done >= self.len {
            return None;
        }
        let left = self.len - self.done;
        let rows = match (self.again, self.suspect) {
            (Some(rows), _) => rows,
            (None, None) => self.pace.rows().min(left),
            (None, Some(suspect)) => (suspect.end - self.done).div_ceil(2),
        };
        let is_hurried = match self.suspect {
            Some(suspect) => suspect.cause == Cause::Time,
            None => self.pace.hurry,
        };
        self.probe = Probe {
            rows: self.done..self.done + rows,
            fresh: self.again.is_some() || (self.suspect.is_some() && rows == 1),
            within: if is_hurried && rows > 1 { self.pace.shortened(rows) } else { None },
        };
        Some(self.probe.clone())
    }

    /// The call succeeded within this time: its rows are settled.
    pub fn done(&mut self, took: Duration) {
        self.pace.done(self.probe.rows.len(), took);
        self.is_fresh = false;
        self.settle();
    }

    /// There was nothing to call the plugin for.
    pub fn nothing(&mut self) {
        self.settle();
    }

    /// The call failed. If its only row is at fault and so settled, this is true; the caller refuses
    /// it.
    pub fn failed(&mut self, cause: Cause) -> bool {
        let was_fresh = std::mem::replace(&mut self.is_fresh, true) || self.probe.fresh;
        let rows = self.probe.rows.len();
        let had_its_time = self.probe.within.is_none() || cause != Cause::Time;
        if rows == 1 && was_fresh && had_its_time {
            self.pace.at_fault(cause);
            self.suspect = None;
            self.again = None;
            self.done = self.probe.rows.end;
            return true;
        }
        // What filled the memory may be left from calls before.
        if cause == Cause::Memory && !was_fresh && self.suspect.is_none() {
            self.again = Some(rows);
            return false;
        }
        self.again = None;
        self.suspect = Some(Suspect { end: self.probe.rows.end, cause, rows, had_its_time });
        false
    }

    /// The caller refuses all rows of the failed call without a search, because the plugin fails
    /// on everything.
    pub fn give_up(&mut self) {
        // Where nothing can be told apart, calls with few rows only take longer.
        (self.pace.spacing, self.pace.since) = (None, None);
        self.is_fresh = true;
        self.suspect = None;
        self.again = None;
        self.done = self.probe.rows.end;
    }

    fn settle(&mut self) {
        self.again = None;
        self.done = self.probe.rows.end;
        let Some(suspect) = self.suspect.filter(|suspect| suspect.end <= self.done) else { return };
        // What failed together has passed in parts.
        self.suspect = None;
        match suspect.cause {
            Cause::Fault => {}
            Cause::Time if !suspect.had_its_time => self.pace.hurry = false,
            Cause::Time | Cause::Memory | Cause::Output => {
                self.pace.set_ceiling((suspect.rows / 2).min(self.pace.ceiling));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a call on these rows fails, on an instance that has handled so many before.
    type Fails<'a> = &'a dyn Fn(Range<usize>, usize) -> Option<Cause>;

    /// Searches all rows. Each must be settled once and in its order, and may be refused only after
    /// it failed alone on a fresh instance with all its time. Returns the calls that it took, the
    /// refused rows and what was learned.
    fn search(len: usize, pace: Pace, fails: Fails) -> (usize, Vec<usize>, Pace) {
        let mut search = Search::new(len, pace);
        let (mut settled, mut handled, mut calls, mut refused) = (0, 0, 0, Vec::new());
        while let Some(probe) = search.next() {
            let rows = probe.rows.clone();
            assert!(rows.start == settled && rows.end <= len && !rows.is_empty());
            calls += 1;
            assert!(calls < 1_000_000, "no end");
            handled = if probe.fresh { 0 } else { handled };
            let Some(cause) = fails(rows.clone(), handled) else {
                handled += rows.len();
                settled = rows.end;
                search.done(Duration::from_micros(rows.len() as u64));
                continue;
            };
            if search.failed(cause) {
                assert!(rows.len() == 1 && handled == 0);
                assert!(probe.within.is_none() || cause != Cause::Time);
                refused.push(settled);
                settled += 1;
            }
            handled = 0;
        }
        assert_eq!(settled, len);
        (calls, refused, search.pace())
    }

    fn poison(at: &[usize], cause: Cause) -> impl Fn(Range<usize>, usize) -> Option<Cause> {
        move |rows, _| at.iter().any(|row| rows.contains(row)).then_some(cause)
    }

    fn paces() -> Vec<Pace> {
        let close = |spacing| Pace { since: Some(0), spacing: Some(spacing), ..Pace::default() };
        let hurry = Pace { hurry: true, usual_ns: Some(100), ..Pace::default() };
        vec![
            Pace::default(),
            close(1),
            close(3),
            Pace { ceiling: 2, ..Pace::default() },
            Pace { hurry: true, ..close(2) },
            hurry,
        ]
    }

    #[test]
    fn exactly_the_rows_at_fault_are_refused_whichever_they_are() {
        for len in 0..=9_usize {
            for set in 0..1_usize << len {
                let at: Vec<usize> = (0..len).filter(|row| set >> row & 1 == 1).collect();
                for cause in [Cause::Fault, Cause::Time, Cause::Memory, Cause::Output] {
                    for pace in paces() {
                        let (calls, refused, _) = search(len, pace, &poison(&at, cause));
                        assert_eq!(refused, at);
                        let halvings = len.next_power_of_two().ilog2() as usize;
                        // Where rows at fault are expected, the others are given in small calls.
                        let is_wary = pace.rows() < len || at.len() > 1;
                        let good = if is_wary { len } else { 2 };
                        assert!(calls <= good + at.len() * (halvings + 2), "{at:?} of {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_row_of_8192_is_found_in_16_calls() {
        for row in 0..8192 {
            let (calls, refused, pace) =
                search(8192, Pace::default(), &poison(&[row], Cause::Fault));
            assert_eq!(refused, [row]);
            assert!(calls <= 16, "{calls} for row {row}");
            assert_eq!(pace.rows(), usize::MAX);
        }
    }

    /// No row is lost to a call that is too large, and the next ones are smaller.
    #[test]
    fn calls_that_are_too_large_cost_no_row() {
        for cause in [Cause::Time, Cause::Memory, Cause::Output] {
            for fit in [1, 2, 3, 7, 100, 999] {
                for at in [vec![], vec![0], vec![500, 501], vec![999]] {
                    let fails = |rows: Range<usize>, before| {
                        let is_too_large = (rows.len() > fit).then_some(cause);
                        poison(&at, Cause::Fault)(rows, before).or(is_too_large)
                    };
                    let (_, refused, pace) = search(1000, Pace::default(), &fails);
                    assert_eq!(refused, at);
                    assert!(!at.is_empty() || pace.rows() <= fit, "{} of {fit}", pace.rows());
                }
            }
        }
    }

    /// Once larger calls fit again, they are made again.
    #[test]
    fn a_ceiling_rises_again() {
        let too_large = |rows: Range<usize>, _| (rows.len() > 10).then_some(Cause::Memory);
        let (_, _, pace) = search(1000, Pace::default(), &too_large);
        assert!(pace.rows() <= 10);
        let (_, _, pace) = search(100_000, pace, &|_, _| None);
        assert!(pace.rows() >= 1000, "{}", pace.rows());
    }

    /// A plugin that loses memory with each row needs a fresh instance now and then, no search.
    #[test]
    fn memory_that_is_lost_over_time_costs_one_call() {
        let leaks = |rows: Range<usize>, before: usize| {
            (before + rows.len() > 5000).then_some(Cause::Memory)
        };
        let pace = Pace { ceiling: 1000, ..Pace::default() };
        let (calls, refused, _) = search(20_000, pace, &leaks);
        assert_eq!((calls, refused.len()), (20 + 3, 0));
    }

    /// An instance that fails on its third call, whatever it is, costs no row.
    #[test]
    fn what_an_instance_has_in_its_memory_costs_no_row() {
        for pace in paces() {
            let fails = |_: Range<usize>, before| (before > 20).then_some(Cause::Fault);
            assert!(search(1000, pace, &fails).1.is_empty());
        }
    }

    /// One row in 10,000 is expected in calls of some hundred rows, and one in a million in
    /// calls of some thousand.
    #[test]
    fn calls_are_the_smaller_the_more_rows_are_at_fault() {
        for (every, rows) in [(10_000, 700..900), (1_000_000, 7_000..9_000), (3, 3..5)] {
            let mut pace = Pace::default();
            for batch in 0..40 * every / 8192 + 1 {
                let fails = |rows: Range<usize>, _| {
                    let mut rows = rows.map(|row| batch * 8192 + row);
                    rows.any(|row| row % every == 0).then_some(Cause::Fault)
                };
                pace = search(8192, pace, &fails).2;
            }
            let since = Pace { since: Some(0), ..pace };
            assert!(rows.contains(&since.rows()), "{} for {every}", since.rows());
        }
    }

    /// A row that never returns costs its whole deadline twice, the next ones once.
    #[test]
    fn deadlines_are_waited_for_once_a_row() {
        let mut pace = Pace { usual_ns: Some(1000), ..Pace::default() };
        for whole in [2, 1, 1] {
            let mut batch = Search::new(8192, pace);
            let mut waited = 0;
            while let Some(probe) = batch.next() {
                match probe.rows.contains(&5000) {
                    false => batch.done(Duration::from_micros(probe.rows.len() as u64)),
                    true => {
                        waited += usize::from(probe.within.is_none());
                        batch.failed(Cause::Time);
                    }
                }
            }
            assert_eq!(waited, whole);
            pace = batch.pace();
        }
        let slow = |rows: Range<usize>, _| rows.contains(&7).then_some(Cause::Time);
        let mut batch = Search::new(10, pace);
        while let Some(probe) = batch.next() {
            match slow(probe.rows.clone(), 0).filter(|_| probe.within.is_some()) {
                Some(cause) => drop(batch.failed(cause)),
                None => batch.done(Duration::from_millis(100)),
            }
        }
        assert!(!batch.pace().hurry, "rows that are slow and no more must have their time");
    }

    #[test]
    fn nothing_is_sought_where_the_caller_gives_up() {
        let mut batch =
            Search::new(100, Pace { spacing: Some(1), since: Some(0), ..Pace::default() });
        assert_eq!(batch.next().map(|probe| probe.rows), Some(0..1));
        batch.failed(Cause::Fault);
        batch.give_up();
        assert_eq!(batch.next().map(|probe| probe.rows), Some(1..100));
        batch.failed(Cause::Fault);
        batch.give_up();
        assert_eq!(batch.next(), None);
    }
}
