//! The threads of a job: lanes, which read a source, and keyed tasks, which have the state of a
//! step for some of its keys. Both push rows through a chain of nodes.

mod chain;
mod clock;
mod exchange;
mod keyed;
mod lane;
mod tally;

pub use chain::{Chain, Part, Stage};
pub use clock::Clock;
pub use exchange::{Exchange, channel};
pub use keyed::{KeyedTask, now};
pub use lane::{Lane, Pace};
pub use tally::{Tally, TimeTally};

use std::sync::Arc;

use crate::batch::Batch;
use crate::checkpoint::{self, TaskId};
use crate::epoch::Epoch;
use crate::error::Error;
use crate::plan::Deployment;
use crate::sink::Staged;
use crate::source::Position;
use crate::state::Segment;
use crate::time::Watermark;
use crate::watermark::InputTime;

/// Between two epochs.
#[derive(Debug, Clone)]
pub struct Barrier {
    pub epoch: Epoch,
    /// The task ends after it.
    pub last: bool,
    /// The versions of a part that run from here on.
    pub deployment: Option<Arc<Deployment>>,
}

/// What the coordinator tells a lane.
#[derive(Debug, Clone)]
pub enum Control {
    Barrier(Barrier),
    /// Read all that there is.
    Go,
}

/// What goes from task to task.
#[derive(Debug)]
pub enum Message {
    Rows(Batch),
    /// Event time has moved on, after all rows sent before.
    Time(InputTime),
    Barrier(Barrier),
}

/// What a task tells the coordinator.
#[derive(Debug)]
pub enum Report {
    Staged {
        task: TaskId,
        part: Box<EpochPart>,
    },
    /// A lane has read all that there is, or (`more`) all that the epoch may hold.
    Drained {
        task: TaskId,
        more: bool,
    },
    /// A lane's source is at its end.
    Finished {
        task: TaskId,
    },
    Failed {
        error: Error,
    },
}

/// One task's share of an epoch, durable but for the commit.
#[derive(Debug, Default)]
pub struct EpochPart {
    pub positions: Vec<(String, Position)>,
    pub clocks: Vec<checkpoint::Clock>,
    pub staged: Vec<Staged>,
    pub segment: Option<Segment>,
    /// The step with state that the task runs, and the watermark it has reached.
    pub reached: Option<(String, Watermark)>,
    pub tally: Tally,
}
