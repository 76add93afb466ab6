//! Steps that run a keyed plugin.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Fields;
use datafusion::physical_expr::PhysicalExpr;

use super::PluginPlan;

/// A step that runs a component with state for each key.
#[derive(Debug, Clone)]
pub struct KeyedPlan {
    /// What it has in common with a plugin without state.
    pub plugin: PluginPlan,
    /// The key, over the input.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The indices of the key's columns in the input.
    pub key: Vec<usize>,
    pub key_fields: Fields,
    /// Which of `key` the plugin wants to see.
    pub key_reads: Vec<usize>,
    pub state_version: u32,
    pub reads_versions: Vec<u32>,
    pub order: Order,
    /// Microseconds after which a key of which nothing came is forgotten.
    pub state_ttl: Option<i64>,
    /// The index of the port `late`, where rows come in the order of event time.
    pub late: Option<usize>,
}

impl KeyedPlan {
    /// The versions of states that it can work with.
    pub fn readable(&self) -> BTreeSet<u32> {
        self.reads_versions.iter().copied().chain([self.state_version]).collect()
    }
}

/// In which order the rows of a key come to the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In that of the event time in this column, which lags so many microseconds behind the
    /// watermark.
    EventTime { column: usize, lag: i64 },
    /// As they arrive. Event time, if there is any, lags so many microseconds.
    Arrival { lag: i64 },
}

impl Order {
    /// By how much event time lags behind the watermark.
    pub fn lag(self) -> i64 {
        match self {
            Self::EventTime { lag, .. } | Self::Arrival { lag } => lag,
        }
    }
}
