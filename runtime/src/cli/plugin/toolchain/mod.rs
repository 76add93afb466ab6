//! What compiles plugins on this machine.

mod pinned;
mod rust;

pub use pinned::{Tools, cache, npm, python};
pub use rust::{Rust, TARGET};
