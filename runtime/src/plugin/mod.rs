//! The sandbox: components are found, compiled, checked, instantiated within limits, and called.
//!
//! The only module that names wasmtime. *Invariant:* whatever a guest does or returns, the host
//! gets a [`CallFailure`] or checked columns, never a panic.

mod artifact;
mod boundary;
mod catalog;
mod contract;
mod engine;
mod instance;

pub use boundary::{CallOutput, Crossing, PortRows};
pub use catalog::{Inspection, Loaded, PluginHost, StartFailure, limits};
pub use contract::Wanted;
pub use instance::{CallFailure, Instance, InstanceLimits};

/// The bindings that wasmtime generates from `wit/`.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "transform",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
