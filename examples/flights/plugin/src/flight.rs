//! One flight: how late it was, and where the time was lost.

use millrace_plugin::prelude::*;

/// The longest delay that can count as punctual: a day.
pub const MINUTES_MAX: i64 = 24 * 60;

/// A delay of so many times what counts as late is severe.
const SEVERE_FACTOR: i64 = 4;

/// Climb and approach take this long, whatever the distance.
const AIR_MINUTES_FIXED: f64 = 18.5;
/// And each mile between takes so long. Both were fitted to the flights of 2013 from New York.
const AIR_MINUTES_PER_MILE: f64 = 0.126;

/// What is known of a flight that arrived. The order is that in which missing values are noticed.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Flight {
    /// Minutes from the scheduled to the actual departure; negative if early.
    pub dep_delay: i64,
    /// Minutes from the scheduled to the actual arrival; negative if early.
    pub arr_delay: i64,
    /// Minutes in the air.
    pub air_time: i64,
    /// Miles between the airports.
    pub distance: i64,
}

/// What follows from it: the columns that the plugin adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoColumns)]
pub struct Verdict {
    /// `early`, `on_time`, `late` or `severe`.
    pub delay_class: &'static str,
    /// Of a late flight: `departure`, `air` or `ground`.
    pub likely_cause: Option<&'static str>,
}

impl Verdict {
    pub fn is_late(&self) -> bool {
        self.likely_cause.is_some()
    }
}

impl Flight {
    /// Judges a flight that is late from `minutes` after its scheduled arrival on.
    pub fn judge(self, minutes: i64) -> Verdict {
        let delay_class = match self.arr_delay {
            ..0 => "early",
            delay if delay < minutes => "on_time",
            delay if delay < minutes * SEVERE_FACTOR => "late",
            _ => "severe",
        };
        let is_late = self.arr_delay >= minutes;
        Verdict { delay_class, likely_cause: is_late.then(|| self.likely_cause()) }
    }

    /// Where most of the delay arose: before the departure, in the air if the flight was slow for
    /// its distance, or else on the ground, on the way to the runway or from it.
    fn likely_cause(self) -> &'static str {
        let lost_on_the_way = self.arr_delay as f64 - self.dep_delay as f64;
        if lost_on_the_way <= self.dep_delay as f64 {
            "departure"
        } else if self.minutes_slow() >= lost_on_the_way / 2.0 {
            "air"
        } else {
            "ground"
        }
    }

    /// Minutes in the air beyond what the distance takes.
    fn minutes_slow(self) -> f64 {
        self.air_time as f64 - AIR_MINUTES_FIXED - AIR_MINUTES_PER_MILE * self.distance as f64
    }
}
