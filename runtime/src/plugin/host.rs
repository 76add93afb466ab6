//! What a guest may use of the host, and what the host keeps for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use wasmtime::ResourceLimiter;

use super::bindings::millrace::plugin::{clock, fault, log, metrics, random, state, types};
use super::moment::Moment;
use super::sandbox::Sandbox;
use crate::error::{ErrorKind, Result};
use crate::metrics::{Observations, Observed};

/// Texts from guests are cut at so many bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// So many random bytes at once, as the contract has it.
const RANDOM_BYTES_MAX: u32 = 64 << 10;
const TABLE_ELEMENTS_MAX: usize = 100_000;

// Bounds on large state, as the contract has them.
const NAME_BYTES_MAX: usize = 256;
const ENTRY_BYTES_MAX: usize = 64 << 10;
const VALUE_BYTES_MAX: usize = 16 << 20;
/// So much is returned by one read, whatever its limit; any one entry fits.
const READ_BYTES_MAX: usize = 17 << 20;

/// The positions of a list: of its first value, and one beyond the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListRange {
    pub first: u64,
    pub end: u64,
}

/// An entry of a map with its value.
pub type MapEntry = (Vec<u8>, Vec<u8>);

/// Maps and lists of the keys of a batch, by the key's number. What is written is seen by the
/// calls that follow; whoever lends it throws it away if the batch fails.
pub trait LargeState: Send {
    /// # Errors
    /// If the state can't be read, here and in all the others. `Plugin` if the call has written more
    /// than it may.
    fn map_get(&mut self, key: u32, name: &str, entry: &[u8]) -> Result<Option<Vec<u8>>>;
    /// # Errors
    fn map_put(&mut self, key: u32, name: &str, entry: &[u8], value: Vec<u8>) -> Result<()>;
    /// # Errors
    fn map_remove(&mut self, key: u32, name: &str, entry: &[u8]) -> Result<()>;
    /// Entries after `after`, in order, at most `limit` of them and about so many bytes.
    ///
    /// # Errors
    fn map_scan(
        &mut self,
        key: u32,
        name: &str,
        after: Option<&[u8]>,
        limit: (usize, usize),
    ) -> Result<Vec<MapEntry>>;
    /// # Errors
    fn list_append(&mut self, key: u32, name: &str, value: Vec<u8>) -> Result<()>;
    /// # Errors
    fn list_range(&mut self, key: u32, name: &str) -> Result<ListRange>;
    /// # Errors
    fn list_read(
        &mut self,
        key: u32,
        name: &str,
        from: u64,
        limit: (usize, usize),
    ) -> Result<Vec<Vec<u8>>>;
    /// # Errors
    fn list_remove(&mut self, key: u32, name: &str, before: u64) -> Result<()>;
}

/// A guest used the host as the contract forbids.
#[derive(Debug)]
pub struct Misuse(String);

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "used the host against the contract: {}", self.0)
    }
}

impl std::error::Error for Misuse {}

/// A call wrote more large state than it may.
#[derive(Debug)]
pub struct TooMuch(String);

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TooMuch {}

/// What the host keeps for one instance.
pub struct HostState {
    sandbox: Arc<Sandbox>,
    /// Of all its memories together.
    memory_bytes: usize,
    /// Whether the guest asked for more memory than it may have.
    pub(super) memory_denied: bool,
    /// The guest's last words.
    pub(super) fault: Option<String>,
    /// What the guest has counted in this call.
    observations: Observations,
    /// Of a plugin that is to be deterministic: what it hears of time and chance.
    pinned: Option<(i64, Pcg64)>,
    /// The large state of a batch, and the number of its keys.
    pub(super) large: Option<(Arc<Mutex<dyn LargeState>>, u32)>,
}

impl HostState {
    pub fn new(sandbox: &Arc<Sandbox>) -> Self {
        Self {
            sandbox: sandbox.clone(),
            memory_bytes: 0,
            memory_denied: false,
            fault: None,
            observations: Observations::default(),
            pinned: sandbox.seed.map(|seed| (0, Pcg64::seed_from_u64(seed))),
            large: None,
        }
    }

    /// What one call was denied, or said, is no reason for the failure of a later one.
    pub fn begin_call(&mut self) {
        (self.memory_denied, self.fault) = (false, None);
        self.observations.clear();
    }

    /// Adds what the guest has counted in a call that did not fail to what its plugin has.
    pub fn keep_observations(&mut self) {
        if self.observations.is_empty() {
            return;
        }
        let sandbox = &self.sandbox;
        if let Some(why) = sandbox.metrics.observe(&self.observations) {
            sandbox.tell_of_metrics(why.text());
        }
    }

    /// Sets what a deterministic plugin hears of time and chance.
    pub fn pin(&mut self, moment: Moment) {
        let seed = self.sandbox.seed.unwrap_or_default();
        self.pinned = Some((moment.now, Pcg64::new(seed.into(), moment.lineage.into())));
    }

    fn observe(&mut self, name: &str, observed: Observed) {
        if let Err(why) = self.observations.note(name, observed) {
            self.sandbox.tell_of_metrics(why.text());
        }
    }

    /// Memory that the instance has.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes as u64
    }

    /// Does `work` on the large state of `key`, if the guest may.
    fn large<R>(
        &self,
        key: u32,
        name: &str,
        bytes: &[(&[u8], usize)],
        work: impl FnOnce(&mut dyn LargeState) -> Result<R>,
    ) -> wasmtime::Result<R> {
        let misuse = |what: String| Err(Misuse(format!("large state: {what}")).into());
        let Some((state, keys)) = &self.large else {
            return misuse("outside of `process` of a keyed plugin".to_owned());
        };
        if key >= *keys {
            return misuse(format!("key {key} of {keys}"));
        }
        if name.len() > NAME_BYTES_MAX {
            return misuse(format!("a name of {} bytes", name.len()));
        }
        if let Some((bytes, max)) = bytes.iter().find(|(bytes, max)| bytes.len() > *max) {
            return misuse(format!("{} bytes where {max} are allowed", bytes.len()));
        }
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut *state).map_err(|error| match error.kind {
            ErrorKind::Plugin => TooMuch(error.message.into_owned()).into(),
            _ => wasmtime::Error::from_boxed(Box::new(error)),
        })
    }
}

impl ResourceLimiter for HostState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Whoever asks beyond the memory's own maximum gets nothing.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(true);
        }
        let all = self.memory_bytes - current.min(self.memory_bytes) + desired;
        let granted = all <= self.sandbox.limits.memory_bytes;
        if granted {
            self.memory_bytes = all;
        }
        self.memory_denied |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

impl log::Host for HostState {
    fn log(&mut self, level: log::Level, message: String) {
        let text = cut(&message);
        if !self.sandbox.may_log(text.len()) {
            return;
        }
        let step = &self.sandbox.name;
        match level {
            log::Level::Debug => tracing::debug!(target: "plugin", step, "{text}"),
            log::Level::Info => tracing::info!(target: "plugin", step, "{text}"),
            log::Level::Warn => tracing::warn!(target: "plugin", step, "{text}"),
            log::Level::Error => tracing::error!(target: "plugin", step, "{text}"),
        }
    }
}

impl metrics::Host for HostState {
    fn count(&mut self, name: String, amount: u64) {
        self.observe(&name, Observed::Counter(amount));
    }

    fn gauge(&mut self, name: String, value: f64) {
        self.observe(&name, Observed::Gauge(value));
    }
}

impl clock::Host for HostState {
    fn now(&mut self) -> i64 {
        match &self.pinned {
            Some((now, _)) => *now,
            None => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                since.unwrap_or_default().as_micros() as i64
            }
        }
    }
}

impl random::Host for HostState {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        if length > RANDOM_BYTES_MAX {
            let what = format!("{length} random bytes where {RANDOM_BYTES_MAX} are allowed");
            return Err(Misuse(what).into());
        }
        let mut bytes = vec![0; length as usize];
        match &mut self.pinned {
            Some((_, random)) => random.fill_bytes(&mut bytes),
            None => getrandom::fill(&mut bytes).map_err(wasmtime::Error::new)?,
        }
        Ok(bytes)
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        match &mut self.pinned {
            Some((_, random)) => Ok(random.next_u64()),
            None => getrandom::u64().map_err(wasmtime::Error::new),
        }
    }
}

impl fault::Host for HostState {
    fn report(&mut self, message: String) {
        self.fault = Some(cut(&message).to_owned());
    }
}

impl types::Host for HostState {}

impl state::Host for HostState {
    fn map_get(
        &mut self,
        key: u32,
        name: String,
        entry: Vec<u8>,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        self.large(key, &name, &[(&entry, ENTRY_BYTES_MAX)], |s| s.map_get(key, &name, &entry))
    }

    fn map_put(
        &mut self,
        key: u32,
        name: String,
        entry: Vec<u8>,
        value: Vec<u8>,
    ) -> wasmtime::Result<()> {
        let bounds = [(&entry[..], ENTRY_BYTES_MAX), (&value[..], VALUE_BYTES_MAX)];
        self.large(key, &name, &bounds, |s| s.map_put(key, &name, &entry, value.clone()))
    }

    fn map_remove(&mut self, key: u32, name: String, entry: Vec<u8>) -> wasmtime::Result<()> {
        self.large(key, &name, &[(&entry, ENTRY_BYTES_MAX)], |s| s.map_remove(key, &name, &entry))
    }

    fn map_scan(
        &mut self,
        key: u32,
        name: String,
        after: Option<Vec<u8>>,
        limit: u32,
    ) -> wasmtime::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let limit = (limit as usize, READ_BYTES_MAX);
        self.large(key, &name, &[], |s| s.map_scan(key, &name, after.as_deref(), limit))
    }

    fn list_append(&mut self, key: u32, name: String, value: Vec<u8>) -> wasmtime::Result<()> {
        let bounds = [(&value[..], VALUE_BYTES_MAX)];
        self.large(key, &name, &bounds, |s| s.list_append(key, &name, value.clone()))
    }

    fn list_range(&mut self, key: u32, name: String) -> wasmtime::Result<(u64, u64)> {
        let range = self.large(key, &name, &[], |s| s.list_range(key, &name))?;
        Ok((range.first, range.end))
    }

    fn list_read(
        &mut self,
        key: u32,
        name: String,
        from: u64,
        limit: u32,
    ) -> wasmtime::Result<Vec<Vec<u8>>> {
        let limit = (limit as usize, READ_BYTES_MAX);
        self.large(key, &name, &[], |s| s.list_read(key, &name, from, limit))
    }

    fn list_remove(&mut self, key: u32, name: String, before: u64) -> wasmtime::Result<()> {
        self.large(key, &name, &[], |s| s.list_remove(key, &name, before))
    }
}

/// A text from a guest, cut.
pub fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
