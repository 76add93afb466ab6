//! How much a plugin may write into the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bounds hold for so long, and then anew.
const WINDOW: Duration = Duration::from_secs(1);

/// Lines and bytes in a second, of all instances of a plugin.
#[derive(Debug)]
pub struct LogQuota {
    pub lines_max: u64,
    pub bytes_max: u64,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    lines: u64,
    bytes: u64,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    Write,
    /// It is the first one that is dropped in this second.
    DropFirst,
    Drop,
}

impl LogQuota {
    pub fn new(lines_max: u64, bytes_max: u64) -> Self {
        Self { lines_max, bytes_max, window: Mutex::default() }
    }

    /// Rules on a line of so many bytes. Also returns how many lines were dropped in the last
    /// second, once that is over.
    pub fn rule(&self, bytes: u64, now: Instant) -> (Ruling, u64) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = 0;
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            dropped = window.dropped;
            *window = Window { since: Some(now), ..Window::default() };
        }
        let fits = window.lines < self.lines_max && window.bytes + bytes <= self.bytes_max;
        if fits && window.dropped == 0 {
            window.lines += 1;
            window.bytes += bytes;
            return (Ruling::Write, dropped);
        }
        window.dropped += 1;
        (if window.dropped == 1 { Ruling::DropFirst } else { Ruling::Drop }, dropped)
    }

    /// How many lines were dropped that nobody was told of.
    pub fn untold(&self) -> u64 {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }
}
