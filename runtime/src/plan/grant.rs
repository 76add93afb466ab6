//! What a plugin may use of the host: by default nothing.

use std::fmt;

use serde::Deserialize;

/// An interface of the host that a pipeline may grant to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    Log,
    Metrics,
    Clock,
    Random,
}

impl Grant {
    pub const ALL: [Self; 4] = [Self::Log, Self::Metrics, Self::Clock, Self::Random];

    /// As pipeline files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Metrics => "metrics",
            Self::Clock => "clock",
            Self::Random => "random",
        }
    }

    /// The interface of the contract.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Log => "millrace:plugin/log@0.1.0",
            Self::Metrics => "millrace:plugin/metrics@0.1.0",
            Self::Clock => "millrace:plugin/clock@0.1.0",
            Self::Random => "millrace:plugin/random@0.1.0",
        }
    }

    /// Whether what a plugin returns may come to depend on more than its input.
    pub fn is_impure(self) -> bool {
        match self {
            Self::Clock | Self::Random => true,
            Self::Log | Self::Metrics => false,
        }
    }
}

/// Some of the grants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants([bool; Grant::ALL.len()]);

impl Grants {
    pub const EVERYTHING: Self = Self([true; Grant::ALL.len()]);

    pub fn add(&mut self, grant: Grant) {
        self.0[grant as usize] = true;
    }

    pub fn has(self, grant: Grant) -> bool {
        self.0[grant as usize]
    }

    pub fn iter(self) -> impl Iterator<Item = Grant> {
        Grant::ALL.into_iter().filter(move |grant| self.has(*grant))
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        self.iter().filter(|grant| !other.has(*grant)).collect()
    }

    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        let mut all = Self::default();
        grants.into_iter().for_each(|grant| all.add(grant));
        all
    }
}

/// As a list of names.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Grant::name).collect();
        f.write_str(&names.join(", "))
    }
}
