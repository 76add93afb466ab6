//! The words of a swap: what is asked for, what is tried, and what has become of it.
//!
//! A *part* is what can be swapped: a plugin step or a table, by its name in the pipeline file. The
//! *current* version of a part does its work; a *candidate* is on trial beside it.

mod bounds;
mod trial;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bounds::Bounds;
pub use trial::{Counted, Difference, Sample, Side, Trial, TrialReport};

/// What is to be swapped, for what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwapRequest {
    /// A step or table.
    pub part: String,
    /// Of a step: a name, `name@version`, a digest or a path; of a table: a path. None: as the
    /// pipeline file has it now.
    #[serde(default)]
    pub component: Option<String>,
    /// None: as it runs; with no `component` either, as the pipeline file has it now.
    #[serde(default)]
    pub config: Option<serde_json::Value>,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub bounds: Bounds,
    /// Who asks.
    #[serde(default)]
    pub by: String,
}

/// What the new version does at first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of the work. The old one stands by for as long as the bounds say.
    #[default]
    Full,
    /// This share of the rows or, of a keyed step, of the keys: above 0, up to 1.
    Canary { share: f64 },
    /// The same work as the old one, without effect; the differences are counted.
    Shadow,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the current version from now on.
    Promote,
    /// It is gone. Without a candidate: the version before the current one comes back.
    Rollback,
}

/// A version of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// As it was asked for: a component, or a table's path.
    pub name: String,
    /// SHA-256 of the component or of the table's file, in hexadecimal.
    pub digest: String,
    /// Of a step, as JSON.
    #[serde(default)]
    pub config: serde_json::Value,
}

/// A swap, from when it took effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwapRecord {
    /// Grows from swap to swap of a checkpoint.
    pub id: u64,
    pub part: String,
    pub by: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub from: Version,
    pub to: Version,
    pub mode: Mode,
    pub bounds: Bounds,
    /// The new version got its first row after the barrier of this epoch.
    pub epoch: u64,
    pub outcome: Outcome,
    /// How the trial ended.
    #[serde(default)]
    pub end: Option<SwapEnd>,
}

/// What has become of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The old one stands by, or works too.
    OnTrial,
    /// The new version does all of the work.
    Done,
    RolledBack,
    /// The pipeline file has another version since.
    Superseded,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwapEnd {
    pub epoch: u64,
    pub at_ms: i64,
    /// `millrace` where a bound or the end of the watch decided.
    pub by: String,
    pub reason: String,
    pub report: Option<TrialReport>,
}

/// What runs instead of what the pipeline file says, by part. Part of the checkpoint.
pub type Deployed = BTreeMap<String, Placed>;

/// What runs of one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    /// What the file said at the swap. Once it says something else, the file counts.
    pub file: Version,
    pub current: Version,
    /// What ran before, to go back to.
    pub previous: Option<Version>,
    pub candidate: Option<OnTrial>,
}

/// A candidate, as the checkpoint has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OnTrial {
    /// Of its swap.
    pub id: u64,
    pub version: Version,
    pub mode: Mode,
    pub bounds: Bounds,
    /// Milliseconds since 1970.
    pub since_ms: i64,
}

impl Version {
    /// Whether both do the same, whatever they are called. A table, which has no config, is its
    /// path: what it holds may change any time.
    pub fn is_same(&self, other: &Self) -> bool {
        match self.config.is_null() {
            true => self.name == other.name,
            false => self.digest == other.digest && self.config == other.config,
        }
    }
}

impl Mode {
    /// The time after which a candidate that did well is promoted by itself.
    pub fn promotes_after(self, bounds: &Bounds) -> Option<Duration> {
        match self {
            Self::Full => Some(Duration::from_millis(bounds.within_ms)),
            Self::Canary { .. } | Self::Shadow => None,
        }
    }

    /// How people write it.
    pub fn text(self) -> String {
        match self {
            Self::Full => "full".to_owned(),
            Self::Canary { share } => format!("canary {}%", share * 100.0),
            Self::Shadow => "shadow".to_owned(),
        }
    }
}
