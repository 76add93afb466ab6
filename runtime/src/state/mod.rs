//! What keyed steps remember: by step, key group and key.

mod backend;
mod covers;
mod entries;
mod expiry;
mod limits;
mod memory;
mod merger;
mod step;

mod base;
mod merge;

mod changes;
mod segment;

mod key;
mod rows;

pub use backend::{
    CommittedState, StateBackend, StateOptions, StateStats, can_rewind, first_damaged, verify,
};
pub use changes::{Changes, StateTally};
pub use key::{KEY_GROUPS, Key, KeyGroups, NEVER, groups_of_task, key_group, task_of_group};
pub use memory::Pressure;
pub use rows::{EncodedRows, RowCodec};
pub use segment::{Segment, state_directory};
pub use step::StepState;
