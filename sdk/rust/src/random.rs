//! Random numbers; the step needs `grant = ["random"]`.
//!
//! Output that depends on them may differ when a row comes again after a failure. Where the
//! pipeline says `deterministic`, they follow from its seed and from the rows of the call.

/// A random number, each of them as likely as any other.
#[must_use]
pub fn number() -> u64 {
    #[cfg(target_family = "wasm")]
    return crate::bindings::millrace::plugin::random::number();
    // Good enough for a test: the standard library has no other randomness.
    #[cfg(not(target_family = "wasm"))]
    {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0_u64)
    }
}

/// So many random bytes, at most 65,536. More is a trap.
#[must_use]
pub fn bytes(length: u32) -> Vec<u8> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::millrace::plugin::random::bytes(length);
    #[cfg(not(target_family = "wasm"))]
    {
        assert!(length <= 65_536, "{length} random bytes at once: at most 65,536");
        let numbers = std::iter::repeat_with(|| number().to_le_bytes());
        numbers.flatten().take(length as usize).collect()
    }
}

/// A random number from 0 to 1, which is not reached.
#[must_use]
pub fn fraction() -> f64 {
    (number() >> 11) as f64 / (1_u64 << 53) as f64
}
