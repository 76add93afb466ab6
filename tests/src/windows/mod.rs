//! Windows, running aggregates and deduplication through the front door: whatever the parallelism
//! and however rows were cut into batches and epochs, a stream gives what a batch over the whole
//! input gives.

mod aggregates;
mod checks;
mod dedup;
mod late;
mod modes;
mod sessions;
mod streams;
mod triggers;
mod watermarks;

mod fixture;
