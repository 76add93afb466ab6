//! What plugins count themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many names a plugin may have.
const NAMES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;

/// A number that a plugin keeps under a name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// It only grows.
    Counter(u64),
    Gauge(f64),
}

/// Why a number is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unobserved {
    Name,
    TooMany,
    Kind,
    NotFinite,
}

impl Unobserved {
    pub fn text(self) -> &'static str {
        match self {
            Self::Name => "its name is not 1 to 64 of a-z, 0-9 and _, beginning with a letter",
            Self::TooMany => "the plugin has 64 metrics already",
            Self::Kind => "it is counter and gauge",
            Self::NotFinite => "its value is no number",
        }
    }
}

/// Numbers by name. Those of one call, or all of a plugin.
#[derive(Debug, Default)]
pub struct Observations(BTreeMap<String, Observed>);

impl Observations {
    /// Adds to a counter, or sets a gauge.
    ///
    /// # Errors
    /// Why it is not kept.
    pub fn note(&mut self, name: &str, observed: Observed) -> Result<(), Unobserved> {
        if matches!(observed, Observed::Gauge(value) if !value.is_finite()) {
            return Err(Unobserved::NotFinite);
        }
        let is_full = self.0.len() >= NAMES_MAX;
        match (self.0.get_mut(name), observed) {
            (Some(Observed::Counter(all)), Observed::Counter(more)) => {
                *all = all.saturating_add(more);
            }
            (Some(Observed::Gauge(value)), Observed::Gauge(new)) => *value = new,
            (Some(_), _) => return Err(Unobserved::Kind),
            (None, _) if !is_name(name) => return Err(Unobserved::Name),
            (None, _) if is_full => return Err(Unobserved::TooMany),
            (None, _) => {
                self.0.insert(name.to_owned(), observed);
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(known)
}

/// The numbers of a plugin, over all its instances.
#[derive(Debug, Default)]
pub struct SharedObservations(Mutex<Observations>);

impl SharedObservations {
    /// Adds what a call has noted. Returns why any of it is not kept.
    pub fn add(&self, call: &Observations) -> Option<Unobserved> {
        let mut all = self.lock();
        let mut refused = None;
        for (name, observed) in &call.0 {
            refused = all.note(name, *observed).err().or(refused);
        }
        refused
    }

    pub fn get(&self) -> BTreeMap<String, Observed> {
        self.lock().0.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Observations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
