//! Questions about a checkpoint, answered from its files or by the process that runs the pipeline,
//! and about that process.

mod answer;
mod decode;
mod socket;
mod status;

pub use answer::{View, answer, verify};
pub use socket::{Server, ask};
pub use status::{DownNode, Readiness, Restarts, Status};

use serde::{Deserialize, Serialize};

/// What is asked. The answer is a number of JSON objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case", deny_unknown_fields)]
pub enum Query {
    /// Whether the job does its work. Only a process that runs it can say.
    Ready,
    /// The epochs that one can go back to, the latest last.
    Epochs,
    /// The parts of the checkpoint, each with what is wrong with it.
    Verify,
    /// The steps with state.
    Steps,
    /// Entries of a step; all without a limit.
    Entries { step: String, limit: Option<u64> },
    /// The entries of one key.
    Get { step: String, key: String },
    /// How much state there is, of one step or of each.
    Stats { step: Option<String> },
}
