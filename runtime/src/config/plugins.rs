//! Where a pipeline's plugins come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Placed, Text};

/// The store of plugins, and who must have signed them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginsConfig {
    /// Directory of the store. Default: that of the environment variable MILLRACE_STORE, else
    /// `$XDG_DATA_HOME/millrace/plugins` or `~/.local/share/millrace/plugins`.
    pub store: Option<PathBuf>,
    /// Take only plugins and functions that are signed by one of `trusted_keys`. Default: false.
    #[serde(default)]
    pub require_signature: Placed<bool>,
    /// Public keys as `millrace plugin keygen` prints them: `ed25519:BASE64`.
    #[serde(default)]
    pub trusted_keys: Vec<Text>,
}
