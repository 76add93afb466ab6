//! Rows that failed for a reason outside of themselves, and come to their step again.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::physical_expr::PhysicalExpr;

use super::PluginPlan;
use crate::dead_letter;

/// What a plugin step does with them.
#[derive(Debug, Clone)]
pub struct RetryPlan {
    /// The codes of their errors.
    pub codes: Vec<String>,
    /// The index of the port on which they leave as they came.
    pub fallback: usize,
    /// The index of the port to the queue, on which they leave as [`QUEUED`].
    pub queue: usize,
}

impl RetryPlan {
    /// Whether a row that failed so may succeed later.
    pub fn is_temporary(&self, code: &str) -> bool {
        self.codes.iter().any(|known| known == code)
    }
}

/// Where they wait: the node behind the step, which runs the step's plugin on them.
#[derive(Debug, Clone)]
pub struct QueuePlan {
    pub plugin: PluginPlan,
    pub retry: RetryPlan,
    /// Microseconds from a failure to the next try.
    pub after: i64,
    /// How often a row comes again.
    pub attempts: u32,
    /// So many rows wait at most, in all tasks together.
    pub rows_max: u64,
    /// Over [`QUEUED`]: by which tasks share them.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
}

/// The key of a row that waits: since when, and a number that tells it from others.
pub static WAITING_KEY: LazyLock<Fields> = LazyLock::new(|| {
    let since = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Fields::from(vec![
        Field::new("since", since, false),
        Field::new("number", DataType::UInt64, false),
    ])
});

/// A row on its way to the queue: its dead letter, and the row to the bit. JSON does not keep
/// everything, but can be read when the step's input has got other columns.
pub static QUEUED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let letter = dead_letter::SCHEMA.fields().iter().cloned();
    // Of which columns `bytes` is the row.
    let columns = Field::new("columns", DataType::UInt64, true);
    let bytes = Field::new("bytes", DataType::Binary, true);
    let fields: Fields = letter.chain([columns, bytes].map(Arc::new)).collect();
    Arc::new(Schema::new(fields))
});

/// A row that waits, and how often it has come again.
pub static WAITING: LazyLock<Fields> = LazyLock::new(|| {
    let attempts = Arc::new(Field::new("attempts", DataType::UInt32, false));
    QUEUED.fields().iter().cloned().chain([attempts]).collect()
});
