//! What stands between sources and sinks, one operator per file.

mod decode;
mod isolate;
mod lookup;
mod plugin;
mod project;

pub use decode::{Decode, csv_format, decode_all};
pub use lookup::{Lookup, LookupView};
pub use plugin::PluginStep;
pub use project::{Project, project};
