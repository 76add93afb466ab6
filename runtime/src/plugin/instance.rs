//! One instance of a component, within limits.

use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, ResourceLimiter, Store, Trap, WasmBacktrace};

use super::bindings::exports::millrace::plugin::transformer as guest;
use super::bindings::millrace::plugin::{fault, log, types};
use super::bindings::{Transform, TransformPre};
use super::engine::ticks;
use crate::error::{Error, Result};

/// Texts from guests are cut at so many bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// So many lines of log per call; more are dropped, and said to be.
const LOG_LINES_MAX: u32 = 100;
const TABLE_ELEMENTS_MAX: usize = 100_000;
const BACKTRACE_FRAMES_MAX: usize = 20;

/// Bounds on one instance and its calls.
#[derive(Debug, Clone, Copy)]
pub struct InstanceLimits {
    pub memory_bytes: usize,
    pub deadline: Duration,
    pub output_bytes: usize,
}

/// Why a call came to nothing. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// `trap`, `deadline`, `memory`, `output`, `lie` or `failed`: the code of dead letters.
    pub code: &'static str,
    pub message: String,
    pub backtrace: Option<String>,
}

impl CallFailure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), backtrace: None }
    }
}

/// A component that is ready to be instantiated.
pub struct Prepared {
    pre: TransformPre<HostState>,
}

impl Prepared {
    /// # Errors
    /// If the component wants what the host does not have.
    pub fn new(engine: &Engine, component: &Component) -> Result<Self> {
        let mut linker = Linker::<HostState>::new(engine);
        let wrong =
            |e: wasmtime::Error| Error::plugin("cannot be linked").with(e.into_boxed_dyn_error());
        log::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        fault::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        types::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state).map_err(wrong)?;
        let pre = linker.instantiate_pre(component).map_err(wrong)?;
        Ok(Self { pre: TransformPre::new(pre).map_err(wrong)? })
    }
}

/// A running instance. After a failed call it must be dropped.
pub struct Instance {
    store: Store<HostState>,
    transform: Transform,
    limits: InstanceLimits,
}

impl Instance {
    /// Instantiates a component. `step` names it in logs.
    ///
    /// # Errors
    /// If it does not fit into its limits, or its start-up code fails.
    pub fn new(
        prepared: &Prepared,
        step: &str,
        limits: InstanceLimits,
    ) -> Result<Self, CallFailure> {
        let engine = prepared.pre.engine();
        let state = HostState {
            step: step.to_owned(),
            memory_bytes_max: limits.memory_bytes,
            memory_denied: false,
            fault: None,
            log_lines: 0,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_epoch_deadline(ticks(limits.deadline));
        let instantiated = prepared.pre.instantiate(&mut store);
        let transform = instantiated.map_err(|e| failure(&e, store.data_mut(), &limits))?;
        Ok(Self { store, transform, limits })
    }

    /// Who the plugin is.
    ///
    /// # Errors
    /// If the call fails.
    pub fn about(&mut self) -> Result<types::About, CallFailure> {
        self.call(|guest, store| guest.call_about(store))
    }

    /// Starts the plugin; what it says against its configuration is the inner error.
    ///
    /// # Errors
    /// If the call fails.
    pub fn start(
        &mut self,
        config: &str,
        input: &[types::FieldParam],
    ) -> Result<Result<types::Description, Vec<types::ConfigError>>, CallFailure> {
        self.call(|guest, store| guest.call_start(store, config, input))
    }

    /// One batch.
    ///
    /// # Errors
    /// If the call fails, or the plugin says that it did.
    pub fn process(
        &mut self,
        rows: u32,
        nodes: &[types::Node],
        buffers: &[&[u8]],
    ) -> Result<types::Output, CallFailure> {
        let batch = types::Batch { rows, columns: types::ColumnsParam { nodes, buffers } };
        let returned = self.call(|guest, store| guest.call_process(store, batch))?;
        returned.map_err(|message| CallFailure::new("failed", cut(&message)))
    }

    fn call<R>(
        &mut self,
        call: impl FnOnce(&guest::Guest, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFailure> {
        let state = self.store.data_mut();
        // What one call was denied, or said, is no reason for the failure of a later one.
        (state.log_lines, state.memory_denied, state.fault) = (0, false, None);
        self.store.set_epoch_deadline(ticks(self.limits.deadline));
        let guest = self.transform.millrace_plugin_transformer();
        let called = call(guest, &mut self.store);
        called.map_err(|e| failure(&e, self.store.data_mut(), &self.limits))
    }
}

/// What the host keeps for one instance.
pub struct HostState {
    step: String,
    memory_bytes_max: usize,
    /// Whether the guest asked for more memory than it may have.
    memory_denied: bool,
    /// The guest's last words.
    fault: Option<String>,
    log_lines: u32,
}

impl ResourceLimiter for HostState {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes_max;
        self.memory_denied |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

impl log::Host for HostState {
    fn log(&mut self, level: log::Level, message: String) {
        self.log_lines += 1;
        let text = cut(&message);
        let step = &self.step;
        match self.log_lines {
            ..LOG_LINES_MAX => match level {
                log::Level::Debug => tracing::debug!(target: "plugin", step, "{text}"),
                log::Level::Info => tracing::info!(target: "plugin", step, "{text}"),
                log::Level::Warn => tracing::warn!(target: "plugin", step, "{text}"),
                log::Level::Error => tracing::error!(target: "plugin", step, "{text}"),
            },
            LOG_LINES_MAX => tracing::warn!(target: "plugin", step, "further lines dropped"),
            _ => {}
        }
    }
}

impl fault::Host for HostState {
    fn report(&mut self, message: String) {
        self.fault = Some(cut(&message).to_owned());
    }
}

impl types::Host for HostState {}

fn failure(error: &wasmtime::Error, state: &mut HostState, limits: &InstanceLimits) -> CallFailure {
    let trap = error.downcast_ref::<Trap>();
    let said = state.fault.take();
    let root = error.root_cause().to_string();
    let (code, message) = match trap {
        Some(Trap::Interrupt) => {
            ("deadline", format!("did not return within {:?}", limits.deadline))
        }
        None if root.contains("fuel") => {
            ("output", format!("returned more than its {} bytes of output", limits.output_bytes))
        }
        _ if state.memory_denied || root.contains("exceeds memory limits") => {
            let mib = limits.memory_bytes >> 20;
            ("memory", format!("wants more than its {mib} MiB of memory: {root}"))
        }
        None => ("lie", format!("returned what can't be: {root}")),
        Some(_) => ("trap", root),
    };
    let message = match said {
        Some(said) => format!("{message}: {said}"),
        None => message,
    };
    CallFailure { code, message, backtrace: backtrace(error) }
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

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
