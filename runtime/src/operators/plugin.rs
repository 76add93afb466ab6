//! A step that runs a component: batches cross whole, and failures are traced to their rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::UInt32Array;
use arrow::datatypes::Fields;

use super::carried::check_carried;
use super::exact_rows::ExactRows;
use super::search::{Cause, Pace, Search};
use super::versioned::Version;
use crate::batch::Batch;
use crate::config::OnFailure;
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::{Error, Result};
use crate::operator::Outputs;
use crate::plan::{PluginPlan, PortColumn, RetryPlan};
use crate::plugin::{
    CallFailure, CallOutput, Crossing, Instance, Loaded, Moment, PluginHost, PortRows, Sandbox,
};

pub struct PluginStep {
    plan: PluginPlan,
    loaded: Arc<Loaded>,
    sandbox: Arc<Sandbox>,
    refuser: Refuser,
    exact: ExactRows,
    /// `None` after a failure: the next call gets a fresh one.
    instance: Option<Instance>,
    /// Failed calls since the last that succeeded.
    failures: u32,
    /// Failed calls of all time.
    failed_calls: u64,
    pace: Pace,
}

impl PluginStep {
    /// # Errors
    /// If the component was not planned.
    pub fn new(plan: &PluginPlan, host: &PluginHost) -> Result<Self> {
        let refuser = Refuser {
            step: plan.step.clone(),
            plugin: Some((plan.plugin.clone(), plan.digest.clone())),
        };
        let loaded = host.planned(&plan.digest)?;
        let exact = ExactRows::of(&plan.input);
        Ok(Self {
            plan: plan.clone(),
            loaded,
            sandbox: host.sandbox(plan),
            refuser,
            exact,
            instance: None,
            failures: 0,
            failed_calls: 0,
            pace: Pace::default(),
        })
    }

    /// One call on `batch`. A failure takes the instance with it: whatever is left in its memory
    /// can't be trusted.
    fn call(
        &mut self,
        batch: &Batch,
        within: Option<Duration>,
    ) -> Result<Result<CallOutput, CallFailure>> {
        let crossing = Crossing::new(&batch.rows, &self.plan.reads)?;
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => match self.start() {
                Ok(instance) => instance,
                Err(failure) => return Ok(Err(failure.of_plugin()?)),
            },
        };
        if instance.is_deterministic() {
            instance.pin(Moment::of_rows(&self.plan.step, batch, self.plan.event_time));
        }
        let adds: Vec<&Fields> = self.plan.ports.iter().map(|port| &port.adds).collect();
        instance.within(within);
        let called = crossing.call(&mut instance, &adds).and_then(|output| {
            check_carried(&self.plan, batch.rows.columns(), 0, &output.ports)?;
            Ok(output)
        });
        if called.is_ok() {
            self.instance = self.loaded.kept(instance, &self.plan, &self.sandbox);
        }
        Ok(called)
    }

    fn start(&self) -> Result<Instance, CallFailure> {
        self.loaded.of_step(&self.plan, &self.sandbox)
    }

    /// Whether to go on with the search for the row at fault, after a call on rows from `offset` on
    /// failed.
    fn failed(&mut self, offset: usize, failure: &CallFailure) -> Result<Verdict> {
        self.failures += 1;
        self.failed_calls += 1;
        if self.failures < self.plan.limits.consecutive_failures {
            return Ok(Verdict::Search);
        }
        let is_temporary = |retry: &RetryPlan| retry.is_temporary(failure.code);
        match self.plan.on_failure {
            OnFailure::DeadLetter => Ok(Verdict::GiveUp),
            OnFailure::Stop if self.plan.retry.as_ref().is_some_and(is_temporary) => {
                Ok(Verdict::GiveUp)
            }
            OnFailure::Stop => Err(Error::plugin(format!(
                "plugin `{}` of step `{}` failed {} times in a row, the last time on row {offset} \
                 of a batch: {}{}. Nothing is lost: mend the plugin and run again, or set \
                 on_failure = \"dead_letter\" to go on without these rows",
                self.plan.plugin,
                self.plan.step,
                self.failures,
                failure.message,
                failure.backtrace.as_ref().map(|b| format!("\n{b}")).unwrap_or_default(),
            ))),
        }
    }

    /// Who refuses rows, for their dead letters.
    pub fn refuser(&self) -> &Refuser {
        &self.refuser
    }

    /// Sends refused rows where they belong: those that may succeed later to the queue, and as they
    /// came to whoever wants to answer in the meantime.
    pub fn refuse(&self, batch: &Batch, refusals: Vec<Refusal>, out: &mut Outputs) -> Result<()> {
        let is_temporary = |refusal: &Refusal| {
            self.plan.retry.as_ref().is_some_and(|retry| retry.is_temporary(&refusal.code))
        };
        let (temporary, lasting): (Vec<_>, Vec<_>) = refusals.into_iter().partition(is_temporary);
        if let Some(retry) = &self.plan.retry
            && !temporary.is_empty()
        {
            let rows = UInt32Array::from_iter_values(temporary.iter().map(|refusal| refusal.row));
            let rows = batch.take(&rows)?;
            let letters = letters(&self.refuser, batch, &temporary)?;
            out.emit(retry.queue, self.exact.queued(letters, &rows.rows)?);
            out.emit(retry.fallback, rows);
        }
        if !lasting.is_empty() {
            out.emit(self.plan.errors, letters(&self.refuser, batch, &lasting)?);
        }
        Ok(())
    }

    /// Carries the columns over that the plugin did not write.
    fn assemble(&self, batch: &Batch, returned: PortRows) -> Result<Batch> {
        let port = &self.plan.ports[returned.port];
        let carried: Vec<usize> = port
            .columns
            .iter()
            .filter_map(|column| match column {
                PortColumn::Input(at) => Some(*at),
                PortColumn::Added(_) => None,
            })
            .collect();
        let carried = Batch::new(batch.rows.project(&carried)?, batch.origin.clone());
        let carried = match &returned.rows {
            None => carried,
            Some(rows) => carried.take(rows)?,
        };
        let mut kept = carried.rows.columns().iter();
        let columns = port.columns.iter().filter_map(|column| match column {
            PortColumn::Input(_) => kept.next().cloned(),
            PortColumn::Added(at) => returned.columns.get(*at).cloned(),
        });
        carried.with_columns(port.schema.clone(), columns.collect())
    }
}

enum Verdict {
    /// Find the row at fault.
    Search,
    /// All rows of the call become dead letters.
    GiveUp,
}

impl PluginStep {
    /// Gives the plugin a batch of as many rows as may cross. Emits what it returns, but for the
    /// rows that it refuses or fails on: those are returned, in their order.
    ///
    /// # Errors
    /// `Plugin` if it fails on everything and the job is to stop then.
    pub fn attempt(&mut self, batch: &Batch, out: &mut Outputs) -> Result<Vec<Refusal>> {
        let mut refusals: Vec<Refusal> = Vec::new();
        let mut search = Search::new(batch.len(), self.pace);
        while let Some(probe) = search.next() {
            let (offset, rows) = (probe.rows.start, probe.rows.len());
            let part = if rows == batch.len() { batch.clone() } else { batch.slice(offset, rows) };
            if probe.fresh {
                self.instance = None;
            }
            let start = Instant::now();
            let failure = match self.call(&part, probe.within)? {
                Ok(output) => {
                    search.done(start.elapsed());
                    self.failures = 0;
                    for rows in output.ports {
                        out.emit(rows.port, self.assemble(&part, rows)?);
                    }
                    let of_batch =
                        |refusal: Refusal| Refusal { row: refusal.row + offset as u32, ..refusal };
                    refusals.extend(output.errors.into_iter().map(of_batch));
                    continue;
                }
                Err(failure) => failure,
            };
            let is_refused = match self.failed(offset, &failure)? {
                Verdict::Search => search.failed(Cause::of(&failure)),
                Verdict::GiveUp => {
                    search.give_up();
                    true
                }
            };
            if is_refused {
                refusals.extend(probe.rows.map(|row| Refusal {
                    row: row as u32,
                    code: failure.code.to_owned(),
                    message: failure.message.clone(),
                    column: None,
                    backtrace: failure.backtrace.clone(),
                }));
            }
        }
        self.pace = search.pace();
        refusals.sort_by_key(|refusal| refusal.row);
        Ok(refusals)
    }
}

impl Version for PluginStep {
    type Plan = PluginPlan;

    fn ready(plan: &PluginPlan, host: &PluginHost) -> Result<Self> {
        let mut step = Self::new(plan, host)?;
        step.instance = step.start().ok();
        Ok(step)
    }

    fn is(&self, plan: &PluginPlan) -> bool {
        self.plan.is_same_version(plan)
    }
}

/// What a step with two versions needs of each.
impl PluginStep {
    pub fn step(&self) -> &str {
        &self.plan.step
    }

    pub fn plan(&self) -> &PluginPlan {
        &self.plan
    }

    /// Most memory that an instance of this version has had, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.sandbox.metrics.memory_peak()
    }

    /// How many calls have failed so far.
    pub fn failed_calls(&self) -> u64 {
        self.failed_calls
    }

    /// One call on all of a batch, which may take `within` if that is less than its deadline. Emits
    /// what it returns, and returns the rows that it refuses.
    ///
    /// # Errors
    /// If the batch can't cross. The inner error is why the call came to nothing.
    pub fn once(
        &mut self,
        batch: &Batch,
        within: Option<Duration>,
        out: &mut Outputs,
    ) -> Result<Result<Vec<Refusal>, CallFailure>> {
        let output = match self.call(batch, within)? {
            Ok(output) => output,
            Err(failure) => return Ok(Err(failure)),
        };
        for rows in output.ports {
            out.emit(rows.port, self.assemble(batch, rows)?);
        }
        Ok(Ok(output.errors))
    }
}
