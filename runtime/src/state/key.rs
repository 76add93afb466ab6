//! Key groups: the unit in which state moves between tasks when the parallelism changes.

use std::ops::RangeInclusive;

use xxhash_rust::xxh3::xxh3_64;

/// Fixed on disk from the first version: a change of parallelism moves groups and never rehashes
/// keys.
pub const KEY_GROUPS: usize = 256;

/// The group of a key, given as the bytes that [`RowCodec`](super::RowCodec) makes of it.
pub fn key_group(key: &[u8]) -> u8 {
    (xxh3_64(key) >> 56) as u8
}

/// Which of `tasks` tasks has a group: each has a range of about the same size.
pub fn task_of_group(group: u8, tasks: usize) -> usize {
    usize::from(group) * tasks / KEY_GROUPS
}

/// The groups of task `task` of `tasks`.
///
/// # Panics
/// If there are more tasks than groups, as then a task may have none.
pub fn groups_of_task(task: usize, tasks: usize) -> RangeInclusive<u8> {
    assert!(task < tasks && tasks <= KEY_GROUPS, "task {task} of {tasks} has no key groups");
    let first = (task * KEY_GROUPS).div_ceil(tasks);
    let next = ((task + 1) * KEY_GROUPS).div_ceil(tasks);
    first as u8..=(next - 1) as u8
}

/// An entry that never expires.
pub const NEVER: i64 = i64::MAX;

/// A key with its group. Window operators put the window before the user's key in `bytes`; the
/// group is always that of the user's key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    pub group: u8,
    pub bytes: &'a [u8],
}

/// A set of key groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyGroups([u64; 4]);

impl KeyGroups {
    /// Adds a group. Whether it is new.
    pub fn insert(&mut self, group: u8) -> bool {
        let (word, bit) = (usize::from(group >> 6), 1 << (group & 63));
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    pub fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..=255_u8).filter(move |g| self.0[usize::from(g >> 6)] & (1 << (g & 63)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEY_GROUPS, groups_of_task, task_of_group};

    #[test]
    fn every_group_has_one_task_and_every_task_a_range_of_groups() {
        for tasks in 1..=KEY_GROUPS {
            for task in 0..tasks {
                let groups = groups_of_task(task, tasks);
                let by_group = |group: &u8| task_of_group(*group, tasks) == task;
                assert_eq!(
                    groups.collect::<Vec<_>>(),
                    (0..=255).filter(by_group).collect::<Vec<_>>()
                );
            }
        }
    }
}
