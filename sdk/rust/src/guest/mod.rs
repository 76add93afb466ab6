//! The component's side of the boundary: from the contract's types to the traits of this crate and
//! back.

#[cfg(target_family = "wasm")]
mod cross;
mod export;
#[cfg(target_family = "wasm")]
mod function;
#[cfg(target_family = "wasm")]
mod keyed;
#[cfg(target_family = "wasm")]
mod transform;

use serde::de::DeserializeOwned;

#[cfg(target_family = "wasm")]
pub use function::{
    AggregateInstance, ScalarInstance, evaluate_aggregate, evaluate_scalar, merge, start_aggregate,
    start_scalar, update,
};
#[cfg(target_family = "wasm")]
pub use keyed::{KeyedInstance, migrate, migrate_with, process_keyed, start_keyed};
#[cfg(target_family = "wasm")]
pub use transform::{Instance, process, start};

use crate::{ConfigError, ConfigErrors};

/// Parses a configuration.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn config<C: DeserializeOwned>(config: &str) -> Result<C, ConfigErrors> {
    serde_json::from_str(config).map_err(|e| {
        // The position within the JSON says nothing to the author of a TOML file.
        let text = e.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        ConfigErrors::from(ConfigError { path: String::new(), message })
    })
}
