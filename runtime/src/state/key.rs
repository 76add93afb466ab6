//! Key groups: the unit in which state moves between tasks when the parallelism changes.

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
