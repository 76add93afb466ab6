//! Components as functions of SQL.

mod aggregate;
mod groups;
mod scalar;

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result as DataFusionResult, exec_err, plan_err};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use millrace_columns::crossing_type;

use super::contract::World;
use super::instance::{CallFailure, Instance};
use super::loaded::{Loaded, StartFailure};
use super::sandbox::Sandbox;
use crate::error::Error;
use crate::plan::{PluginRefusal, SqlFunction};

/// A component that SQL calls by a name. All tasks share it; each call has an instance of its own.
pub struct PluginFunction {
    loaded: Arc<Loaded>,
    world: World,
    config: String,
    sandbox: Arc<Sandbox>,
    /// What it said of each combination of arguments.
    described: Mutex<HashMap<Vec<DataType>, Described>>,
    pool: Mutex<Pool>,
    /// An instance was given back, or is gone.
    returned: Condvar,
}

/// The instances of a function.
#[derive(Default)]
struct Pool {
    /// Started ones that wait, by the types of their arguments.
    idle: HashMap<Vec<DataType>, Vec<Instance>>,
    /// Those that are at work.
    out: usize,
}

impl Pool {
    fn len(&self) -> usize {
        self.out + self.idle.values().map(Vec::len).sum::<usize>()
    }

    fn pop(&mut self, types: &[DataType]) -> Option<Instance> {
        self.idle.get_mut(types).and_then(Vec::pop)
    }

    /// Any one that waits.
    fn pop_any(&mut self) -> Option<Instance> {
        self.idle.values_mut().find_map(Vec::pop)
    }
}

/// What a function says for some types of its arguments.
#[derive(Debug, Clone)]
pub struct Described {
    /// The one field of its result.
    pub result: Fields,
    pub state_version: u32,
}

impl PluginFunction {
    pub fn new(
        loaded: Arc<Loaded>,
        world: World,
        config: &str,
        sandbox: Arc<Sandbox>,
    ) -> Arc<Self> {
        Arc::new(Self {
            loaded,
            world,
            config: config.to_owned(),
            sandbox,
            described: Mutex::default(),
            pool: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    pub fn name(&self) -> &str {
        &self.sandbox.name
    }

    /// The function as SQL calls it.
    pub fn sql(self: Arc<Self>) -> SqlFunction {
        match self.world {
            World::Aggregate => {
                SqlFunction::Aggregate(Arc::new(AggregateUDF::new_from_impl(aggregate::new(self))))
            }
            _ => SqlFunction::Scalar(Arc::new(ScalarUDF::new_from_impl(scalar::new(self)))),
        }
    }

    /// What the function says for arguments of these types.
    ///
    /// # Errors
    /// Why it can't take them.
    pub fn describe(&self, arguments: &[DataType]) -> DataFusionResult<Described> {
        if let Some(known) = lock(&self.described).get(arguments) {
            return Ok(known.clone());
        }
        match self.start(arguments) {
            Ok((instance, described)) => {
                lock(&self.described).insert(arguments.to_vec(), described.clone());
                lock(&self.pool).idle.entry(arguments.to_vec()).or_default().push(instance);
                Ok(described)
            }
            Err(failure) => {
                let texts = failure.refusals().into_iter().map(|refusal| match refusal {
                    PluginRefusal::Component { message, .. }
                    | PluginRefusal::Plugin { message } => message,
                    PluginRefusal::Config { path, message } if path.is_empty() => message,
                    PluginRefusal::Config { path, message } => format!("`{path}`: {message}"),
                });
                let texts = texts.collect::<Vec<_>>().join("; ");
                plan_err!("function `{}` can't be called so: {texts}", self.name())
            }
        }
    }

    /// The types in which arguments cross.
    ///
    /// # Errors
    /// If one of them can't.
    pub fn coerce(&self, arguments: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        let coerce = |(at, data_type): (usize, &DataType)| match crossing_type(data_type) {
            Some(data_type) => Ok(data_type),
            None => plan_err!(
                "argument {} of `{}` is {data_type}, which no plugin can read: cast it",
                at + 1,
                self.name()
            ),
        };
        arguments.iter().enumerate().map(coerce).collect()
    }

    /// Calls an instance that was started for these types.
    ///
    /// # Errors
    /// What the plugin says, or how it failed.
    pub fn call<R>(
        &self,
        types: &[DataType],
        call: impl FnOnce(&mut Instance) -> Result<Result<R, CallFailure>, Error>,
    ) -> DataFusionResult<R> {
        let external = |error: Error| DataFusionError::External(Box::new(error));
        let mut instance = match self.take(types) {
            Ok(instance) => instance,
            Err(failure) => {
                self.give_back(types, None);
                return Err(self.failed(&failure.failure().of_plugin().map_err(external)?));
            }
        };
        let called = call(&mut instance);
        // Whatever is left in the memory of an instance that failed can't be trusted.
        let kept = if matches!(called, Ok(Ok(_))) { instance.kept() } else { None };
        self.give_back(types, kept);
        called.map_err(external)?.map_err(|failure| self.failed(&failure))
    }

    /// An instance, for which it waits if there are as many as there may be. Must be followed by
    /// [`give_back`](Self::give_back), also if it fails.
    fn take(&self, types: &[DataType]) -> Result<Instance, StartFailure> {
        let mut pool = lock(&self.pool);
        loop {
            if let Some(instance) = pool.pop(types) {
                pool.out += 1;
                return Ok(instance);
            }
            if pool.len() < self.sandbox.instances_max() {
                break;
            }
            // One for other types makes room.
            if pool.pop_any().is_none() {
                pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
            }
        }
        pool.out += 1;
        drop(pool);
        self.start(types).map(|(instance, _)| instance)
    }

    fn failed(&self, failure: &CallFailure) -> DataFusionError {
        let message = format!("function `{}`: {}: {}", self.name(), failure.code, failure.message);
        DataFusionError::Execution(message)
    }

    /// The instance, or that it is gone.
    fn give_back(&self, types: &[DataType], instance: Option<Instance>) {
        let mut pool = lock(&self.pool);
        pool.out -= 1;
        if let Some(instance) = instance {
            pool.idle.entry(types.to_vec()).or_default().push(instance);
        }
        drop(pool);
        self.returned.notify_all();
    }

    fn start(&self, types: &[DataType]) -> Result<(Instance, Described), StartFailure> {
        let field = |(at, data_type): (usize, &DataType)| {
            Field::new(format!("a{at}"), data_type.clone(), true)
        };
        let arguments: Fields = types.iter().enumerate().map(field).collect();
        let (sandbox, config) = (&self.sandbox, self.config.as_str());
        if self.world == World::Aggregate {
            let (instance, result, state_version) =
                self.loaded.start_aggregate(sandbox, config, &arguments)?;
            return Ok((instance, Described { result, state_version }));
        }
        let (instance, result) = self.loaded.start_scalar(sandbox, config, &arguments)?;
        Ok((instance, Described { result, state_version: 0 }))
    }
}

impl fmt::Debug for PluginFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PluginFunction");
        debug.field("name", &self.name()).field("digest", &self.loaded.digest).finish()
    }
}

/// Functions are the same if they have the same name and run the same component alike.
impl PartialEq for PluginFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.loaded.digest == other.loaded.digest
            && self.config == other.config
    }
}

impl Eq for PluginFunction {}

impl Hash for PluginFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name(), &self.loaded.digest, &self.config).hash(state);
    }
}

/// The type that a function returns.
fn result_field(described: &Described, name: &str) -> FieldRef {
    Arc::new(described.result[0].as_ref().clone().with_name(name).with_nullable(true))
}

/// The arguments must be those for which the function was planned.
fn types(values: &[ArrayRef]) -> Vec<DataType> {
    values.iter().map(|value| value.data_type().clone()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Row errors have no place in an expression's result: whoever evaluates it tries rows apart.
fn refused<T>(name: &str, refusals: &[crate::dead_letter::Refusal]) -> DataFusionResult<T> {
    match refusals.first() {
        Some(first) => exec_err!("function `{name}`: {}: {}", first.code, first.message),
        None => exec_err!("function `{name}` refused a row"),
    }
}
