//! What a candidate may do worse than the current version before it is taken back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds on a candidate. Passing one rolls it back, but for a shadow, which does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// So many calls may fail on rows that the current version can process: traps, deadlines, lies
    /// and the like. Default: 3.
    pub failures: u64,
    /// The share of rows that it refuses may be above that of the current version by so much.
    /// Default: 0.1.
    pub errors: f64,
    /// So many times the current version's processor time per row may a row take; what a call takes by
    /// itself is not counted. Default: 10.
    pub slowdown: f64,
    /// Of a full swap: after so many milliseconds it counts as done and the old version goes.
    /// 0: at once, without a trial. Default: 30000.
    pub within_ms: u64,
}

impl Bounds {
    /// Whatever it does.
    pub const NONE: Self = Self {
        failures: u64::MAX,
        errors: f64::INFINITY,
        slowdown: f64::INFINITY,
        within_ms: u64::MAX,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self { failures: 3, errors: 0.1, slowdown: 10.0, within_ms: 30_000 }
    }
}
