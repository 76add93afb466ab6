//! A component that can be started, in whichever of the worlds it is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{Fields, SchemaRef};

use super::bindings::exports::millrace::plugin::keyed_transformer::KeyedDescription;
use super::bindings::millrace::plugin::types as wit;
use super::boundary::flat_schema;
use super::contract::{Wanted, World};
use super::host::cut;
use super::instance::{CallFailure, Instance, Prepared};
use super::sandbox::Sandbox;
use crate::config::LimitsConfig;
use crate::plan::{KeyedPlan, PluginPlan, PluginRefusal};

/// So many mistakes in a configuration are told.
const CONFIG_ERRORS_MAX: usize = 20;

/// A compiled and checked component.
pub struct Loaded {
    /// Where it was read from.
    pub path: PathBuf,
    pub digest: String,
    /// As it was read: files may change while the pipeline runs.
    pub component: Arc<[u8]>,
    pub wanted: Wanted,
    pub prepared: Option<Prepared>,
    /// Started instances that wait to be used, by what they were started with.
    pub warm: Mutex<Vec<(StartedWith, Instance)>>,
}

/// The step, its config and the schema of its input: what tells started instances apart.
#[derive(Debug, Clone, PartialEq)]
pub struct StartedWith {
    world: World,
    step: String,
    config: String,
    input: SchemaRef,
}

impl Loaded {
    /// An instance that has not started.
    ///
    /// # Errors
    /// If it is of no such world, or does not fit into its limits.
    pub fn instance(&self, world: World, sandbox: &Arc<Sandbox>) -> Result<Instance, CallFailure> {
        let Some(prepared) = &self.prepared else {
            return Err(CallFailure::new("failed", "it is no plugin"));
        };
        Instance::new(prepared, world, sandbox)
    }

    /// Who the plugin is.
    ///
    /// # Errors
    /// Why it can't say so.
    pub fn about(&self) -> Result<wit::About, CallFailure> {
        let Some(world) = self.wanted.worlds.first() else {
            return Err(CallFailure::new("failed", "it can't be instantiated"));
        };
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.instance(*world, &Sandbox::trial(&name, &LimitsConfig::default()))?.about()
    }

    /// A started instance, by what `start` does with it and the input's flat schema.
    fn started<D>(
        &self,
        world: World,
        sandbox: &Arc<Sandbox>,
        input: &Fields,
        start: impl FnOnce(
            &mut Instance,
            &[wit::FieldParam],
        ) -> Result<Result<D, Vec<wit::ConfigError>>, CallFailure>,
    ) -> Result<(Instance, D), StartFailure> {
        let failed = |failure: CallFailure| {
            sandbox.metrics.failed(failure.code);
            StartFailure::Call(failure)
        };
        let mut instance = self.instance(world, sandbox).map_err(failed)?;
        let input = flat_schema(input);
        let input: Vec<wit::FieldParam> = input.iter().map(Into::into).collect();
        let started = start(&mut instance, &input).map_err(failed)?;
        Ok((instance, started.map_err(StartFailure::Config)?))
    }

    /// A started instance of the world `transform`.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start(
        &self,
        sandbox: &Arc<Sandbox>,
        config: &str,
        input: &Fields,
    ) -> Result<(Instance, wit::Description), StartFailure> {
        self.started(World::Transform, sandbox, input, |instance, input| {
            instance.start(config, input)
        })
    }

    /// A started instance of the world `keyed`.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_keyed(
        &self,
        sandbox: &Arc<Sandbox>,
        config: &str,
        (input, key): (&Fields, &[String]),
    ) -> Result<(Instance, KeyedDescription), StartFailure> {
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        self.started(World::Keyed, sandbox, input, |instance, input| {
            instance.start_keyed(config, input, &key)
        })
    }

    /// Starts so many instances of a step, for tasks that ask for one soon. Those that nobody took
    /// of what was warmed before go.
    ///
    /// # Errors
    /// Why one can't start.
    pub fn warm(
        &self,
        plan: &PluginPlan,
        sandbox: &Arc<Sandbox>,
        count: usize,
    ) -> Result<(), CallFailure> {
        let start = || self.transform(plan, sandbox);
        self.fill(StartedWith::of(World::Transform, plan), count, start)
    }

    /// As [`warm`](Self::warm), for a keyed step.
    ///
    /// # Errors
    /// As [`warm`](Self::warm).
    pub fn warm_keyed(
        &self,
        plan: &KeyedPlan,
        sandbox: &Arc<Sandbox>,
        count: usize,
    ) -> Result<(), CallFailure> {
        let start = || self.keyed(plan, sandbox);
        self.fill(StartedWith::of(World::Keyed, &plan.plugin), count, start)
    }

    fn fill(
        &self,
        with: StartedWith,
        count: usize,
        start: impl Fn() -> Result<Instance, CallFailure>,
    ) -> Result<(), CallFailure> {
        let instances = (0..count).map(|_| Ok((with.clone(), start()?)));
        let instances = instances.collect::<Result<Vec<_>, _>>()?;
        *self.waiting() = instances;
        Ok(())
    }

    /// The instance of a step after a call that succeeded, if the next call may have it. Before its
    /// memory is full, another one is started in the background to follow it.
    pub fn kept(
        self: &Arc<Self>,
        mut instance: Instance,
        plan: &PluginPlan,
        sandbox: &Arc<Sandbox>,
    ) -> Option<Instance> {
        if instance.needs_relief() {
            let (plan, sandbox) = (plan.clone(), sandbox.clone());
            let with = StartedWith::of(World::Transform, &plan);
            self.relieve(with, move |loaded| loaded.transform(&plan, &sandbox));
        }
        instance.kept()
    }

    /// As [`kept`](Self::kept), for a keyed step.
    pub fn kept_keyed(
        self: &Arc<Self>,
        mut instance: Instance,
        plan: &KeyedPlan,
        sandbox: &Arc<Sandbox>,
    ) -> Option<Instance> {
        if instance.needs_relief() {
            let (plan, sandbox) = (plan.clone(), sandbox.clone());
            let with = StartedWith::of(World::Keyed, &plan.plugin);
            self.relieve(with, move |loaded| loaded.keyed(&plan, &sandbox));
        }
        instance.kept()
    }

    /// Starts an instance in the background for whoever asks for one next.
    fn relieve(
        self: &Arc<Self>,
        with: StartedWith,
        start: impl FnOnce(&Self) -> Result<Instance, CallFailure> + Send + 'static,
    ) {
        let loaded = self.clone();
        let relief = move || {
            // Whoever needs it starts one of its own if there is none, and hears why it can't.
            if let Ok(instance) = start(&loaded) {
                loaded.waiting().push((with, instance));
            }
        };
        let thread = std::thread::Builder::new().name("millrace-relief".to_owned());
        if let Err(error) = thread.spawn(relief) {
            tracing::debug!(%error, "cannot start an instance in the background");
        }
    }

    /// An instance for a step, warmed if there is one.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn of_step(
        &self,
        plan: &PluginPlan,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Instance, CallFailure> {
        let with = StartedWith::of(World::Transform, plan);
        self.take(&with).map_or_else(|| self.transform(plan, sandbox), Ok)
    }

    /// An instance for a keyed step, warmed if there is one.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn of_keyed_step(
        &self,
        plan: &KeyedPlan,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Instance, CallFailure> {
        let with = StartedWith::of(World::Keyed, &plan.plugin);
        self.take(&with).map_or_else(|| self.keyed(plan, sandbox), Ok)
    }

    fn take(&self, with: &StartedWith) -> Option<Instance> {
        let mut waiting = self.waiting();
        let at = waiting.iter().position(|(own, _)| own == with)?;
        let instance = waiting.swap_remove(at).1;
        instance.taken_warm();
        Some(instance)
    }

    fn transform(
        &self,
        plan: &PluginPlan,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Instance, CallFailure> {
        let started = self.start(sandbox, &plan.config, plan.input.fields());
        started.map(|(instance, _)| instance).map_err(StartFailure::failure)
    }

    fn keyed(&self, plan: &KeyedPlan, sandbox: &Arc<Sandbox>) -> Result<Instance, CallFailure> {
        let key: Vec<String> = plan.key_fields.iter().map(|f| f.name().clone()).collect();
        let plugin = &plan.plugin;
        let input = (plugin.input.fields(), key.as_slice());
        let started = self.start_keyed(sandbox, &plugin.config, input);
        started.map(|(instance, _)| instance).map_err(StartFailure::failure)
    }

    /// Ends instances that wait.
    pub fn cool(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(StartedWith, Instance)>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A started aggregate function, the type of its result, and its states' version.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_aggregate(
        &self,
        sandbox: &Arc<Sandbox>,
        config: &str,
        arguments: &Fields,
    ) -> Result<(Instance, Fields, u32), StartFailure> {
        let (instance, described) =
            self.started(World::Aggregate, sandbox, arguments, |instance, input| {
                instance.start_aggregate(config, input)
            })?;
        Ok((instance, result_type(described.result)?, described.state_version))
    }

    /// A started scalar function, and the type of its result.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_scalar(
        &self,
        sandbox: &Arc<Sandbox>,
        config: &str,
        arguments: &Fields,
    ) -> Result<(Instance, Fields), StartFailure> {
        let (instance, described) =
            self.started(World::Scalar, sandbox, arguments, |instance, input| {
                instance.start_scalar(config, input)
            })?;
        Ok((instance, result_type(described)?))
    }
}

impl StartedWith {
    fn of(world: World, plan: &PluginPlan) -> Self {
        Self {
            world,
            step: plan.step.clone(),
            config: plan.config.clone(),
            input: plan.input.clone(),
        }
    }
}

/// The one column that a function says it returns.
fn result_type(described: Vec<wit::FieldResult>) -> Result<Fields, StartFailure> {
    let flat: Vec<_> = described.into_iter().map(Into::into).collect();
    let lie = |what: String| StartFailure::Call(CallFailure::lie(what));
    let fields = millrace_columns::unflatten(&flat).map_err(|e| lie(e.to_string()))?;
    match fields.len() {
        1 => Ok(fields),
        n => Err(lie(format!("a result of {n} columns"))),
    }
}

/// Why an instance can't start.
pub enum StartFailure {
    Call(CallFailure),
    Config(Vec<wit::ConfigError>),
}

impl StartFailure {
    /// For the author of the pipeline.
    pub fn refusals(self) -> Vec<PluginRefusal> {
        match self {
            Self::Call(failure) => {
                let message = format!("it failed to start: {}", failure.message);
                vec![PluginRefusal::Plugin { message }]
            }
            Self::Config(errors) if errors.is_empty() => {
                let message = "it refused to start without a reason".to_owned();
                vec![PluginRefusal::Plugin { message }]
            }
            Self::Config(errors) => {
                let beyond = errors.len().saturating_sub(CONFIG_ERRORS_MAX);
                let told = errors.into_iter().take(CONFIG_ERRORS_MAX).map(|e| {
                    let (path, message) = (cut(&e.path).to_owned(), cut(&e.message).to_owned());
                    PluginRefusal::Config { path, message }
                });
                let more = (beyond > 0).then(|| {
                    let message = format!("it found {beyond} more mistakes in its config");
                    PluginRefusal::Plugin { message }
                });
                told.chain(more).collect()
            }
        }
    }

    /// For a job whose plugin started before.
    pub fn failure(self) -> CallFailure {
        match self {
            Self::Call(failure) => failure,
            Self::Config(errors) => {
                let texts = errors.iter().take(CONFIG_ERRORS_MAX).map(|e| cut(&e.message));
                let texts = texts.collect::<Vec<_>>().join("; ");
                let message = format!("refused its config at a restart: {}", cut(&texts));
                CallFailure::new("failed", message)
            }
        }
    }
}
