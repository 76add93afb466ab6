//! Keys of the pipeline file that concern time and state.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{self, ByteSize, OneOrMany, Placed, Text, Timespan};

/// Which column tells when a row happened. It stands where the column first exists: on a source
/// that parses, or on a step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTimeConfig {
    /// A column of type timestamp.
    pub column: Text,
    /// So much disorder is expected: a row that is older than the newest one of its partition by
    /// more than this may come too late.
    pub delay: Timespan,
    /// A partition that gave nothing for so long no longer holds back the others. Default: 1m.
    #[serde(default = "default_idle", deserialize_with = "values::above_zero")]
    pub idle: Timespan,
}

fn default_idle() -> Timespan {
    Timespan(Duration::from_secs(60))
}

/// When a pipeline reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Always, as fast as the rows come.
    #[default]
    Continuous,
    /// All that is there, then stop.
    AvailableNow,
    /// What has come since, this often: `{ interval = "10s" }`.
    Interval(#[serde(deserialize_with = "values::above_zero")] Timespan),
}

/// Which rows of a result that changes are sent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// Each row once, when it can't change any more.
    #[default]
    Append,
    /// At the end of an epoch the rows that changed in it.
    Update,
    /// At the end of an epoch in which a row changed all rows.
    Complete,
}

impl OutputMode {
    /// As the pipeline file writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Update => "update",
            Self::Complete => "complete",
        }
    }
}

/// What the pipeline remembers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateConfig {
    /// Memory for the state of all steps; what does not fit stays on disk. Default: 512 MiB.
    pub memory: ByteSize,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { memory: ByteSize::mib(512) }
    }
}

/// The first row of each key goes on, the others are dropped. Exactly one of `within`, `state_ttl`
/// and `unbounded` says for how long a key is remembered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeduplicateConfig {
    /// The input: a source, a step or `step.port`, or a list of them.
    pub from: OneOrMany,
    /// Rows that are equal in all of these columns are the same row.
    pub deduplicate: OneOrMany,
    /// A row is a duplicate if the first of its key is less than this away in event time.
    #[serde(default, deserialize_with = "values::some_placed_above_zero")]
    pub within: Option<Placed<Timespan>>,
    /// A key is remembered for so long in event time after its first row.
    #[serde(default, deserialize_with = "values::some_placed_above_zero")]
    pub state_ttl: Option<Placed<Timespan>>,
    /// Remember every key for good: the state grows with the number of keys.
    #[serde(default)]
    pub unbounded: bool,
    pub event_time: Option<EventTimeConfig>,
}
