//! Which columns of a stream hold event time, and by how much they lag behind its watermark.

use std::collections::BTreeMap;

/// The columns of a stream that hold event time, by index.
pub type Times = BTreeMap<usize, TimeColumn>;

/// What a column says of time. All lengths are in microseconds.
///
/// A column that lags `lag` behind: rows that come after the watermark `w`, and are not late, have
/// a time of at least `w - lag` there. The end of a window that is sent on when the watermark
/// reaches it lags -1: later rows have later ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeColumn {
    Time {
        lag: i64,
    },
    /// A window, `struct<start, end>`.
    Window {
        /// `None`: nothing bounds the start, as of a session.
        start: Option<i64>,
        end: i64,
    },
}

impl TimeColumn {
    /// Of a window of `size` (`None`: any) over a time that lags `lag`.
    pub fn window(size: Option<i64>, lag: i64) -> Self {
        let start = size.map(|size| lag.saturating_add(size - 1));
        Self::Window { start, end: lag - 1 }
    }

    /// Of rows that come so many microseconds later.
    #[must_use]
    pub fn later(self, by: i64) -> Self {
        match self {
            Self::Time { lag } => Self::Time { lag: lag + by },
            Self::Window { start, end } => {
                Self::Window { start: start.map(|start| start + by), end: end + by }
            }
        }
    }

    /// Of rows of both kinds. `None` if they don't go together.
    fn both(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Time { lag: a }, Self::Time { lag: b }) => Some(Self::Time { lag: a.max(b) }),
            (Self::Window { start: a, end: b }, Self::Window { start: c, end: d }) => {
                let start = a.zip(c).map(|(a, c)| a.max(c));
                Some(Self::Window { start, end: b.max(d) })
            }
            (Self::Time { .. }, Self::Window { .. }) | (Self::Window { .. }, Self::Time { .. }) => {
                None
            }
        }
    }
}

/// The times of rows that come from either stream.
pub fn union(left: &Times, right: &Times) -> Times {
    let both = |(at, time): (&usize, &TimeColumn)| {
        let time = right.get(at).and_then(|other| time.both(*other))?;
        Some((*at, time))
    };
    left.iter().filter_map(both).collect()
}

/// The times of a stream whose columns are those of another: `columns` has their indices there.
pub fn picked(times: &Times, columns: impl IntoIterator<Item = Option<usize>>) -> Times {
    let columns = columns.into_iter().enumerate();
    columns.filter_map(|(to, from)| Some((to, *times.get(&from?)?))).collect()
}
