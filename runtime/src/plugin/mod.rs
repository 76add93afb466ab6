//! The sandbox: components are found, compiled, checked, instantiated within limits, and called.
//!
//! The only module that names wasmtime. *Invariant:* whatever a guest does or returns, the host
//! gets a [`CallFailure`] or checked columns, never a panic.

mod artifact;
mod boundary;
mod budget;
mod catalog;
mod contract;
mod cpu;
mod engine;
mod find;
mod function;
mod host;
mod instance;
mod keyed;
mod load;
mod loaded;
mod log;
mod moment;
mod sandbox;
pub mod store;
mod trust;
mod udf;

pub use artifact::{caches, digest};
pub use boundary::crossing;
pub use boundary::{CallOutput, Crossing};
pub use budget::Budget;
pub use catalog::{Inspection, PluginHost};
pub use contract::{Wanted, World};
pub use cpu::Stopwatch;
pub use function::{Evaluated, evaluate_aggregate, evaluate_scalar, merge, update};
pub use host::{LargeState, ListRange, MapEntry};
pub use instance::{CallFailure, Instance};
pub use keyed::{Clock, DueTimer, KeyedCall, KeyedCallOutput, TimerChange, TimerSetting, migrate};
pub use loaded::{Loaded, StartFailure};
pub use millrace_output::PortRows;
pub use moment::{Moment, latest};
pub use sandbox::{InstanceLimits, Sandbox};
pub use store::BY_DIGEST;

/// The bindings that wasmtime generates from `wit/`. The world here is all worlds in one, so that
/// they share their types; a component exports one of its interfaces and is bound to that alone.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package millrace:host;
            world every {
                import millrace:plugin/types@0.1.0;
                import millrace:plugin/log@0.1.0;
                import millrace:plugin/metrics@0.1.0;
                import millrace:plugin/clock@0.1.0;
                import millrace:plugin/random@0.1.0;
                import millrace:plugin/fault@0.1.0;
                import millrace:plugin/state@0.1.0;
                export millrace:plugin/transformer@0.1.0;
                export millrace:plugin/keyed-transformer@0.1.0;
                export millrace:plugin/aggregator@0.1.0;
                export millrace:plugin/scalar-function@0.1.0;
            }
        ",
        world: "millrace:host/every",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: {
            "millrace:plugin/state@0.1.0": trappable,
            "millrace:plugin/random@0.1.0": trappable,
        },
    });
}
