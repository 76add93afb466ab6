//! Where rows go: the contract, and one adapter per file.

mod console;
mod counted;
mod file;
mod format;
mod instant;
#[cfg(feature = "parquet")]
mod parquet;
mod publish;

pub use publish::{Publisher, recover};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::epoch::Epoch;
use crate::error::Result;
use crate::metrics::Health;
use crate::plan::{Port, SinkPlan};
use crate::storage::Storage;

/// Writes one lane's rows of a sink.
///
/// The task calls `write` for each batch and `stage` once per epoch, after its last batch.
pub trait Sink: Send {
    /// Takes rows. They need not be durable, nor visible, when this returns.
    ///
    /// # Errors
    /// `Unavailable` makes the job start again from the last checkpoint; any other kind ends it.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Makes everything written since the last call durable, and says where it is. Once the
    /// epoch is committed, it is published; until then it must not be seen.
    ///
    /// # Errors
    /// As `write`.
    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Staged>>;
}

/// Durable output of an epoch that waits to be published. Part of the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Staged {
    File(StagedFile),
}

impl Staged {
    /// The sink's node.
    pub fn sink(&self) -> &str {
        let Self::File(file) = self;
        &file.sink
    }
}

/// A finished file beside the directory where it will be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// The sink's node.
    pub sink: String,
    pub staged: std::path::PathBuf,
    pub directory: std::path::PathBuf,
    /// The file's name once it is published, unless it is published together with others.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    pub crc32: u32,
}

/// Output that is in sight, all of it: of one sink from one epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    pub epoch: Epoch,
    /// The sink's node.
    pub sink: String,
}

/// What a sink is opened with.
#[derive(Clone)]
pub struct SinkContext {
    pub storage: Arc<dyn Storage>,
    /// Identifies the checkpoint: two pipelines never give two files the same name.
    pub id: String,
    pub lane: String,
    /// To say whether the sink's other side answers.
    pub health: Arc<Health>,
    /// The epoch that begins.
    pub epoch: Epoch,
}

/// Opens one lane of a sink for rows of `input`.
///
/// # Errors
/// If the place where it writes can't be made.
pub fn open(
    name: &str,
    plan: &SinkPlan,
    input: &Port,
    context: &SinkContext,
) -> Result<Box<dyn Sink>> {
    Ok(match plan {
        SinkPlan::File(plan) => Box::new(file::FileSink::open(name, plan, &input.schema, context)?),
        SinkPlan::Console(config) => Box::new(console::Console::new(config)),
        SinkPlan::Null => Box::new(Null),
    })
}

/// Forgets everything; the task counts.
struct Null;

impl Sink for Null {
    fn write(&mut self, _: &Batch) -> Result<()> {
        Ok(())
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Staged>> {
        Ok(Vec::new())
    }
}
