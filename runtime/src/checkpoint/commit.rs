//! What an epoch makes durable, and the tables that it goes to.

use std::collections::BTreeMap;

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::plan::Shapes;
use crate::sink::{Published, Staged};
use crate::source::Position;
use crate::state::Segment;
use crate::swap::{Deployed, SwapRecord};

pub(super) const META: TableDefinition<&str, &str> = TableDefinition::new("meta");
/// (source, partition) to a position as JSON.
pub(super) const POSITIONS: TableDefinition<(&str, &str), &str> = TableDefinition::new("positions");
/// (epoch, number) to staged output as JSON, until it is known to be published.
pub(super) const STAGED: TableDefinition<(u64, u32), &str> = TableDefinition::new("staged");
/// (epoch, number) to a segment of state changes as JSON, until it is merged.
pub(super) const SEGMENTS: TableDefinition<(u64, u32), &str> = TableDefinition::new("segments");
/// (step, source, partition) to the highest event time that the step has seen of it.
pub(super) const CLOCKS: TableDefinition<(&str, &str, &str), i64> = TableDefinition::new("clocks");
/// Step to its watermark.
pub(super) const WATERMARKS: TableDefinition<&str, i64> = TableDefinition::new("watermarks");
/// An epoch to its record as JSON, for the last epochs.
pub(super) const HISTORY: TableDefinition<u64, &str> = TableDefinition::new("history");
/// A swap's number to its record as JSON, for good.
pub(super) const SWAPS: TableDefinition<u64, &str> = TableDefinition::new("swaps");

/// Everything that an epoch makes durable.
#[derive(Debug, Default)]
pub struct Commit {
    pub epoch: Epoch,
    /// Source, partition, position.
    pub positions: Vec<(String, String, Position)>,
    /// What has moved on.
    pub clocks: Vec<Clock>,
    /// Step, watermark.
    pub watermarks: Vec<(String, i64)>,
    /// What has changed in the steps' state.
    pub segments: Vec<Segment>,
    /// Segments up to this epoch are no longer needed.
    pub merged: Epoch,
    pub staged: Vec<Staged>,
    /// Output of earlier epochs that is in sight by now.
    pub published: Vec<Published>,
    /// The digest of each plugin step's component.
    pub digests: BTreeMap<String, String>,
    /// What runs instead of what the pipeline file says.
    pub deployed: Deployed,
    /// Swaps that began or ended with the epoch.
    pub swaps: Vec<SwapRecord>,
    /// The form of the state.
    pub shapes: Shapes,
    /// One can go back so many epochs.
    pub keep: usize,
}

/// How far event time has come in one partition of a source, as a step sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    pub step: String,
    pub source: String,
    pub partition: String,
    /// The highest event time; `None` forgets the partition.
    pub seen: Option<i64>,
}

/// The highest event time seen, by source and partition.
pub type Clocks = BTreeMap<(String, String), i64>;
