//! What a step's state looks like: without it the state's bytes mean nothing.

use std::collections::BTreeMap;

use arrow::datatypes::{Fields, Schema};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// By step.
pub type Shapes = BTreeMap<String, Shape>;

/// The form of a step's state, and what it was made by. Part of the checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// What kind of step it is, as the user knows it: `aggregate`, `deduplicate`, `plugin`.
    pub kind: String,
    /// How many times of eight bytes stand before the columns of the key.
    #[serde(default)]
    pub times: usize,
    #[serde(with = "as_ipc")]
    pub key: Fields,
    /// None if the values are bytes that only the step understands.
    #[serde(with = "as_ipc")]
    pub value: Fields,
    /// What may not change as long as the state is to be used: what it is, and how the pipeline
    /// has it, such as `window`, `tumble 60000000us`.
    pub parts: Vec<(String, String)>,
}

/// Columns as Arrow's own encoding of a schema, as base64.
mod as_ipc {
    use super::{BASE64_STANDARD, Deserialize, Deserializer, Engine, Fields, Schema, Serializer};

    pub fn serialize<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
        let schema = Schema::new(fields.clone());
        let bytes = arrow::ipc::convert::IpcSchemaEncoder::new().schema_to_fb(&schema);
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes.finished_data()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        let schema = arrow::ipc::root_as_schema(&bytes).map_err(D::Error::custom)?;
        Ok(arrow::ipc::convert::fb_to_schema(schema).fields)
    }
}
