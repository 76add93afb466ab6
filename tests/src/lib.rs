//! Only a home for the tests in `main.rs` and the benchmarks in `../benches`.
