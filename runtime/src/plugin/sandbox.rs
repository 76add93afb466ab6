//! What all instances of one plugin of a job share: their limits, their counters, their log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::budget::{Budget, Room};
use super::engine::MEMORY_MAX;
use super::log::{LogQuota, Ruling};
use crate::config::LimitsConfig;
use crate::metrics::PluginMetrics;

/// An instance is replaced when it has more than 3 quarters of its memory, one of which it has
/// taken since its first call: what needs as much from the start would gain nothing.
const WORN_QUARTERS: u64 = 3;
/// From so many quarters on another instance is started beside it, so that no row waits for one.
const WEARING_QUARTERS: u64 = 2;

/// Bounds on one instance and its calls.
#[derive(Debug, Clone, Copy)]
pub struct InstanceLimits {
    pub memory_bytes: usize,
    pub deadline: Duration,
    pub output_bytes: usize,
}

/// The sandbox of a step, of the queue behind one, or of a function.
#[derive(Debug)]
pub struct Sandbox {
    /// The step or function, for logs.
    pub name: String,
    pub limits: InstanceLimits,
    pub metrics: Arc<PluginMetrics>,
    /// Set if clock and random numbers are to depend on the input alone.
    pub seed: Option<u64>,
    instances: Arc<Budget>,
    pipeline: Arc<Budget>,
    log: LogQuota,
    told_of_metrics: AtomicBool,
}

impl Sandbox {
    /// A sandbox whose instances are within the bounds of `pipeline` too.
    pub fn new(
        name: &str,
        limits: &LimitsConfig,
        seed: Option<u64>,
        metrics: Arc<PluginMetrics>,
        pipeline: &Arc<Budget>,
    ) -> Arc<Self> {
        let of = format!("`{name}`");
        Arc::new(Self {
            name: name.to_owned(),
            metrics,
            seed,
            instances: Budget::new(of, "limits.", Some(limits.instances), None),
            pipeline: pipeline.clone(),
            log: LogQuota::new(limits.log_lines, limits.log_bytes.0),
            told_of_metrics: AtomicBool::new(false),
            limits: InstanceLimits {
                memory_bytes: limits.memory.0.min(MEMORY_MAX) as usize,
                deadline: limits.deadline.0,
                output_bytes: limits.output.0 as usize,
            },
        })
    }

    /// For an instance that is asked what it is, and then thrown away, and for tests of a plugin.
    pub fn trial(name: &str, limits: &LimitsConfig) -> Arc<Self> {
        let pipeline = Budget::new("the test".to_owned(), "limits.", None, None);
        Self::new(name, limits, Some(0), Arc::default(), &pipeline)
    }

    /// So many instances there may be at the same time.
    pub(super) fn instances_max(&self) -> usize {
        self.instances.instances_max
    }

    /// Room for one more instance; waits for it as long as a call may take.
    ///
    /// # Errors
    /// What is full, and which key says so.
    pub(super) fn admit(&self) -> Result<[Room; 2], String> {
        let memory = self.limits.memory_bytes as u64;
        let own = self.instances.take(memory, self.limits.deadline)?;
        Ok([own, self.pipeline.take(memory, self.limits.deadline)?])
    }

    /// Whether an instance that had `first` bytes of memory after its first call, and has `now`,
    /// should be replaced.
    pub(super) fn is_worn(&self, first: u64, now: u64) -> bool {
        let quarter = self.limits.memory_bytes as u64 / 4;
        now > WORN_QUARTERS * quarter && now.saturating_sub(first) > quarter
    }

    /// Whether it should be replaced soon, if it goes on like this, and there is room for its
    /// relief beside another instance that someone may need at the same moment.
    pub(super) fn needs_relief(&self, first: u64, now: u64) -> bool {
        let quarter = self.limits.memory_bytes as u64 / 4;
        let is_wearing =
            now > WEARING_QUARTERS * quarter && now.saturating_sub(first) > quarter / 2;
        is_wearing
            && self.instances.has_room(2, self.limits.memory_bytes as u64)
            && self.pipeline.has_room(2, self.limits.memory_bytes as u64)
    }

    /// Whether the plugin may write a line of so many bytes. What is dropped is counted, and said.
    pub(super) fn may_log(&self, bytes: usize) -> bool {
        let (ruling, dropped) = self.log.rule(bytes as u64, Instant::now());
        self.tell_dropped(dropped);
        if ruling == Ruling::DropFirst {
            tracing::warn!(
                target: "plugin",
                step = self.name,
                log_lines = self.log.lines_max,
                log_bytes = self.log.bytes_max,
                "more log in a second than `limits` allow; the rest of it is dropped"
            );
        }
        let is_written = ruling == Ruling::Write;
        self.metrics.logged(is_written);
        is_written
    }

    fn tell_dropped(&self, lines: u64) {
        if lines > 0 {
            tracing::warn!(target: "plugin", step = self.name, lines, "lines of log were dropped");
        }
    }

    /// A metric of the plugin was dropped; said once.
    pub(super) fn tell_of_metrics(&self, why: &str) {
        self.metrics.observation_dropped();
        if !self.told_of_metrics.swap(true, Ordering::Relaxed) {
            tracing::warn!(target: "plugin", step = self.name, why, "a metric was dropped");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.tell_dropped(self.log.untold());
    }
}
