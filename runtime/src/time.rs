//! Event time: microseconds since 1970, UTC.

use serde::{Deserialize, Serialize};

/// Up to where a stream is complete: no row that is not late has an event time before it.
///
/// Monotone wherever it is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Watermark(pub i64);

impl Watermark {
    /// Nothing is known yet.
    pub const NONE: Self = Self(i64::MIN);
    /// No row will ever come.
    pub const END: Self = Self(i64::MAX);

    /// What the watermark is once a row of the time `seen` was read, `delay` microseconds of
    /// disorder being expected.
    #[must_use]
    pub fn behind(seen: i64, delay: i64) -> Self {
        Self(seen.saturating_sub(delay))
    }

    /// The watermark of a stream whose times lag `lag` microseconds behind this one's.
    #[must_use]
    pub fn lagging(self, lag: i64) -> Self {
        match self {
            Self::NONE | Self::END => self,
            Self(time) => Self(time.saturating_sub(lag)),
        }
    }
}
