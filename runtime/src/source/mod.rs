//! Where rows come from: the contract, and one adapter per file.

mod file;
mod generator;
mod given;
mod identity;
#[cfg(feature = "kafka")]
mod kafka;
mod lines;
#[cfg(feature = "parquet")]
mod parquet_file;
mod probe;
mod replay;
mod socket;
mod stdin;
mod stream;

pub use file::{Records, glob_files};
pub use generator::schema as generator_schema;
pub use identity::Identity;
#[cfg(feature = "parquet")]
pub use parquet_file::rows as parquet_rows;
pub use probe::{probe_file, probe_source};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Partition};
use crate::config::{SourceConfig, Trigger};
use crate::error::{Error, Result};
use crate::metrics::{Health, SourceMetrics};
use crate::plan::SourcePlan;

/// What a source has for its task.
#[derive(Debug)]
pub enum Poll {
    /// Rows of one partition.
    Batch(Batch),
    /// Rows that could not even be framed, as dead letters.
    Errors(Batch),
    /// Rows of one partition, and from between them rows as dead letters: one epoch has both.
    Mixed { rows: Batch, errors: Batch },
    /// Nothing within the time to wait: all that there is has been read.
    Pending,
    /// Nothing within the time to wait, and not because all has been read: the other side is
    /// being asked, or does not answer.
    Waiting,
    /// No more in this epoch.
    Full,
    /// No more in this run, which ends where an earlier one had come to: [`Until`].
    Reached,
    /// Nothing any more. Every later poll says the same.
    Finished,
}

/// Reads one lane of a source.
///
/// The task calls `poll` again and again, and `barrier` once per epoch between two polls. What was
/// returned before `barrier` belongs to the epoch, what comes after it to the next.
pub trait Source: Send {
    /// The next rows. Returns after about `wait` if there are none.
    ///
    /// # Errors
    /// `Unavailable` makes the job start again from the last checkpoint; any other kind ends it.
    fn poll(&mut self, wait: Duration) -> Result<Poll>;

    /// How far each partition has been read that changed since the last call. Also the moment at
    /// which limits per epoch begin anew.
    fn barrier(&mut self) -> Vec<(String, Position)>;

    /// Which partitions hold event time back. Called after a poll, where event time matters.
    fn activity(&self) -> Activity;
}

/// What a lane is reading.
#[derive(Debug, Default)]
pub struct Activity {
    /// Partitions that were begun and are not at their end.
    pub reading: Vec<Reading>,
    /// Whether it knows of partitions that it has not begun, of which rows may be of any time.
    pub unread: bool,
}

/// A partition that is being read.
#[derive(Debug)]
pub struct Reading {
    pub partition: Arc<Partition>,
    /// Since when every poll of this partition has found it empty; `None` if the last one gave
    /// rows. Time during which it was not polled does not count.
    pub empty_since: Option<Instant>,
}

impl Reading {
    pub fn busy(partition: Arc<Partition>) -> Self {
        Self { partition, empty_since: None }
    }
}

/// How far a partition has been read. Only its source knows what the fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Rows that came before.
    pub rows: u64,
    /// Bytes that came before, where the source counts them.
    pub offset: u64,
    /// Whether the partition is at its end for good.
    pub done: bool,
    /// Which one of the partitions it is that have had this name, where the source can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Identity>,
}

/// Positions by partition, from the last checkpoint.
pub type Positions = BTreeMap<String, Position>;

/// Where an epoch ended that is run once more: nothing beyond it is read.
#[derive(Debug, Clone, Default)]
pub struct Until {
    /// Of all partitions that were begun.
    pub positions: Positions,
    /// When the epoch was committed, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What is opened of a source.
pub struct Opened {
    /// The reader of each lane.
    pub lanes: Vec<Box<dyn Source>>,
    pub follower: Option<Box<dyn Follower>>,
}

/// Hears what was committed of a source's positions, to tell the outside how far it was read. What
/// it tells decides nothing: the checkpoint alone says where a source goes on.
///
/// The coordinator calls `committed` after each epoch's commit, the last one included, and drops
/// the follower at the end of the job, after the lanes. Dropping it waits, for a bounded time,
/// until what was committed last is told.
pub trait Follower: Send {
    /// These positions have changed. Returns at once; what fails is logged.
    fn committed(&self, positions: &[(String, Position)]);
}

/// Whether a source can be read once more, up to where it had come at some epoch.
pub fn can_end_anywhere(plan: &SourcePlan) -> bool {
    match plan {
        SourcePlan::Config(SourceConfig::File(_) | SourceConfig::Generator(_)) => true,
        SourcePlan::Config(
            SourceConfig::Kafka(_) | SourceConfig::Stdin(_) | SourceConfig::Socket(_),
        )
        | SourcePlan::Replay(_) => false,
    }
}

/// Opens the readers of all lanes.
///
/// # Errors
/// `Unavailable` if the source can't be reached, which makes the job start again; `Config` if what
/// is to be read is not there.
pub fn open(name: &str, plan: &SourcePlan, context: &OpenContext) -> Result<Opened> {
    let lanes = match plan {
        #[cfg(feature = "kafka")]
        SourcePlan::Config(SourceConfig::Kafka(config)) => {
            return kafka::open(name, config, context);
        }
        _ => open_lanes(name, plan, context)?,
    };
    Ok(Opened { lanes, follower: None })
}

fn open_lanes(
    name: &str,
    plan: &SourcePlan,
    context: &OpenContext,
) -> Result<Vec<Box<dyn Source>>> {
    let boxed = |source: Box<dyn Source>| vec![source];
    Ok(match plan {
        SourcePlan::Config(SourceConfig::File(config)) => file::open(name, config, context)?,
        SourcePlan::Config(SourceConfig::Generator(config)) => {
            generator::open(name, config, context)
        }
        SourcePlan::Config(SourceConfig::Stdin(config)) => {
            boxed(Box::new(stdin::open(name, config, context)))
        }
        SourcePlan::Config(SourceConfig::Socket(config)) => {
            boxed(Box::new(socket::open(name, config, context)?))
        }
        SourcePlan::Config(SourceConfig::Kafka(_)) => {
            return Err(Error::config(
                "this build of Millrace has no Kafka: build it with the feature `kafka`",
            ));
        }
        SourcePlan::Replay(replay) => boxed(Box::new(replay::open(name, replay, context)?)),
    })
}

/// What a source is opened with.
pub struct OpenContext<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// Relative paths start here.
    pub directory: &'a std::path::Path,
    pub lanes: usize,
    pub batch_rows: usize,
    pub trigger: Trigger,
    pub positions: &'a Positions,
    /// Only of sources that can end anywhere: [`can_end_anywhere`].
    pub until: Option<&'a Until>,
    /// The schema of the rows that it gives.
    pub schema: arrow::datatypes::SchemaRef,
    /// The schema of these rows once they are decoded.
    pub columns: arrow::datatypes::SchemaRef,
    /// To say whether the source's other side answers.
    pub health: Arc<Health>,
    /// To say how far it is behind.
    pub metrics: Arc<SourceMetrics>,
}
