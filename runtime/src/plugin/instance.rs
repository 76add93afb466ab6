//! One instance of a component, within limits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

use super::bindings::exports::millrace::plugin as guest;
use super::bindings::millrace::plugin::{clock, fault, log, metrics, random, state, types};
use super::budget::Room;
use super::contract::World;
use super::cpu::Meter;
use super::engine::ticks;
use super::host::{HostState, LargeState, Misuse, TooMuch, cut};
use super::load::{Given, Load, Returned};
use super::moment::Moment;
use super::sandbox::{InstanceLimits, Sandbox};
use crate::error::{Error, Result};

const BACKTRACE_FRAMES_MAX: usize = 20;
/// The code of failures that are none of the plugin.
const INSTANCES: &str = "instances";

/// Why a call came to nothing. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// `trap`, `deadline`, `memory`, `output`, `state`, `instances`, `lie` or `failed`: the code of
    /// dead letters.
    pub code: &'static str,
    pub message: String,
    pub backtrace: Option<String>,
}

impl CallFailure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), backtrace: None }
    }

    /// The failure, if it is the plugin's. No row is to blame if there was no room for an instance:
    /// that passes, or a bound must be raised.
    ///
    /// # Errors
    /// `Unavailable`, if there was no room.
    pub fn of_plugin(self) -> Result<Self, Error> {
        match self.code == INSTANCES {
            true => Err(Error::unavailable(self.message)),
            false => Ok(self),
        }
    }

    /// What came back contradicts the contract.
    pub fn lie(what: impl std::fmt::Display) -> Self {
        Self::new("lie", format!("returned what contradicts the contract: {what}"))
    }
}

/// A component that is ready to be instantiated.
pub struct Prepared {
    pre: InstancePre<HostState>,
    exports: Vec<Export>,
}

/// Where a component's functions of one world are.
enum Export {
    Transform(guest::transformer::GuestIndices),
    Keyed(guest::keyed_transformer::GuestIndices),
    Aggregate(guest::aggregator::GuestIndices),
    Scalar(guest::scalar_function::GuestIndices),
}

/// The functions of one instance, of one world.
enum Guest {
    Transform(guest::transformer::Guest),
    Keyed(guest::keyed_transformer::Guest),
    Aggregate(guest::aggregator::Guest),
    Scalar(guest::scalar_function::Guest),
}

impl Prepared {
    /// A component that exports the interfaces of `worlds`.
    ///
    /// # Errors
    /// If the component wants what the host does not have, or its functions are not the contract's.
    pub fn new(engine: &Engine, component: &Component, worlds: &[World]) -> Result<Self> {
        let mut linker = Linker::<HostState>::new(engine);
        let wrong =
            |e: wasmtime::Error| Error::plugin("cannot be linked").with(e.into_boxed_dyn_error());
        log::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        metrics::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)
            .map_err(wrong)?;
        clock::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        random::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)
            .map_err(wrong)?;
        fault::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        state::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        types::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        let pre = linker.instantiate_pre(component).map_err(wrong)?;
        let exports = worlds.iter().map(|world| Export::find(*world, &pre).map_err(wrong));
        let exports = exports.collect::<Result<_>>()?;
        Ok(Self { pre, exports })
    }
}

impl Export {
    fn find(world: World, pre: &InstancePre<HostState>) -> wasmtime::Result<Self> {
        Ok(match world {
            World::Transform => Self::Transform(guest::transformer::GuestIndices::new(pre)?),
            World::Keyed => Self::Keyed(guest::keyed_transformer::GuestIndices::new(pre)?),
            World::Aggregate => Self::Aggregate(guest::aggregator::GuestIndices::new(pre)?),
            World::Scalar => Self::Scalar(guest::scalar_function::GuestIndices::new(pre)?),
        })
    }

    fn world(&self) -> World {
        match self {
            Self::Transform(_) => World::Transform,
            Self::Keyed(_) => World::Keyed,
            Self::Aggregate(_) => World::Aggregate,
            Self::Scalar(_) => World::Scalar,
        }
    }

    fn load(
        &self,
        store: &mut Store<HostState>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Guest> {
        Ok(match self {
            Self::Transform(at) => Guest::Transform(at.load(store, instance)?),
            Self::Keyed(at) => Guest::Keyed(at.load(store, instance)?),
            Self::Aggregate(at) => Guest::Aggregate(at.load(store, instance)?),
            Self::Scalar(at) => Guest::Scalar(at.load(store, instance)?),
        })
    }
}

/// A running instance. After a failed call it must be dropped.
pub struct Instance {
    store: Store<HostState>,
    guest: Guest,
    sandbox: Arc<Sandbox>,
    within: Option<Duration>,
    meter: Meter,
    /// What crossed in calls that have not been settled.
    unsettled: (Load, Load),
    /// Bytes of memory after the first call on rows.
    first_memory: Option<u64>,
    /// Whether another instance was asked for that is to follow it.
    is_relieved: bool,
    /// Given back once the memory is.
    _room: [Room; 2],
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.sandbox.metrics.instance_ended();
    }
}

impl Instance {
    /// Instantiates a component to use it as one of `world`.
    ///
    /// # Errors
    /// If there is no room for it, it does not fit into its limits, or its start-up code fails.
    pub fn new(
        prepared: &Prepared,
        world: World,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Self, CallFailure> {
        let room = sandbox.admit().map_err(|full| CallFailure::new(INSTANCES, full))?;
        let engine = prepared.pre.engine();
        let limits = sandbox.limits;
        let mut store = Store::new(engine, HostState::new(sandbox));
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_epoch_deadline(ticks(limits.deadline));
        let Some(export) = prepared.exports.iter().find(|export| export.world() == world) else {
            let message = format!("it is no plugin of the world `{}`", world.name());
            return Err(CallFailure::new("failed", message));
        };
        let mut meter = Meter::default();
        let begun = meter.begin();
        let loaded = prepared
            .pre
            .instantiate(&mut store)
            .and_then(|instance| export.load(&mut store, &instance));
        meter.end(&begun, &sandbox.metrics);
        let guest = loaded.map_err(|e| failure(&e, store.data_mut(), &limits, None))?;
        sandbox.metrics.instance_started();
        Ok(Self {
            store,
            guest,
            sandbox: sandbox.clone(),
            within: None,
            meter,
            unsettled: Default::default(),
            first_memory: None,
            is_relieved: false,
            _room: room,
        })
    }

    /// Who the plugin is.
    ///
    /// # Errors
    /// If the call fails.
    pub fn about(&mut self) -> Result<types::About, CallFailure> {
        self.call(|guest, store| match guest {
            Guest::Transform(guest) => guest.call_about(store),
            Guest::Keyed(guest) => guest.call_about(store),
            Guest::Aggregate(guest) => guest.call_about(store),
            Guest::Scalar(guest) => guest.call_about(store),
        })
    }

    /// The calls that follow may take no longer than this, where their deadline is later.
    pub fn within(&mut self, within: Option<Duration>) {
        self.within = within.filter(|within| *within < self.sandbox.limits.deadline);
    }

    /// Gives the plugin the large state of `keys` keys until [`reclaim`](Self::reclaim).
    pub fn lend(&mut self, state: Arc<Mutex<dyn LargeState>>, keys: u32) {
        self.store.data_mut().large = Some((state, keys));
    }

    /// Takes back what was lent.
    pub fn reclaim(&mut self) {
        self.store.data_mut().large = None;
    }

    fn call<R>(
        &mut self,
        call: impl FnOnce(&Guest, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFailure> {
        self.store.data_mut().begin_call();
        let limits = self.sandbox.limits;
        self.store.set_epoch_deadline(ticks(self.within.unwrap_or(limits.deadline)));
        let begun = self.meter.begin();
        let called = call(&self.guest, &mut self.store);
        self.meter.end(&begun, &self.sandbox.metrics);
        called.map_err(|e| failure(&e, self.store.data_mut(), &limits, self.within))
    }

    /// A call with rows or states, of which `given` crosses.
    fn work<R: Returned>(
        &mut self,
        given: Load,
        call: impl FnOnce(&Guest, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFailure> {
        self.sandbox.metrics.called(given.bytes);
        let returned = self.call(call)?;
        let (all_given, all_returned) = self.unsettled;
        let all_returned = all_returned.and(returned.load(given));
        self.unsettled = (all_given.and(given), all_returned);
        Ok(returned)
    }

    /// Whether it is to be told the moment of each call.
    pub fn is_deterministic(&self) -> bool {
        self.sandbox.seed.is_some()
    }

    /// Sets the moment of the calls that follow, for a plugin that is to be deterministic.
    pub fn pin(&mut self, moment: Moment) {
        self.store.data_mut().pin(moment);
    }

    /// Counts that it was started before someone needed it.
    pub fn taken_warm(&self) {
        self.sandbox.metrics.taken_warm();
    }

    /// Whether it is time to start the instance that is to follow this one. True once.
    pub fn needs_relief(&mut self) -> bool {
        let now = self.store.data().memory_bytes();
        let first = self.first_memory.unwrap_or(now);
        let needs = !self.is_relieved && self.sandbox.needs_relief(first, now);
        self.is_relieved |= needs;
        needs
    }

    /// Itself, as long as another instance would not do better: calls may have left much in its
    /// memory.
    pub fn kept(self) -> Option<Self> {
        let now = self.store.data().memory_bytes();
        let worn = self.sandbox.is_worn(self.first_memory.unwrap_or(now), now);
        if worn {
            self.sandbox.metrics.recycled();
        }
        (!worn).then_some(self)
    }

    /// Counts how a call ended, once what it returned has been checked: the instance may not be
    /// used again if it failed. Whoever makes a call settles it.
    ///
    /// # Errors
    /// The call's own.
    pub fn settle<R>(&mut self, ended: Result<R, CallFailure>) -> Result<R, CallFailure> {
        let metrics = &self.sandbox.metrics;
        let (given, returned) = std::mem::take(&mut self.unsettled);
        let memory = self.store.data().memory_bytes();
        metrics.memory(memory);
        self.first_memory.get_or_insert(memory);
        match &ended {
            Ok(_) => {
                metrics.succeeded(given.rows, returned.rows, returned.bytes);
                self.store.data_mut().keep_observations();
            }
            Err(failure) => metrics.failed(failure.code),
        }
        ended
    }
}

/// Calls that exist in one world only: first the start, then those that work on rows and states.
/// What a plugin says against its configuration is the inner error of `start`; the `err` of any
/// other call is a failure.
macro_rules! calls {
    ($($world:ident {
        $(#[$start_doc:meta])* $start:ident => $start_export:ident(
            $($start_argument:ident: $start_type:ty),*
        ) -> $description:ty;
        $(
            $(#[$doc:meta])* $name:ident => $export:ident(
                $($argument:ident: $type:ty),*
            ) -> $result:ty;
        )+
    })+) => {
        impl Instance {$(
            $(#[$start_doc])*
            ///
            /// # Errors
            /// If the call fails.
            pub fn $start(
                &mut self,
                $($start_argument: $start_type),*
            ) -> Result<$description, CallFailure> {
                self.call(|guest, store| match guest {
                    Guest::$world(guest) => guest.$start_export(store, $($start_argument),*),
                    _ => Err(wasmtime::format_err!("called as what it is not")),
                })
            }
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// If the call fails.
                pub fn $name(&mut self, $($argument: $type),*) -> Result<$result, CallFailure> {
                    let given = Load::default()$(.and(Given::load(&$argument)))*;
                    self.work(given, |guest, store| match guest {
                        Guest::$world(guest) => guest.$export(store, $($argument),*),
                        _ => Err(wasmtime::format_err!("called as what it is not")),
                    })
                }
            )+
        )+}
    };
}

type Fallible<T> = Result<T, String>;
type Startable<T> = Result<T, Vec<types::ConfigError>>;

calls! {
    Transform {
        /// Starts the plugin.
        start => call_start(
            config: &str, input: &[types::FieldParam<'_>]
        ) -> Startable<types::Description>;
        /// One batch.
        process => call_process(input: types::Batch<'_>) -> Fallible<types::Output>;
    }
    Keyed {
        /// Starts the plugin.
        start_keyed => call_start(
            config: &str, input: &[types::FieldParam<'_>], key: &[&str]
        ) -> Startable<guest::keyed_transformer::KeyedDescription>;
        /// One batch of rows and timers.
        process_keyed => call_process(
            input: guest::keyed_transformer::KeyedBatch<'_>
        ) -> Fallible<guest::keyed_transformer::KeyedOutput>;
        /// States of an older version.
        migrate => call_migrate(
            version: u32, states: types::ColumnsParam<'_>
        ) -> Fallible<types::ColumnsResult>;
    }
    Aggregate {
        /// Starts the function.
        start_aggregate => call_start(
            config: &str, arguments: &[types::FieldParam<'_>]
        ) -> Startable<guest::aggregator::AggregateDescription>;
        /// Adds rows to states.
        update => call_update(
            groups: &[u32], rows: types::Batch<'_>, states: types::ColumnsParam<'_>
        ) -> Fallible<types::ColumnsResult>;
        /// Adds states to states.
        merge => call_merge(
            states: types::ColumnsParam<'_>, others: types::ColumnsParam<'_>
        ) -> Fallible<types::ColumnsResult>;
        /// The results of states.
        evaluate_aggregate => call_evaluate(
            states: types::ColumnsParam<'_>
        ) -> Fallible<types::ColumnsResult>;
    }
    Scalar {
        /// Starts the function.
        start_scalar => call_start(
            config: &str, arguments: &[types::FieldParam<'_>]
        ) -> Startable<Vec<types::FieldResult>>;
        /// One value per row.
        evaluate_scalar => call_evaluate(
            arguments: types::Batch<'_>
        ) -> Fallible<guest::scalar_function::Evaluated>;
    }
}

/// The plugin's own word that a call failed.
pub(super) fn said<T>(returned: Fallible<T>) -> Result<T, CallFailure> {
    returned.map_err(|message| CallFailure::new("failed", cut(&message)))
}

fn failure(
    error: &wasmtime::Error,
    state: &mut HostState,
    limits: &InstanceLimits,
    within: Option<Duration>,
) -> CallFailure {
    let trap = error.downcast_ref::<Trap>();
    let said = state.fault.take();
    let root = error.root_cause().to_string();
    if error.is::<PoolConcurrencyLimitError>() {
        let message = format!(
            "this process has no room for another instance of a plugin ({root}): run fewer \
             pipelines in it, or lower `parallelism`"
        );
        return CallFailure::new(INSTANCES, message);
    }
    let (code, message) = match trap {
        Some(Trap::Interrupt) => ("deadline", late(limits.deadline, within)),
        None if root.contains("fuel") => {
            ("output", format!("returned more than its {} bytes of output", limits.output_bytes))
        }
        _ if state.memory_denied || root.contains("exceeds memory limits") => {
            let mib = limits.memory_bytes >> 20;
            ("memory", format!("wants more than its {mib} MiB of memory: {root}"))
        }
        None if error.is::<Misuse>() => ("lie", root),
        None if error.is::<TooMuch>() => ("output", root),
        None => ("lie", format!("returned what can't be: {root}")),
        Some(_) => ("trap", root),
    };
    let message = match said {
        Some(said) => format!("{message}: {said}"),
        None => message,
    };
    CallFailure { code, message, backtrace: backtrace(error) }
}

fn late(deadline: Duration, within: Option<Duration>) -> String {
    match within {
        None => format!("did not return within {deadline:?}"),
        Some(within) => {
            format!("did not return within {within:?}, many times what so many rows usually take")
        }
    }
}

fn backtrace(error: &wasmtime::Error) -> Option<String> {
    let trace = error.downcast_ref::<WasmBacktrace>()?;
    let frame = |frame: &wasmtime::FrameInfo| {
        let name = frame.func_name().map_or_else(
            || format!("function {}", frame.func_index()),
            |name| format!("{:#}", rustc_demangle::demangle(name)),
        );
        format!("{name} at {:#x}", frame.module_offset().unwrap_or_default())
    };
    let frames: Vec<String> = trace.frames().iter().take(BACKTRACE_FRAMES_MAX).map(frame).collect();
    (!frames.is_empty()).then(|| frames.join("\n"))
}
