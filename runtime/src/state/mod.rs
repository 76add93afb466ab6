//! What keyed steps remember: by step, key group and key.

mod key;
mod step;

pub use key::{KEY_GROUPS, key_group, task_of_group};
pub use step::{Changes, Key, NEVER, StepState};
