//! The rows of a key that are not older than the window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What is remembered of a key. Rows of one time are one entry, so that it grows with the
/// distinct times in the window and not with its rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    entries: VecDeque<Entry>,
    count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    time: i64,
    count: u32,
    sum: f64,
}

impl Window {
    /// Forgets rows before `time`.
    pub fn forget(&mut self, time: i64) {
        while let Some(entry) = self.entries.front()
            && entry.time < time
        {
            self.count -= u64::from(entry.count);
            self.entries.pop_front();
        }
    }

    /// Adds a row; times never go back.
    pub fn add(&mut self, time: i64, amount: f64) {
        self.count += 1;
        match self.entries.back_mut() {
            Some(last) if last.time == time => {
                last.count += 1;
                last.sum += amount;
            }
            _ => self.entries.push_back(Entry { time, count: 1, sum: amount }),
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Summed anew each time, from the oldest on: a running sum would keep the rounding errors of
    /// rows that have left, and the result would depend on how long ago the key was first seen.
    pub fn sum(&self) -> f64 {
        self.entries.iter().map(|entry| entry.sum).sum()
    }
}
