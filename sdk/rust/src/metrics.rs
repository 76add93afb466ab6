//! Numbers for the operator of the pipeline; the step needs `grant = ["metrics"]`. Under
//! `cargo test` they go to standard error.
//!
//! What a call notes counts once the call has succeeded. A name has 1 to 64 of a-z, 0-9 and _, and
//! begins with a letter; a plugin has at most 64 of them. Each call crosses the boundary: add up
//! first, and call once a batch.

/// Adds to the counter of this name.
pub fn count(name: &str, amount: u64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::millrace::plugin::metrics::count(name, amount);
    #[cfg(not(target_family = "wasm"))]
    eprintln!("count {name} {amount}");
}

/// Sets the gauge of this name.
pub fn gauge(name: &str, value: f64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::millrace::plugin::metrics::gauge(name, value);
    #[cfg(not(target_family = "wasm"))]
    eprintln!("gauge {name} {value}");
}
