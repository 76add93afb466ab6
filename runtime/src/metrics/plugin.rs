//! Counters of a plugin: what its calls cost, and how they ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Counter, Observations, Observed, SharedObservations, Unobserved};

/// The codes of calls that fail.
pub const FAILURE_CODES: [&str; 8] =
    ["trap", "deadline", "memory", "output", "state", "lie", "failed", "instances"];

/// What the instances of a plugin have done, over all lanes: of a step or a function, or of one
/// version of a step's plugin. Counted once per call, whatever its rows.
#[derive(Debug, Default)]
pub struct PluginMetrics {
    /// What is counted here is counted there too.
    of: Option<Arc<Self>>,
    versions: Mutex<Vec<(String, Weak<Self>)>>,
    calls: Counter,
    cpu_nanos: Counter,
    wall_nanos: Counter,
    rows_in: Counter,
    rows_out: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    instances: AtomicU64,
    instances_started: Counter,
    instances_recycled: Counter,
    instances_warm: Counter,
    memory_peak_bytes: AtomicU64,
    log_lines: Counter,
    log_lines_dropped: Counter,
    observed: SharedObservations,
    observations_dropped: Counter,
    failures: [Counter; FAILURE_CODES.len()],
}

impl PluginMetrics {
    /// The numbers of one version of a plugin, which `all` has in its own too.
    pub fn of_version(all: &Arc<Self>, digest: &str) -> Arc<Self> {
        let version = Arc::new(Self { of: Some(all.clone()), ..Self::default() });
        let mut versions = all.versions();
        versions.retain(|(_, version)| version.strong_count() > 0);
        versions.push((digest.to_owned(), Arc::downgrade(&version)));
        drop(versions);
        version
    }

    /// The numbers of the versions that run now, by the digests of their components: more than one
    /// while a version is on trial, and two of one digest if they differ in their config.
    pub fn by_version(&self) -> Vec<(String, PluginCounts)> {
        let versions = self.versions();
        let version = |(digest, version): &(String, Weak<Self>)| {
            Some((digest.clone(), version.upgrade()?.counts()))
        };
        versions.iter().filter_map(version).collect()
    }

    /// Calls and starts have taken so much.
    pub fn took(&self, cpu_nanos: u64, wall_nanos: u64) {
        self.each(|all| {
            all.cpu_nanos.add(cpu_nanos);
            all.wall_nanos.add(wall_nanos);
        });
    }

    /// A call has begun, with so many bytes.
    pub fn called(&self, bytes: u64) {
        self.each(|all| {
            all.calls.add(1);
            all.bytes_in.add(bytes);
        });
    }

    /// A call has succeeded, with rows in and out, and so many bytes that came out.
    pub fn succeeded(&self, rows_in: u64, rows_out: u64, bytes: u64) {
        self.each(|all| {
            all.rows_in.add(rows_in);
            all.rows_out.add(rows_out);
            all.bytes_out.add(bytes);
        });
    }

    /// A call or a start failed for this reason.
    pub fn failed(&self, code: &str) {
        let at = FAILURE_CODES.iter().position(|known| *known == code);
        self.each(|all| all.failures[at.unwrap_or(FAILURE_CODES.len() - 1)].add(1));
    }

    pub fn instance_started(&self) {
        self.each(|all| {
            all.instances_started.add(1);
            all.instances.fetch_add(1, Ordering::Relaxed);
        });
    }

    pub fn instance_ended(&self) {
        self.each(|all| {
            all.instances.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// An instance is replaced because of the memory that it has taken.
    pub fn recycled(&self) {
        self.each(|all| all.instances_recycled.add(1));
    }

    /// An instance is used that was started before someone needed it.
    pub fn taken_warm(&self) {
        self.each(|all| all.instances_warm.add(1));
    }

    /// Most memory that any one instance has had, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak_bytes.load(Ordering::Relaxed)
    }

    /// An instance has so many bytes of memory.
    pub fn memory(&self, bytes: u64) {
        self.each(|all| {
            all.memory_peak_bytes.fetch_max(bytes, Ordering::Relaxed);
        });
    }

    /// A line of log was written, or dropped.
    pub fn logged(&self, is_written: bool) {
        self.each(|all| match is_written {
            true => all.log_lines.add(1),
            false => all.log_lines_dropped.add(1),
        });
    }

    /// What a call that has succeeded counted itself. Returns why any of it is not kept.
    pub fn observe(&self, call: &Observations) -> Option<Unobserved> {
        let mut refused = None;
        self.each(|all| refused = all.observed.add(call).or(refused));
        refused
    }

    /// Something that the plugin counted was not kept.
    pub fn observation_dropped(&self) {
        self.each(|all| all.observations_dropped.add(1));
    }

    fn each(&self, mut note: impl FnMut(&Self)) {
        note(self);
        if let Some(all) = &self.of {
            note(all);
        }
    }

    fn versions(&self) -> MutexGuard<'_, Vec<(String, Weak<Self>)>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All numbers as they are now.
    pub fn counts(&self) -> PluginCounts {
        let failures = FAILURE_CODES.iter().zip(&self.failures);
        let failures = failures.filter(|(_, count)| count.get() > 0);
        PluginCounts {
            calls: self.calls.get(),
            cpu_nanos: self.cpu_nanos.get(),
            wall_nanos: self.wall_nanos.get(),
            rows_in: self.rows_in.get(),
            rows_out: self.rows_out.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            failures: failures.map(|(code, count)| ((*code).to_owned(), count.get())).collect(),
            instances: self.instances.load(Ordering::Relaxed),
            instances_started: self.instances_started.get(),
            instances_recycled: self.instances_recycled.get(),
            instances_warm: self.instances_warm.get(),
            memory_peak_bytes: self.memory_peak_bytes.load(Ordering::Relaxed),
            log_lines: self.log_lines.get(),
            log_lines_dropped: self.log_lines_dropped.get(),
            observed: self.observed.get(),
            observations_dropped: self.observations_dropped.get(),
        }
    }
}

/// [`PluginMetrics`] at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginCounts {
    /// Calls with rows, states or timers, those that failed among them. Starting is no call.
    pub calls: u64,
    /// Nanoseconds that calls and starts took of a processor.
    pub cpu_nanos: u64,
    /// Nanoseconds that calls and starts took by the clock.
    pub wall_nanos: u64,
    /// Rows that were given to calls that did not fail, and rows that they returned.
    pub rows_in: u64,
    pub rows_out: u64,
    /// Bytes of columns and states that crossed into calls and, where these did not fail, back.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Failed calls and starts by their code; codes that never came up are not there.
    pub failures: BTreeMap<String, u64>,
    /// Instances that there are now.
    pub instances: u64,
    pub instances_started: u64,
    /// Instances that were replaced because of the memory that they had taken.
    pub instances_recycled: u64,
    /// Instances that had been started in the background before they were needed, because another
    /// was about to be replaced or its plugin swapped.
    pub instances_warm: u64,
    /// Most memory that any one instance has had.
    pub memory_peak_bytes: u64,
    pub log_lines: u64,
    pub log_lines_dropped: u64,
    /// What the plugin counts itself.
    pub observed: BTreeMap<String, Observed>,
    pub observations_dropped: u64,
}

impl PluginCounts {
    /// Failed calls and starts of all codes.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}
