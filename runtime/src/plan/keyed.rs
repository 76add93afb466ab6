//! Steps with state: aggregates and deduplication.

use std::sync::Arc;

use arrow::datatypes::{Fields, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use crate::config::OutputMode;

/// Rows grouped by key and window, and aggregated.
#[derive(Debug, Clone)]
pub struct WindowPlan {
    /// Over the input; the window is not among them.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    pub key_fields: Fields,
    /// `None`: each group has one result, which changes as long as rows come.
    pub window: Option<WindowSpec>,
    /// In an order that does not depend on that of the query.
    pub aggregates: Vec<AggregatePlan>,
    pub mode: OutputMode,
    /// Microseconds after which a group that got no row is forgotten.
    pub state_ttl: Option<i64>,
    /// The index of the input's column of event time, if it has one.
    pub event_time: Option<usize>,
    pub input: SchemaRef,
    /// What stands in each column of `schema`.
    pub columns: Vec<OutputColumn>,
    pub schema: SchemaRef,
}

/// The windows that a row belongs to. All lengths are in microseconds.
#[derive(Debug, Clone)]
pub struct WindowSpec {
    pub kind: WindowKind,
    /// A timestamp; for sessions the window of the row alone, `struct<start, end>`.
    pub time: Arc<dyn PhysicalExpr>,
    /// By how much the time lags behind the watermark.
    pub lag: i64,
    /// Windows stay open for so long after they are complete.
    pub lateness: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// From a multiple of `size`, moved by `offset`.
    Tumble { size: i64, offset: i64 },
    /// Windows of `size`, each `slide` after the one before.
    Hop { slide: i64, size: i64, offset: i64 },
    /// From the first row to `gap` after the last.
    Session,
    /// The time itself is the key: rows of one microsecond belong together.
    Instant,
}

impl WindowKind {
    /// The kind in words, as the state's shape has it.
    pub fn text(self) -> String {
        match self {
            Self::Tumble { size, offset: 0 } => format!("tumble {size}us"),
            Self::Tumble { size, offset } => format!("tumble {size}us offset {offset}us"),
            Self::Hop { slide, size, offset: 0 } => format!("hop {size}us every {slide}us"),
            Self::Hop { slide, size, offset } => {
                format!("hop {size}us every {slide}us offset {offset}us")
            }
            Self::Session => "session".to_owned(),
            Self::Instant => "instant".to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct AggregatePlan {
    pub expr: Arc<AggregateFunctionExpr>,
    /// Rows for which this is not true do not count.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// As the query has it, without a name.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputColumn {
    Key(usize),
    /// `struct<start, end>`.
    Window,
    Aggregate(usize),
}

/// The first row of each key.
#[derive(Debug, Clone)]
pub struct DedupPlan {
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    pub key_fields: Fields,
    pub bound: DedupBound,
    pub input: SchemaRef,
}

/// For how long a key is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupBound {
    /// A duplicate is less than `length` away from the first row, in the event time of column
    /// `column`, which lags `lag` behind the watermark. All in microseconds.
    Within {
        column: usize,
        lag: i64,
        length: i64,
    },
    Unbounded,
}

/// Rows that nobody reads become dead letters.
#[derive(Debug, Clone)]
pub struct LettersPlan {
    pub step: String,
    pub code: &'static str,
    pub message: &'static str,
}
