//! Config and facts to a plan: names resolved, schemas followed, grants and capabilities checked.
//!
//! Planning is pure: it works on facts that were gathered before, and on what plugins answer
//! through [`PluginCatalog`](crate::plan::PluginCatalog), and does no I/O itself.

mod build;
mod deduplicate;
mod functions;
mod kafka;
mod keyed;
mod limits;
mod names;
mod outputs;
mod plugin;
mod replay;
mod retry;
mod sinks;
mod sources;
mod steps;
mod time;

pub use build::{checkpoint_directory, plan};
pub use names::split;
pub(crate) use names::{ERRORS, is_name};
pub use plugin::{plan_keyed, plan_plugin};
pub use replay::plan_replay;
pub use sources::table_format;
