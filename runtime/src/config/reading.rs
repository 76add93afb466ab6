//! What several kinds of sources can be told.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::values::Text;

/// The columns of a source, by name: `{ id = "int64", at = "timestamp[ms]", tags = "list<string>" }`.
pub type SchemaConfig = IndexMap<String, Text>;

/// How much a source reads in one epoch, over all its lanes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochLimit {
    pub rows: Option<u64>,
    pub files: Option<u64>,
}
