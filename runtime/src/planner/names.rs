//! Who can be read under which name.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::suggest;
use crate::plan::{Endpoint, Input};

/// The port that a bare name means.
pub const MAIN: &str = "main";
/// The port of refused rows, which every source and step has.
pub const ERRORS: &str = "errors";

/// The port of rows that came after their window was complete.
pub const LATE: &str = "late";

/// The port of rows that failed for a while, where a step has `retry`.
pub const FALLBACK: &str = "fallback";

/// All ports that exist so far, and which of them are read.
#[derive(Debug, Default)]
pub struct Names {
    /// All sources and steps, also those that could not be planned.
    declared: BTreeSet<String>,
    endpoints: BTreeMap<(String, String), Endpoint>,
    read: BTreeSet<(String, String)>,
}

/// Why a name means nothing.
#[derive(Debug)]
pub struct UnknownName {
    pub message: String,
    pub help: String,
}

impl Names {
    pub fn new(declared: impl IntoIterator<Item = String>) -> Self {
        Self { declared: declared.into_iter().collect(), ..Self::default() }
    }

    pub fn add(&mut self, step: &str, port: &str, endpoint: Endpoint) {
        self.endpoints.insert((step.to_owned(), port.to_owned()), endpoint);
    }

    /// What `reference` (`step` or `step.port`) means; it counts as read from then on.
    pub fn read(&mut self, reference: &str) -> Result<Endpoint, UnknownName> {
        let (step, port) = split(reference);
        let key = (step.to_owned(), port.to_owned());
        if let Some(endpoint) = self.endpoints.get(&key) {
            self.read.insert(key);
            return Ok(endpoint.clone());
        }
        let ports: Vec<&str> = self.ports(step).collect();
        if ports.is_empty() {
            let declared = self.declared.iter().map(String::as_str);
            let help =
                suggest(step, declared).unwrap_or_else(|| "name a source or a step".to_owned());
            return Err(UnknownName { message: format!("nothing is called `{step}`"), help });
        }
        let help = suggest(port, ports.iter().copied())
            .unwrap_or_else(|| format!("its ports: `{}`", ports.join("`, `")));
        Err(UnknownName { message: format!("`{step}` has no port `{port}`"), help })
    }

    /// Ports that nobody reads.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str, &Endpoint)> {
        let unread = self.endpoints.iter().filter(|(key, _)| !self.read.contains(*key));
        unread.map(|((step, port), endpoint)| (step.as_str(), port.as_str(), endpoint))
    }

    /// Everything that can be read, by step and port.
    pub fn inputs(&self) -> BTreeMap<(String, String), Vec<Input>> {
        let endpoints = self.endpoints.iter();
        endpoints.map(|(name, endpoint)| (name.clone(), endpoint.inputs.clone())).collect()
    }

    fn ports(&self, step: &str) -> impl Iterator<Item = &str> {
        let of_step = self.endpoints.keys().filter(move |(s, _)| s == step);
        of_step.map(|(_, port)| port.as_str())
    }
}

/// The step and the port of a reference.
pub fn split(reference: &str) -> (&str, &str) {
    reference.split_once('.').unwrap_or((reference, MAIN))
}

/// Whether a source, table, step, sink or port may be called so.
pub fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
