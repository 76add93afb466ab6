//! What a guest returns, checked: from what came over the boundary to what the host may use.
//!
//! Pure, and apart from the host so that it can be fuzzed alone (`fuzz/`). It knows the contract and
//! Arrow, and nothing of WebAssembly.
//!
//! *Invariant:* no input makes anything here panic or take more memory than the input's own size
//! explains; what is returned as checked can be used without a further look.

mod errors;
mod keyed;
mod ports;

pub use errors::{RowError, check_errors, is_code};
pub use keyed::{check_changed, check_timers, states};
pub use ports::{PortOutput, PortRows, check_ports};
