//! What the tests in `main.rs` and the benchmarks in `../benches` share.

#![allow(clippy::unwrap_used)]

pub mod broker;
