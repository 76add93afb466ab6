//! Bounds on plugins: on one, and on all of a pipeline together.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{self, ByteSize, Placed, Timespan};

/// Most instances of plugins in a process that a bound may name.
const INSTANCES_MAX: usize = 10_000;

/// Bounds on one plugin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Memory of one instance. Default: 64 MiB.
    pub memory: ByteSize,
    /// Time for one call. Default: 1s.
    pub deadline: Timespan,
    /// Bytes that one call may return. Default: 64 MiB.
    pub output: ByteSize,
    /// So many calls may fail one after the other before the plugin counts as failing on
    /// everything. Default: 64.
    pub consecutive_failures: u32,
    /// Of a plugin with a key: bytes of the state of one key. Default: 16 MiB.
    pub state: ByteSize,
    /// Of a plugin with a key: timers of one key at the same time. Default: 64.
    pub timers: u32,
    /// Instances at the same time: a step needs one for each lane or task in which it runs, a
    /// function as many as are evaluated at the same moment, which wait for each other at this
    /// bound. Default: 256.
    #[serde(deserialize_with = "values::up_to::<INSTANCES_MAX, _>")]
    #[schemars(range(min = 1, max = 10_000))]
    pub instances: usize,
    /// Lines of log in a second, of all instances together; more are dropped, counted and said to
    /// be. Default: 100.
    pub log_lines: u64,
    /// Bytes of log in a second, of all instances together. Default: 64 KiB.
    pub log_bytes: ByteSize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            deadline: Timespan(Duration::from_secs(1)),
            output: ByteSize::mib(64),
            consecutive_failures: 64,
            state: ByteSize::mib(16),
            timers: 64,
            instances: 256,
            log_lines: 100,
            log_bytes: ByteSize(64 << 10),
        }
    }
}

/// Bounds on all plugins of a pipeline together. The pipeline does not start if its plugins could
/// pass them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineLimitsConfig {
    /// Instances at the same time. Default: as many as the process has room for.
    #[serde(default, deserialize_with = "values::some_placed_up_to::<INSTANCES_MAX, _>")]
    #[schemars(range(min = 1, max = 10_000))]
    pub instances: Option<Placed<usize>>,
    /// What all instances may have of memory: each counts with the `limits.memory` of its plugin.
    /// Default: no bound beside those of the plugins.
    pub memory: Option<Placed<ByteSize>>,
}

/// Plugins have a clock and random numbers that depend on the input alone.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeterministicConfig {
    /// Random numbers follow from it and from the rows of a call.
    pub seed: u64,
}
