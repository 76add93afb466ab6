//! What one task has done in an epoch, in numbers: exactly that of the epoch, while counters of the
//! job go on.

use crate::plan::Input;
use crate::state::StateTally;

/// One task's part of an epoch.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rows by the port that gave them. Sinks have no ports: what they took is at port 0.
    pub rows: Vec<(Input, u64)>,
    pub times: TimeTally,
    /// The step with state that the task runs, and what has changed in its state.
    pub state: Option<(usize, StateTally)>,
}

/// The event times of the rows of an epoch, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeTally {
    pub rows: u64,
    pub min: i64,
    pub max: i64,
    /// Of all of them: a sum would not fit.
    pub average: f64,
}

impl TimeTally {
    /// With these times; nulls are not among them.
    pub fn note(&mut self, times: impl Iterator<Item = i64> + Clone) {
        let Some(first) = times.clone().next() else { return };
        let (mut rows, mut min, mut max, mut beyond) = (0_u64, first, first, 0_i64);
        for time in times {
            rows += 1;
            min = min.min(time);
            max = max.max(time);
            // Times of a batch are near each other; where they are not, the average alone is wrong.
            beyond = beyond.wrapping_add(time.wrapping_sub(first));
        }
        let average = first as f64 + beyond as f64 / rows as f64;
        self.add(Self { rows, min, max, average });
    }

    /// With those of others.
    pub fn add(&mut self, other: Self) {
        if other.rows == 0 {
            return;
        }
        if self.rows == 0 {
            *self = other;
            return;
        }
        let rows = self.rows + other.rows;
        let share = other.rows as f64 / rows as f64;
        self.average += (other.average - self.average) * share;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.rows = rows;
    }
}
