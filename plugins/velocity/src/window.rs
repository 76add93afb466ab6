//! The rows of a key that are not older than the window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What is remembered of a key. Rows of one time are one entry, so that it grows with the
/// distinct times in the window and not with its rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    entries: VecDeque<Entry>,
    count: u64,
    sum: Fixed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    time: i64,
    count: u32,
    sum: Fixed,
}

impl Window {
    /// Forgets rows before `time`.
    pub fn forget(&mut self, time: i64) {
        while let Some(entry) = self.entries.front()
            && entry.time < time
        {
            self.count -= u64::from(entry.count);
            self.sum = self.sum.minus(entry.sum);
            self.entries.pop_front();
        }
    }

    /// Adds a row; times never go back.
    pub fn add(&mut self, time: i64, amount: f64) {
        let amount = Fixed::of(amount);
        self.count += 1;
        self.sum = self.sum.plus(amount);
        match self.entries.back_mut() {
            Some(last) if last.time == time => {
                last.count += 1;
                last.sum = last.sum.plus(amount);
            }
            _ => self.entries.push_back(Entry { time, count: 1, sum: amount }),
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> f64 {
        self.sum.value()
    }
}

/// A number with 64 binary places. A running sum of floating-point numbers would keep the rounding
/// errors of rows that have left; these come and go without a trace, in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Fixed(i128);

const PLACES: f64 = 18_446_744_073_709_551_616.0;

impl Fixed {
    /// The number nearest to `value` within +-9.2e18; what is no number counts as 0.
    fn of(value: f64) -> Self {
        Self((value * PLACES) as i128)
    }

    fn value(self) -> f64 {
        self.0 as f64 / PLACES
    }

    /// Sums that overflow on the way come back as the numbers that made them leave.
    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}
