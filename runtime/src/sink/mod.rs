//! Where rows go: the contract, and one adapter per file.

mod connections;
mod console;
mod counted;
mod file;
mod format;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "parquet")]
mod parquet;
mod publish;

pub use connections::{Connections, Outcome, Session};
pub use publish::{Publisher, recover};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::config::SinkConfig;
use crate::epoch::Epoch;
use crate::error::Result;
use crate::metrics::Health;
#[cfg(not(feature = "kafka"))]
use crate::plan::ProbeKey;
use crate::plan::{Port, ProbeError, SinkPlan};
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
    Records(StagedRecords),
}

impl Staged {
    /// The sink's node.
    pub fn sink(&self) -> &str {
        match self {
            Self::File(file) => &file.sink,
            Self::Records(records) => &records.sink,
        }
    }

    /// Where it waits; nowhere any more once it is published.
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::File(file) => &file.staged,
            Self::Records(records) => &records.path,
        }
    }

    /// What it is called.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::File(file) => file.name.as_str().into(),
            Self::Records(records) => {
                records.path.file_name().unwrap_or_default().to_string_lossy()
            }
        }
    }

    pub fn rows(&self) -> u64 {
        match self {
            Self::File(file) => file.rows,
            Self::Records(records) => records.rows,
        }
    }

    pub fn crc32(&self) -> u32 {
        match self {
            Self::File(file) => file.crc32,
            Self::Records(records) => records.crc32,
        }
    }

    pub fn file(&self) -> Option<&StagedFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Records(_) => None,
        }
    }

    pub fn records(&self) -> Option<&StagedRecords> {
        match self {
            Self::File(_) => None,
            Self::Records(records) => Some(records),
        }
    }
}

/// Records that are in an open transaction, and here until it is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedRecords {
    /// The sink's node.
    pub sink: String,
    pub path: std::path::PathBuf,
    pub rows: u64,
    pub bytes: u64,
    pub crc32: u32,
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
    pub connections: Arc<Connections>,
    /// The epoch that begins.
    pub epoch: Epoch,
}

/// Whether a sink can be connected to by what the file says; nothing is connected to.
///
/// # Errors
/// The first mistake.
pub fn probe_sink(config: &SinkConfig, directory: &std::path::Path) -> Result<(), ProbeError> {
    match config {
        #[cfg(feature = "kafka")]
        SinkConfig::Kafka(config) => kafka::probe(config, directory),
        #[cfg(not(feature = "kafka"))]
        SinkConfig::Kafka(_) => {
            let _ = directory;
            let message = "this build of Millrace has no Kafka";
            Err(ProbeError::new(ProbeKey::Entry, message, "build it with the feature `kafka`"))
        }
        SinkConfig::File(_) | SinkConfig::Console(_) | SinkConfig::Null(_) => Ok(()),
    }
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
        #[cfg(feature = "kafka")]
        SinkPlan::Kafka(plan) => {
            let output = context.connections.kafka(name)?;
            Box::new(kafka::KafkaSink::new(name, plan, &input.schema, output, context))
        }
        #[cfg(not(feature = "kafka"))]
        SinkPlan::Kafka(_) => {
            return Err(crate::error::Error::config("this build of Millrace has no Kafka"));
        }
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
