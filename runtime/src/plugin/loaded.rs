//! A component that can be started, in whichever of the worlds it is.

use arrow::datatypes::Fields;

use super::bindings::exports::millrace::plugin::keyed_transformer::KeyedDescription;
use super::bindings::millrace::plugin::types as wit;
use super::boundary::flat_schema;
use super::contract::{Wanted, World};
use super::instance::{CallFailure, Instance, InstanceLimits, Prepared};
use crate::plan::PluginRefusal;

/// A compiled and checked component.
pub struct Loaded {
    pub digest: String,
    pub bytes: usize,
    pub wanted: Wanted,
    pub prepared: Option<Prepared>,
}

impl Loaded {
    /// An instance that has not started.
    ///
    /// # Errors
    /// If it is of no such world, or does not fit into its limits.
    pub fn instance(
        &self,
        world: World,
        step: &str,
        limits: InstanceLimits,
    ) -> Result<Instance, CallFailure> {
        let Some(prepared) = &self.prepared else {
            return Err(CallFailure::new("failed", "it is no plugin"));
        };
        Instance::new(prepared, world, step, limits)
    }

    /// A started instance, by what `start` does with it and the input's flat schema.
    fn started<D>(
        &self,
        world: World,
        (step, limits): (&str, InstanceLimits),
        input: &Fields,
        start: impl FnOnce(
            &mut Instance,
            &[wit::FieldParam],
        ) -> Result<Result<D, Vec<wit::ConfigError>>, CallFailure>,
    ) -> Result<(Instance, D), StartFailure> {
        let mut instance = self.instance(world, step, limits).map_err(StartFailure::Call)?;
        let input = flat_schema(input);
        let input: Vec<wit::FieldParam> = input.iter().map(Into::into).collect();
        let started = start(&mut instance, &input).map_err(StartFailure::Call)?;
        Ok((instance, started.map_err(StartFailure::Config)?))
    }

    /// A started instance of the world `transform`.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start(
        &self,
        step: &str,
        limits: InstanceLimits,
        config: &str,
        input: &Fields,
    ) -> Result<(Instance, wit::Description), StartFailure> {
        self.started(World::Transform, (step, limits), input, |instance, input| {
            instance.start(config, input)
        })
    }

    /// A started instance of the world `keyed`.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_keyed(
        &self,
        step: &str,
        limits: InstanceLimits,
        config: &str,
        (input, key): (&Fields, &[String]),
    ) -> Result<(Instance, KeyedDescription), StartFailure> {
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        self.started(World::Keyed, (step, limits), input, |instance, input| {
            instance.start_keyed(config, input, &key)
        })
    }

    /// A started aggregate function, the type of its result, and its states' version.
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_aggregate(
        &self,
        function: &str,
        limits: InstanceLimits,
        config: &str,
        arguments: &Fields,
    ) -> Result<(Instance, Fields, u32), StartFailure> {
        let (instance, described) =
            self.started(World::Aggregate, (function, limits), arguments, |instance, input| {
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
        function: &str,
        limits: InstanceLimits,
        config: &str,
        arguments: &Fields,
    ) -> Result<(Instance, Fields), StartFailure> {
        let (instance, described) =
            self.started(World::Scalar, (function, limits), arguments, |instance, input| {
                instance.start_scalar(config, input)
            })?;
        Ok((instance, result_type(described)?))
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
            Self::Config(errors) => errors
                .into_iter()
                .map(|e| PluginRefusal::Config { path: e.path, message: e.message })
                .collect(),
        }
    }

    /// For a job whose plugin started before.
    pub fn failure(self) -> CallFailure {
        match self {
            Self::Call(failure) => failure,
            Self::Config(errors) => {
                let texts: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
                let message = format!("refused its config at a restart: {}", texts.join("; "));
                CallFailure::new("failed", message)
            }
        }
    }
}
