//! The time; the step needs `grant = ["clock"]`. Under `cargo test` it is the machine's.
//!
//! Output that depends on it may differ when a row comes again after a failure. Where the pipeline
//! says `deterministic`, it is the highest event time of the call.

/// Microseconds since 1970, UTC.
#[must_use]
pub fn now() -> i64 {
    #[cfg(target_family = "wasm")]
    return crate::bindings::millrace::plugin::clock::now();
    #[cfg(not(target_family = "wasm"))]
    {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as i64)
    }
}
