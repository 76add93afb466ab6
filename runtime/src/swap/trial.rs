//! A candidate at work beside the current version: what is counted, and when enough is enough.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bounds, Mode};

/// Differences of one port that are kept as examples.
const EXAMPLES_MAX: usize = 5;
/// A shadow that has failed so often gets no more rows.
const SHADOW_FAILURES_MAX: u64 = 100;
/// What a call may take whatever its rows take: a canary gets fewer rows in a call than the version
/// that it is compared with.
const CALL_NANOS: f64 = 100_000.0;
/// Shares and times mean something from so many rows and calls on.
const ROWS_MIN: u64 = 200;
const CALLS_MIN: u64 = 10;

/// What one of two versions has done since the trial began. Shared by all tasks.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    rows: AtomicU64,
    rows_out: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
    nanos: AtomicU64,
    memory: AtomicU64,
}

/// One call, or what several came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub calls: u64,
    pub rows: u64,
    pub rows_out: u64,
    /// Rows that became row errors.
    pub refused: u64,
    /// Calls that failed.
    pub failures: u64,
    pub nanos: u64,
    /// Of the instance, in bytes.
    pub memory: u64,
}

impl Sample {
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.rows += other.rows;
        self.rows_out += other.rows_out;
        self.refused += other.refused;
        self.failures += other.failures;
        self.nanos += other.nanos;
        self.memory = self.memory.max(other.memory);
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Current,
    Candidate,
}

/// A trial that tasks report to and the coordinator judges.
#[derive(Debug)]
pub struct Trial {
    pub id: u64,
    pub part: String,
    pub mode: Mode,
    pub bounds: Bounds,
    started: Instant,
    current: Tally,
    candidate: Tally,
    /// Calls of the candidate that failed where the current version did not.
    to_blame: AtomicU64,
    /// Rows whose output is not the same. Only of a shadow.
    differing: AtomicU64,
    examples: Mutex<Vec<Difference>>,
    /// Why the candidate gets no rows any more.
    withdrawn: OnceLock<String>,
}

/// How a trial is going.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialReport {
    /// Of its swap.
    pub id: u64,
    pub part: String,
    pub mode: Mode,
    pub bounds: Bounds,
    pub elapsed_ms: u64,
    pub current: Counted,
    pub candidate: Counted,
    /// Failed calls of the candidate on rows that the current version could process.
    pub to_blame: u64,
    pub differing_rows: u64,
    pub examples: Vec<Difference>,
    pub withdrawn: Option<String>,
}

/// What one version has done during a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    pub calls: u64,
    pub rows: u64,
    pub rows_out: u64,
    pub refused: u64,
    pub failures: u64,
    pub nanos: u64,
    /// Most memory of one instance.
    pub memory_bytes: u64,
}

/// A row for which the candidate gave something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The row's partition and number, as far as there is one.
    pub row: String,
    pub port: String,
    pub current: String,
    pub candidate: String,
}

impl Tally {
    fn add(&self, sample: &Sample) {
        let add = |counter: &AtomicU64, n: u64| {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        };
        add(&self.calls, sample.calls);
        add(&self.rows, sample.rows);
        add(&self.rows_out, sample.rows_out);
        add(&self.refused, sample.refused);
        add(&self.failures, sample.failures);
        add(&self.nanos, sample.nanos);
        self.memory.fetch_max(sample.memory, Ordering::Relaxed);
    }

    fn counted(&self) -> Counted {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            calls: get(&self.calls),
            rows: get(&self.rows),
            rows_out: get(&self.rows_out),
            refused: get(&self.refused),
            failures: get(&self.failures),
            nanos: get(&self.nanos),
            memory_bytes: get(&self.memory),
        }
    }
}

impl Counted {
    fn refused_share(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.refused as f64 / self.rows as f64 }
    }

    /// `None` while too little was done.
    fn nanos_per_row(&self) -> Option<f64> {
        let enough = self.rows >= ROWS_MIN && self.calls >= CALLS_MIN;
        enough.then(|| self.nanos as f64 / self.rows as f64)
    }
}

impl Trial {
    pub fn new(id: u64, part: &str, mode: Mode, bounds: Bounds) -> Self {
        Self {
            id,
            part: part.to_owned(),
            mode,
            bounds,
            started: Instant::now(),
            current: Tally::default(),
            candidate: Tally::default(),
            to_blame: AtomicU64::new(0),
            differing: AtomicU64::new(0),
            examples: Mutex::default(),
            withdrawn: OnceLock::new(),
        }
    }

    /// Counts what a version has done.
    pub fn count(&self, side: Side, sample: &Sample) {
        match side {
            Side::Current => self.current.add(sample),
            Side::Candidate => self.candidate.add(sample),
        }
    }

    /// Counts a call of the candidate that failed where the current version did not, and takes the
    /// candidate out of the tasks when that makes too many. `why` is the failure's text.
    pub fn failed(&self, why: &str) {
        let failures = self.to_blame.fetch_add(1, Ordering::Relaxed) + 1;
        let max = match self.mode {
            Mode::Shadow => SHADOW_FAILURES_MAX,
            Mode::Full | Mode::Canary { .. } => self.bounds.failures,
        };
        if failures > max {
            self.withdraw(format!(
                "{failures} calls failed on rows that the old version can process; the last: {why}"
            ));
        }
    }

    /// Notes rows whose output at `port` is not the same. `example` is asked for as long as some are
    /// kept.
    pub fn differs(&self, port: &str, rows: u64, example: impl FnOnce() -> Option<Difference>) {
        self.differing.fetch_add(rows, Ordering::Relaxed);
        let mut examples = self.examples();
        if examples.iter().filter(|example| example.port == port).count() < EXAMPLES_MAX {
            examples.extend(example());
        }
    }

    /// Whether tasks are to leave the candidate alone.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.get().is_some()
    }

    fn withdraw(&self, why: String) {
        // The first reason is the one that is told.
        let _ = self.withdrawn.set(why);
    }

    /// Looks whether the candidate has passed a bound: then it is withdrawn, and this says why.
    pub fn judge(&self) -> Option<String> {
        if let Some(why) = self.withdrawn.get() {
            return Some(why.clone());
        }
        if self.mode == Mode::Shadow {
            return None;
        }
        let (current, candidate) = (self.current.counted(), self.candidate.counted());
        let why = self.too_many_errors(&current, &candidate).or_else(|| {
            let (old, new) = (current.nanos_per_row()?, candidate.nanos_per_row()?);
            let calls = CALL_NANOS * candidate.calls as f64 / candidate.rows as f64;
            (new > (old + calls) * self.bounds.slowdown).then(|| {
                let times = self.bounds.slowdown;
                format!(
                    "{new:.0} ns of a processor a row, over {times} times the {old:.0} ns of the old \
                     version"
                )
            })
        })?;
        self.withdraw(why.clone());
        Some(why)
    }

    fn too_many_errors(&self, current: &Counted, candidate: &Counted) -> Option<String> {
        let (old, new) = (current.refused_share(), candidate.refused_share());
        // Without rows of the old version there is nothing to compare with.
        let enough = candidate.rows >= ROWS_MIN && current.rows >= ROWS_MIN;
        (enough && new > old + self.bounds.errors).then(|| {
            format!(
                "{:.1}% of its rows were errors, {:.1}% of the old version's",
                new * 100.0,
                old * 100.0
            )
        })
    }

    /// Whether the candidate has done well for long enough to be promoted by itself. One that has not
    /// had a single success has not, whoever is to blame.
    pub fn is_over(&self) -> bool {
        let candidate = self.candidate.counted();
        let has_failed = candidate.calls > 0 && candidate.failures >= candidate.calls;
        !has_failed
            && self.mode.promotes_after(&self.bounds).is_some_and(|after| self.elapsed() >= after)
    }

    fn examples(&self) -> std::sync::MutexGuard<'_, Vec<Difference>> {
        self.examples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn report(&self) -> TrialReport {
        TrialReport {
            id: self.id,
            part: self.part.clone(),
            mode: self.mode,
            bounds: self.bounds,
            elapsed_ms: self.elapsed().as_millis() as u64,
            current: self.current.counted(),
            candidate: self.candidate.counted(),
            to_blame: self.to_blame.load(Ordering::Relaxed),
            differing_rows: self.differing.load(Ordering::Relaxed),
            examples: self.examples().clone(),
            withdrawn: self.withdrawn.get().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHADOW_FAILURES_MAX, Sample, Side, Trial};
    use crate::swap::{Bounds, Mode};

    fn trial(mode: Mode) -> Trial {
        Trial::new(1, "rules", mode, Bounds::default())
    }

    fn calls(rows: u64, refused: u64, nanos: u64) -> Sample {
        Sample { calls: 20, rows, refused, nanos, ..Sample::default() }
    }

    #[test]
    fn a_candidate_that_does_as_well_stays() {
        let trial = trial(Mode::Full);
        trial.count(Side::Current, &calls(1000, 50, 1_000_000));
        trial.count(Side::Candidate, &calls(1000, 60, 2_000_000));
        trial.failed("once");
        assert_eq!(trial.judge(), None);
    }

    #[test]
    fn each_bound_takes_a_candidate_back() {
        let (refuses, slow, fails) = (trial(Mode::Full), trial(Mode::Full), trial(Mode::Full));
        for trial in [&refuses, &slow, &fails] {
            trial.count(Side::Current, &calls(1000, 50, 1_000_000));
        }
        refuses.count(Side::Candidate, &calls(1000, 151, 1_000_000));
        slow.count(Side::Candidate, &calls(1000, 0, 40_000_000));
        (0..4).for_each(|n| fails.failed(&format!("trap {n}")));
        let why = |trial: &Trial| trial.judge().unwrap();
        assert!(why(&refuses).contains("15.1%"), "{}", why(&refuses));
        assert!(why(&slow).contains("10 times"), "{}", why(&slow));
        assert!(
            why(&fails).contains("4 calls") && why(&fails).contains("trap 3"),
            "{}",
            why(&fails)
        );
        assert!(fails.is_withdrawn());
    }

    #[test]
    fn a_shadow_does_no_harm() {
        let trial = trial(Mode::Shadow);
        (0..SHADOW_FAILURES_MAX).for_each(|_| trial.failed("trap"));
        trial.count(Side::Candidate, &calls(1000, 1000, 1_000_000_000));
        assert_eq!(trial.judge(), None);
        assert!(!trial.is_withdrawn() && trial.report().to_blame == SHADOW_FAILURES_MAX);
        trial.failed("trap");
        assert!(trial.judge().is_some(), "it would only cost time");
    }

    #[test]
    fn a_candidate_without_a_success_is_not_promoted() {
        let trial =
            Trial::new(1, "rules", Mode::Full, Bounds { within_ms: 0, ..Bounds::default() });
        assert!(trial.is_over(), "nothing has come yet");
        trial.count(Side::Candidate, &Sample { calls: 1, failures: 1, ..Sample::default() });
        assert!(!trial.is_over());
        trial.count(Side::Candidate, &calls(1000, 0, 1000));
        assert!(trial.is_over());
    }

    #[test]
    fn few_rows_mean_nothing() {
        let trial = trial(Mode::Canary { share: 0.1 });
        trial.count(Side::Candidate, &calls(10, 10, 1_000_000_000));
        assert_eq!(trial.judge(), None);
    }
}
