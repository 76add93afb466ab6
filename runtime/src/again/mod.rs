//! An epoch run once more, and its output compared with what was published.
//!
//! *Invariant:* the checkpoint and the output of the pipeline itself are only read.

mod limits;
mod output;

pub use limits::{limits, refusals};
pub use output::{Comparison, Difference, Verdict, compare};
