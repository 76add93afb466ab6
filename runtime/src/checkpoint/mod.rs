//! Progress made durable: the protocol decides, the store remembers.

mod branch;
mod changes;
mod commit;
mod history;
mod lock;
mod open;
mod store;

mod alignment;
mod protocol;

/// Beside a checkpoint: every component that was swapped in, as `DIGEST.wasm`.
pub fn components(directory: &std::path::Path) -> std::path::PathBuf {
    directory.join("components")
}

pub use alignment::Alignment;
pub use branch::{Past, branch, rerun};
pub use changes::{StepChange, compare, unreadable};
pub use commit::{Clock, Clocks, Commit};
pub use history::{EpochRecord, Output};
pub use lock::Lock;
pub use open::{Checkpoint, open, open_locked};
pub use protocol::{Action, Event, Protocol, Reading, TaskId};
pub use store::{Recovered, Store};
