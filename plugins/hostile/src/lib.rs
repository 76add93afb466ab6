//! A plugin that misbehaves on demand, for the tests of the host. README.md lists the modes.
//!
//! [`plugin`] is what any author could write by mistake, through the SDK. What the SDK does not
//! let an author say, [`lies`] puts into an answer that was honest, one lie at a time.

#[cfg(target_family = "wasm")]
mod component;
mod config;
#[cfg(target_family = "wasm")]
mod doctored;
mod function;
mod keyed;
#[cfg(target_family = "wasm")]
mod lies;
mod plugin;

pub use config::{Config, Mode};
pub use function::{FunctionConfig, FunctionMode, HostileFunction};
pub use keyed::{HostileKeyed, KeyedConfig, KeyedMode};
pub use plugin::Hostile;
