//! Two versions of the step's plugin: the current one, and one on trial beside it.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::KeyedStep;
use super::call::{Call, lock};
use super::runner::Runner;
use super::work::{Segment, Work};
use crate::batch::Batch;
use crate::error::Result;
use crate::operator::Outputs;
use crate::operators::shadow;
use crate::operators::versioned::{hand_over, is_among, mode, time_for, without_room};
use crate::plan::{Deployment, Program};
use crate::plugin::Stopwatch;
use crate::swap::{Mode, Sample, Side};

/// Keys of a canary are chosen by a hash that has nothing to do with their groups'.
const CANARY_SEED: u64 = 0x6361_6e61_7279;

impl KeyedStep {
    /// Gives segments of different keys to the version that is to have them.
    pub(super) fn attempt(
        &mut self,
        work: &Work,
        segments: Vec<Segment>,
        out: &mut Outputs,
    ) -> Result<()> {
        match mode(self.candidate.as_ref()) {
            None => self.current(work, segments, out),
            Some(Mode::Full) => self.try_candidate(work, segments, out),
            Some(Mode::Canary { share }) => {
                let is_chosen = |segment: &Segment| {
                    let key = work.keys.key(segment.key).bytes;
                    is_among(xxh3_64_with_seed(key, CANARY_SEED), share)
                };
                let (chosen, others) = segments.into_iter().partition(is_chosen);
                self.try_candidate(work, chosen, out)?;
                self.current(work, others, out)
            }
            Some(Mode::Shadow) => self.shadow(work, segments, out),
        }
    }

    /// Gives segments to the current version.
    fn current(&mut self, work: &Work, segments: Vec<Segment>, out: &mut Outputs) -> Result<()> {
        if segments.is_empty() {
            return Ok(());
        }
        let (started, before) = (Stopwatch::start(), out.emitted.len());
        let (failed, rows) = (self.current.failed_calls, count(&segments));
        self.search(work, &segments, out)?;
        let errors = self.current.plan.plugin.errors;
        let sample = Sample {
            failures: self.current.failed_calls - failed,
            memory: self.current.memory_peak(),
            ..sample(rows, &out.emitted[before..], errors, &started)
        };
        self.life.add(&sample);
        if let Some(candidate) = &self.candidate {
            candidate.trial.count(Side::Current, &sample);
        }
        Ok(())
    }

    /// Gives segments to the candidate, whole, and if it fails to the current version.
    fn try_candidate(
        &mut self,
        work: &Work,
        segments: Vec<Segment>,
        out: &mut Outputs,
    ) -> Result<()> {
        let rows = count(&segments);
        let Some(candidate) = &self.candidate else { return Ok(()) };
        let (plan, trial) = (&candidate.version.plan, candidate.trial.clone());
        let prepared = Call::prepare(plan, work, &segments, self.woken, &self.memory)?;
        let Some(mut call) = prepared else { return Ok(()) };
        let within = time_for(&self.life, rows + call.due.len(), &trial);
        let (started, before) = (Stopwatch::start(), out.emitted.len());
        let errors = plan.plugin.errors;
        let failure = match without_room(self.call(Side::Candidate, work, &mut call, within))? {
            Ok((output, timers)) => {
                self.keep(Side::Candidate, work, &call, output, timers, out)?;
                let memory = self.runner(Side::Candidate).memory_peak();
                let sample = sample(rows, &out.emitted[before..], errors, &started);
                let sample = Sample { memory, ..sample };
                trial.count(Side::Candidate, &sample);
                if let Some(candidate) = &mut self.candidate {
                    candidate.life.add(&sample);
                }
                return Ok(());
            }
            Err(failure) => failure,
        };
        let sample = Sample { failures: 1, ..sample(rows, &[], errors, &started) };
        trial.count(Side::Candidate, &sample);
        let failed = self.current.failed_calls;
        self.current(work, segments, out)?;
        // Rows on which both fail say nothing about the candidate.
        if self.current.failed_calls == failed {
            trial.failed(&failure.message);
        }
        Ok(())
    }

    /// Lets both versions work, and only the current one have an effect. The candidate comes first:
    /// it is to find the states that the other one finds.
    fn shadow(&mut self, work: &Work, segments: Vec<Segment>, out: &mut Outputs) -> Result<()> {
        let Some(candidate) = &self.candidate else { return Ok(()) };
        let (plan, trial) = (candidate.version.plan.clone(), candidate.trial.clone());
        let prepared = Call::prepare(&plan, work, &segments, self.woken, &self.memory)?;
        let mut shadowed = None;
        if let Some(mut call) = prepared {
            let started = Stopwatch::start();
            let within = time_for(&self.life, count(&segments) + call.due.len(), &trial);
            let called = without_room(self.call(Side::Candidate, work, &mut call, within))?;
            lock(&self.memory).end()?;
            let mut emitted = Outputs::default();
            let failures = u64::from(called.is_err());
            match called {
                Ok((output, _)) => {
                    self.emit(Side::Candidate, work, &call, output, &mut emitted)?;
                }
                Err(failure) => trial.failed(&failure.message),
            }
            let rows = count(&segments);
            let memory = self.runner(Side::Candidate).memory_peak();
            let sample = sample(rows, &emitted.emitted, plan.plugin.errors, &started);
            trial.count(Side::Candidate, &Sample { memory, failures, ..sample });
            shadowed = Some(emitted);
        }
        let mut emitted = Outputs::default();
        self.current(work, segments, &mut emitted)?;
        if let Some(shadowed) = shadowed {
            shadow::compare(&trial, &plan.plugin, &emitted, &shadowed)?;
        }
        out.emitted.append(&mut emitted.emitted);
        Ok(())
    }

    pub(super) fn runner(&mut self, side: Side) -> &mut Runner {
        match (&mut self.candidate, side) {
            (Some(candidate), Side::Candidate) => &mut candidate.version,
            _ => &mut self.current,
        }
    }

    /// Lets other versions run, if they are of this step.
    pub(super) fn take_versions(&mut self, deployment: &Deployment) -> Result<()> {
        let Program::Keyed(current) = &deployment.current else { return Ok(()) };
        if deployment.part != self.current.plan.plugin.step {
            return Ok(());
        }
        let next = deployment.candidate.as_ref().and_then(|next| match &next.program {
            Program::Keyed(plan) => Some((&**plan, &next.trial)),
            Program::Transform(_) | Program::Table(_) => None,
        });
        let own = (&mut self.current, &mut self.life);
        hand_over(own, &mut self.candidate, current, next, &self.plugins)
    }
}

/// How many rows segments have.
fn count(segments: &[Segment]) -> usize {
    segments.iter().map(Segment::rows).sum()
}

/// What a call on so many rows came to, by what it has emitted.
fn sample(rows: usize, emitted: &[(usize, Batch)], errors: usize, started: &Stopwatch) -> Sample {
    let of = |refused: bool| {
        let emitted = emitted.iter().filter(|(port, _)| (*port == errors) == refused);
        emitted.map(|(_, batch)| batch.len() as u64).sum()
    };
    Sample {
        calls: 1,
        rows: rows as u64,
        rows_out: of(false),
        refused: of(true),
        nanos: started.nanos(),
        ..Sample::default()
    }
}
