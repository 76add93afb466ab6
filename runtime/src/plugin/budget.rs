//! How many instances there may be, and how much memory they may have.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bound that instances share: those of one plugin, or all of a pipeline.
#[derive(Debug)]
pub struct Budget {
    /// Whose instances these are, and the keys of the pipeline file, for messages.
    of: String,
    key: &'static str,
    pub instances_max: usize,
    memory_max: u64,
    used: Mutex<Used>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    instances: usize,
    /// What the instances may have, not what they have.
    memory: u64,
}

/// Room for one instance, given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    budget: Arc<Budget>,
    memory: u64,
}

impl Budget {
    pub fn new(
        of: String,
        key: &'static str,
        instances_max: Option<usize>,
        memory_max: Option<u64>,
    ) -> Arc<Self> {
        Arc::new(Self {
            of,
            key,
            instances_max: instances_max.unwrap_or(usize::MAX),
            memory_max: memory_max.unwrap_or(u64::MAX),
            used: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// Room for an instance of so much memory, for which it waits no longer than `patience`.
    ///
    /// # Errors
    /// What is full, and which key says so.
    pub fn take(self: &Arc<Self>, memory: u64, patience: Duration) -> Result<Room, String> {
        let until = Instant::now() + patience;
        let mut used = self.lock();
        loop {
            let fits = used.instances < self.instances_max
                && used.memory.saturating_add(memory) <= self.memory_max;
            if fits {
                used.instances += 1;
                used.memory += memory;
                return Ok(Room { budget: self.clone(), memory });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.refusal(&used, memory));
            }
            let waited = self.freed.wait_timeout(used, left);
            used = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether there is room at this moment for so many instances of so much memory each.
    pub fn has_room(&self, instances: usize, memory: u64) -> bool {
        let used = self.lock();
        let memory = memory.saturating_mul(instances as u64);
        used.instances.saturating_add(instances) <= self.instances_max
            && used.memory.saturating_add(memory) <= self.memory_max
    }

    fn refusal(&self, used: &Used, memory: u64) -> String {
        let (of, key) = (&self.of, self.key);
        if used.instances >= self.instances_max {
            return format!("{of} has {} instances already: raise {key}instances", used.instances);
        }
        format!(
            "the instances of {of} may have {} MiB already, and {} MiB more are beyond the bound: \
             raise {key}memory, or lower limits.memory of the plugins",
            used.memory >> 20,
            memory >> 20
        )
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut used = self.budget.lock();
        used.instances -= 1;
        used.memory -= self.memory;
        drop(used);
        self.budget.freed.notify_all();
    }
}
