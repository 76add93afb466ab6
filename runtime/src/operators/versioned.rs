//! A plugin step whose component may be swapped: the current version, and one on trial beside it.
//!
//! *Invariant:* rows on which the candidate fails are given to the current version, whole and in
//! their place; what failed has emitted nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::UInt32Array;
use arrow::compute::concat_batches;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::plugin::PluginStep;
use super::shadow;
use crate::batch::{Batch, Origin, Partition};
use crate::dead_letter::Refusal;
use crate::error::{ErrorKind, Result};
use crate::operator::{Operator, Outputs};
use crate::plan::{Deployment, PluginPlan, Program};
use crate::plugin::{CallFailure, PluginHost, Stopwatch};
use crate::swap::{Mode, Sample, Side, Trial};

/// A call of a candidate gets so much time whatever the bounds on its speed say.
const TIME_MIN: Duration = Duration::from_millis(200);

pub struct VersionedStep {
    current: PluginStep,
    candidate: Option<OnTrial<PluginStep>>,
    plugins: Arc<PluginHost>,
    /// What the current version has done since it is that.
    life: Sample,
}

/// A version of a step's plugin, of whichever world.
pub trait Version: Sized {
    type Plan;

    /// With an instance that waits for the first call. A plugin that can't start says so with that.
    ///
    /// # Errors
    /// If the component was not loaded.
    fn ready(plan: &Self::Plan, host: &PluginHost) -> Result<Self>;

    /// Whether it runs this component with this config.
    fn is(&self, plan: &Self::Plan) -> bool;
}

/// A version beside the current one.
pub struct OnTrial<V> {
    pub version: V,
    pub trial: Arc<Trial>,
    /// What it has done in this task.
    pub life: Sample,
}

/// The mode of a candidate that still gets rows.
pub fn mode<V>(candidate: Option<&OnTrial<V>>) -> Option<Mode> {
    let trial = &candidate?.trial;
    (!trial.is_withdrawn()).then_some(trial.mode)
}

/// Lets other versions run from here on. One that was on trial and is the current one now keeps its
/// instance.
///
/// # Errors
/// If a component was not loaded.
pub fn hand_over<V: Version>(
    (current, life): (&mut V, &mut Sample),
    candidate: &mut Option<OnTrial<V>>,
    plan: &V::Plan,
    next: Option<(&V::Plan, &Arc<Trial>)>,
    host: &PluginHost,
) -> Result<()> {
    let promoted = candidate.take().filter(|own| own.version.is(plan));
    if !current.is(plan) {
        (*current, *life) = match promoted {
            Some(promoted) => (promoted.version, promoted.life),
            None => (V::ready(plan, host)?, Sample::default()),
        };
    }
    if let Some((plan, trial)) = next {
        trial.count(Side::Current, life);
        let (version, trial) = (V::ready(plan, host)?, trial.clone());
        *candidate = Some(OnTrial { version, trial, life: Sample::default() });
    }
    Ok(())
}

impl VersionedStep {
    /// # Errors
    /// If the component was not planned.
    pub fn new(plan: &PluginPlan, plugins: &Arc<PluginHost>) -> Result<Self> {
        let (current, plugins) = (PluginStep::new(plan, plugins)?, plugins.clone());
        Ok(Self { current, candidate: None, plugins, life: Sample::default() })
    }

    fn work(&mut self, batch: &Batch, out: &mut Outputs) -> Result<()> {
        match mode(self.candidate.as_ref()) {
            None => self.current(batch, out),
            Some(Mode::Full) => self.candidate(batch, out),
            Some(Mode::Shadow) => self.shadow(batch, out),
            Some(Mode::Canary { share }) => {
                let (old, new) = divide(batch, share)?;
                match (old.is_empty(), new.is_empty()) {
                    (true, _) => self.candidate(&new, out),
                    (_, true) => self.current(&old, out),
                    (false, false) => {
                        let before = out.emitted.len();
                        self.candidate(&new, out)?;
                        self.current(&old, out)?;
                        in_order(before, out)
                    }
                }
            }
        }
    }

    /// Lets the current version do all that is to be done with some rows.
    fn current(&mut self, batch: &Batch, out: &mut Outputs) -> Result<()> {
        let (started, emitted) = (Stopwatch::start(), rows(out));
        let failed = self.current.failed_calls();
        let refusals = self.current.attempt(batch, out)?;
        let sample = Sample {
            calls: 1,
            rows: batch.len() as u64,
            rows_out: rows(out) - emitted,
            refused: refusals.len() as u64,
            failures: self.current.failed_calls() - failed,
            nanos: started.nanos(),
            memory: self.current.memory_peak(),
        };
        self.life.add(&sample);
        if let Some(candidate) = &self.candidate {
            candidate.trial.count(Side::Current, &sample);
        }
        self.current.refuse(batch, refusals, out)
    }

    /// Gives rows to the candidate and, if it fails on them, to the current version.
    fn candidate(&mut self, batch: &Batch, out: &mut Outputs) -> Result<()> {
        let Some(OnTrial { version, trial, life }) = &mut self.candidate else { return Ok(()) };
        let within = time_for(&self.life, batch.len(), trial);
        let (called, sample) = call(version, batch, within, out)?;
        trial.count(Side::Candidate, &sample);
        life.add(&sample);
        let failure = match called {
            Ok(refusals) => return version.refuse(batch, refusals, out),
            Err(failure) => failure,
        };
        let (trial, failed) = (trial.clone(), self.current.failed_calls());
        self.current(batch, out)?;
        // Rows on which both fail say nothing about the candidate.
        if self.current.failed_calls() == failed {
            trial.failed(&failure.message);
        }
        Ok(())
    }

    /// Lets both versions work, and only the current one have an effect.
    fn shadow(&mut self, batch: &Batch, out: &mut Outputs) -> Result<()> {
        let mut emitted = Outputs::default();
        self.current(batch, &mut emitted)?;
        if let Some(OnTrial { version, trial, .. }) = &mut self.candidate {
            let within = time_for(&self.life, batch.len(), trial);
            let mut shadowed = Outputs::default();
            let (called, sample) = call(version, batch, within, &mut shadowed)?;
            trial.count(Side::Candidate, &sample);
            match called {
                Ok(refusals) => {
                    version.refuse(batch, refusals, &mut shadowed)?;
                    shadow::compare(trial, version.plan(), &emitted, &shadowed)?;
                }
                Err(failure) => trial.failed(&failure.message),
            }
        }
        out.emitted.append(&mut emitted.emitted);
        Ok(())
    }
}

impl Operator for VersionedStep {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        batch.chunks().try_for_each(|chunk| self.work(&chunk, out))
    }

    fn deploy(&mut self, deployment: &Deployment) -> Result<()> {
        let Program::Transform(current) = &deployment.current else { return Ok(()) };
        if self.current.step() != deployment.part {
            return Ok(());
        }
        let next = deployment.candidate.as_ref().and_then(|next| match &next.program {
            Program::Transform(plan) => Some((&**plan, &next.trial)),
            Program::Keyed(_) | Program::Table(_) => None,
        });
        let own = (&mut self.current, &mut self.life);
        hand_over(own, &mut self.candidate, current, next, &self.plugins)
    }
}

/// How long a call of a candidate on so many rows may take: one that takes longer than its bounds
/// allow need not be waited for until the end. `life` is what the current version has done.
pub fn time_for(life: &Sample, rows: usize, trial: &Trial) -> Option<Duration> {
    let usual = life.nanos.checked_div(life.rows)?;
    let time = (usual * rows as u64) as f64 * trial.bounds.slowdown * 2.0;
    Some(Duration::from_nanos(time as u64).max(TIME_MIN))
}

/// One call of a candidate, with what it came to.
fn call(
    step: &mut PluginStep,
    batch: &Batch,
    within: Option<Duration>,
    out: &mut Outputs,
) -> Result<(Result<Vec<Refusal>, CallFailure>, Sample)> {
    let (started, emitted) = (Stopwatch::start(), rows(out));
    let called = without_room(step.once(batch, within, out))?;
    let sample = Sample {
        calls: 1,
        rows: batch.len() as u64,
        rows_out: rows(out) - emitted,
        refused: called.as_ref().map_or(0, |refusals| refusals.len() as u64),
        failures: u64::from(called.is_err()),
        nanos: started.nanos(),
        memory: step.memory_peak(),
    };
    Ok((called, sample))
}

/// Where there is no room for an instance of a candidate, it has failed and the job goes on.
///
/// # Errors
/// Any other.
pub fn without_room<T>(called: Result<Result<T, CallFailure>>) -> Result<Result<T, CallFailure>> {
    match called {
        Err(error) if error.kind == ErrorKind::Unavailable => {
            Ok(Err(CallFailure::new("instances", error.to_string())))
        }
        called => called,
    }
}

/// Puts what two versions have emitted since `before` back into the order of the rows that it came
/// from, port by port.
fn in_order(before: usize, out: &mut Outputs) -> Result<()> {
    let mut ports: BTreeMap<usize, Vec<Batch>> = BTreeMap::new();
    for (port, batch) in out.emitted.drain(before..) {
        ports.entry(port).or_default().push(batch);
    }
    for (port, batches) in ports {
        let origins: Vec<(&Origin, usize)> = batches
            .iter()
            .flat_map(|batch| (0..batch.len()).map(|row| (&batch.origin, row)))
            .collect();
        let all = concat_batches(&batches[0].rows.schema(), batches.iter().map(|b| &b.rows))?;
        let all = Batch::new(all, Origin::gather(&origins));
        let mut order: Vec<u32> = (0..all.len() as u32).collect();
        order.sort_by_key(|row| all.origin.place(*row as usize));
        out.emit(port, all.take(&UInt32Array::from(order))?);
    }
    Ok(())
}

fn rows(out: &Outputs) -> u64 {
    out.emitted.iter().map(|(_, batch)| batch.len() as u64).sum()
}

/// The rows for the current version and, a share of them, those for a candidate. Which, depends on
/// where a row came from alone.
fn divide(batch: &Batch, share: f64) -> Result<(Batch, Batch)> {
    let Partition { source, name } = &*batch.origin.partition;
    let seed = xxh3_64_with_seed(name.as_bytes(), xxh3_64_with_seed(source.as_bytes(), 0));
    let is_chosen = |row: &u32| {
        let place = batch.origin.place(*row as usize);
        is_among(xxh3_64_with_seed(&place.to_le_bytes(), seed), share)
    };
    let (new, old): (Vec<u32>, Vec<u32>) = (0..batch.len() as u32).partition(is_chosen);
    let part = |rows: Vec<u32>| batch.take(&UInt32Array::from(rows));
    Ok((part(old)?, part(new)?))
}

/// Whether a hash is within the first `share` of all.
pub fn is_among(hash: u64, share: f64) -> bool {
    share >= 1.0 || (hash as f64) < share * u64::MAX as f64
}
