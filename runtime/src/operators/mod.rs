//! What stands between sources and sinks, one operator per file.

mod carried;
mod decode;
mod dedup;
mod emit;
mod exact_rows;
mod keyed;
mod letters;
mod lookup;
mod plugin;
mod project;
mod records;
mod retry;
mod search;
mod shadow;
mod versioned;
mod window;

pub use decode::Decode;
pub use dedup::DedupStep;
pub use keyed::KeyedStep;
pub(crate) use keyed::{entry, names};
pub use letters::Letters;
pub use lookup::{Lookup, Lookups};
pub(crate) use project::evaluate;
pub use project::{Project, project};
pub use records::Records;
pub use retry::RetryQueue;
pub use versioned::VersionedStep;
pub use window::WindowStep;
