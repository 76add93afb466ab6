//! The trait that a stateless plugin implements.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use serde::de::DeserializeOwned;

use crate::{ConfigErrors, Description, Output};

/// A stateless transformation.
///
/// The host calls [`start`](Self::start) once per instance and then
/// [`process`](Self::process) once per batch. Instances come and go, several run side by side, and
/// a batch may be tried again in parts, so output must depend on the arguments of the two calls
/// alone; memory is at best a cache.
pub trait Transform: Sized + 'static {
    /// The step's `config`. Unknown keys are best refused: `#[serde(deny_unknown_fields)]`.
    type Config: DeserializeOwned;

    /// Makes an instance for rows of the schema `input` and says what it will do. Also called when
    /// a pipeline is merely checked.
    ///
    /// # Errors
    /// Shown to the author of the pipeline before anything runs.
    fn start(config: Self::Config, input: &Schema) -> Result<(Self, Description), ConfigErrors>;

    /// Transforms a batch of 1 to 65,536 rows that has the columns of
    /// [`Description::reads`], in that order.
    ///
    /// # Errors
    /// A failure fails the whole call: the host tries again with half of the rows, down to those
    /// that fail even alone. Refuse single rows with [`Output::error`] instead.
    fn process(&mut self, batch: &RecordBatch, out: &mut Output) -> Result<(), Failure>;
}

/// Why a whole call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}
