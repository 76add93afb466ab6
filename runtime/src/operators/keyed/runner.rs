//! One version of the step's plugin, with its instance.

use std::sync::Arc;

use arrow::array::Array;

use super::Verdict;
use super::call::Call;
use crate::config::OnFailure;
use crate::dead_letter::Refuser;
use crate::error::{Error, Result};
use crate::operators::search::Pace;
use crate::operators::versioned::Version;
use crate::plan::KeyedPlan;
use crate::plugin::{CallFailure, Instance, Loaded, PluginHost, Sandbox, migrate};

pub struct Runner {
    pub plan: KeyedPlan,
    pub refuser: Refuser,
    loaded: Arc<Loaded>,
    sandbox: Arc<Sandbox>,
    /// `None` after a failure: the next call gets a fresh one.
    pub instance: Option<Instance>,
    /// Failed calls since the last that succeeded.
    pub failures: u32,
    /// Failed calls of all time.
    pub failed_calls: u64,
    pub pace: Pace,
}

impl Version for Runner {
    type Plan = KeyedPlan;

    fn ready(plan: &KeyedPlan, host: &PluginHost) -> Result<Self> {
        let mut runner = Self::new(plan, host)?;
        runner.instance = runner.take_instance().ok();
        Ok(runner)
    }

    fn is(&self, plan: &KeyedPlan) -> bool {
        self.plan.plugin.is_same_version(&plan.plugin)
    }
}

impl Runner {
    /// # Errors
    /// If the component was not loaded.
    pub fn new(plan: &KeyedPlan, host: &PluginHost) -> Result<Self> {
        let plugin = &plan.plugin;
        Ok(Self {
            refuser: Refuser {
                step: plugin.step.clone(),
                plugin: Some((plugin.plugin.clone(), plugin.digest.clone())),
            },
            loaded: host.planned(&plugin.digest)?,
            sandbox: host.sandbox(plugin),
            instance: None,
            failures: 0,
            failed_calls: 0,
            pace: Pace::default(),
            plan: plan.clone(),
        })
    }

    /// Most memory that an instance of this version has had, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.sandbox.metrics.memory_peak()
    }

    /// The instance, or a fresh one.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn take_instance(&mut self) -> Result<Instance, CallFailure> {
        let fresh = || self.loaded.of_keyed_step(&self.plan, &self.sandbox);
        self.instance.take().map_or_else(fresh, Ok)
    }

    /// Keeps an instance whose call succeeded, if the next call may have it.
    pub fn keep_instance(&mut self, instance: Instance) {
        self.instance = self.loaded.kept_keyed(instance, &self.plan, &self.sandbox);
    }

    /// Brings the states of a call that are of older versions to today's.
    ///
    /// # Errors
    /// If there is one of a version that the plugin does not know, which is known before it runs.
    /// The inner error is why the plugin could not: the states are as they were then.
    pub fn migrate(
        &self,
        instance: &mut Instance,
        call: &mut Call,
    ) -> Result<Result<(), CallFailure>> {
        let step = &self.plan.plugin.step;
        let mut old = call.stored.old.clone();
        old.sort_unstable();
        let mut migrated: Vec<(usize, Option<Vec<u8>>)> = Vec::with_capacity(old.len());
        for same in old.chunk_by(|a, b| a.0 == b.0) {
            let version = same[0].0;
            if !self.plan.reads_versions.contains(&version) {
                return Err(Error::config(format!(
                    "step `{step}` has a state of version {version}, and its plugin writes version \
                     {} and reads {:?} beside it: go back to the plugin that wrote it, or let the \
                     plugin migrate that version",
                    self.plan.state_version, self.plan.reads_versions
                )));
            }
            let states = same.iter().map(|(_, key)| call.stored.state(*key)).collect();
            let new = match migrate(instance, version, states)? {
                Ok(new) => new,
                Err(failure) => {
                    let message = format!(
                        "a state could not be brought from version {version} to {}: {}",
                        self.plan.state_version, failure.message
                    );
                    return Ok(Err(CallFailure { message, ..failure }));
                }
            };
            for (at, (_, key)) in same.iter().enumerate() {
                migrated.push((*key, new.is_valid(at).then(|| new.value(at).to_vec())));
            }
        }
        // All or none: a state and its version belong together.
        for (key, state) in migrated {
            call.stored.replace(key, state.as_deref());
        }
        call.stored.old.clear();
        Ok(Ok(()))
    }

    /// Whether to go on with the search for what is at fault, after a call failed.
    ///
    /// # Errors
    /// `Plugin` if it fails on everything and the job is to stop then.
    pub fn failed(&mut self, failure: &CallFailure) -> Result<Verdict> {
        let plugin = &self.plan.plugin;
        self.failures += 1;
        self.failed_calls += 1;
        if self.failures < plugin.limits.consecutive_failures {
            return Ok(Verdict::Search);
        }
        match plugin.on_failure {
            OnFailure::DeadLetter => Ok(Verdict::GiveUp),
            OnFailure::Stop => Err(Error::plugin(format!(
                "plugin `{}` of step `{}` failed {} times in a row: {}{}. Nothing is lost: mend \
                 the plugin and run again, or set on_failure = \"dead_letter\" to go on without \
                 these rows",
                plugin.plugin,
                plugin.step,
                self.failures,
                failure.message,
                failure.backtrace.as_ref().map(|b| format!("\n{b}")).unwrap_or_default(),
            ))),
        }
    }
}
