//! Crashes at every step that reaches the disk, full disks and killed processes: whatever happens,
//! the rows that come out are those of a run in which nothing happened.

mod epochs;
mod every_step;
mod full_disk;
mod kill;
mod stateful;

pub mod fixture;
mod published;

pub mod disk;
pub mod storage;
