//! Fuzzing of what stands between a hostile guest and the host: schemas, columns, row numbers, errors,
//! states and timers that a guest returns. `fuzz_targets/output.rs` gives the bytes.

mod case;
mod check;

pub use case::Case;
pub use check::check;
