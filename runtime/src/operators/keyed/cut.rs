//! How work is cut into calls: where a state may have expired, and where a search says so. Pure.

use std::ops::Range;

use super::work::{Segment, Work};

/// The segments of work on a state that expires: each key's in turn, cut where it may have expired
/// between two rows, or between a timer and the row after it.
pub fn layers(work: &Work, ttl: i64, has_timers: bool) -> Vec<Vec<Segment>> {
    let is_close = |segment: &Segment| {
        let own = work.times.get(segment.start as usize..segment.end as usize).unwrap_or_default();
        own.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) < ttl)
    };
    if !has_timers && work.segments.iter().all(is_close) {
        return vec![work.segments.clone()];
    }
    let mut layers: Vec<Vec<Segment>> = Vec::new();
    for segment in &work.segments {
        let mut parts: Vec<Segment> = Vec::new();
        let times = &work.times;
        let time = |row: u32| times.get(row as usize).copied();
        let first = time(segment.start).filter(|_| segment.rows() > 0 && has_timers);
        if let Some(first) = first {
            parts.push(Segment { end: segment.start, until: first, ..*segment });
        }
        let mut rest = *segment;
        for row in segment.start + 1..segment.end {
            let (Some(before), Some(after)) = (time(row - 1), time(row)) else { continue };
            if after.saturating_sub(before) >= ttl {
                parts.push(Segment { end: row, until: before, ..rest });
                let timers = Segment { start: row, end: row, until: after, ..rest };
                parts.push(timers);
                rest.start = row;
            }
        }
        parts.push(rest);
        for (at, part) in parts.into_iter().enumerate() {
            if layers.len() == at {
                layers.push(Vec::new());
            }
            layers[at].push(part);
        }
    }
    layers
}

/// The places at which work may be cut into calls, so that a search can count them: before each row
/// of a segment there is one for the timers that come before it, and one behind the last row.
pub struct Slots {
    /// The first slot beyond each segment.
    ends: Vec<usize>,
}

impl Slots {
    pub fn of(segments: &[Segment]) -> Self {
        let mut end = 0;
        let next = |segment: &Segment| {
            end += 2 * segment.rows() + 1;
            end
        };
        Self { ends: segments.iter().map(next).collect() }
    }

    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// What lies in the slots `range` of `segments`, whose rows have these times or none.
    pub fn cut(&self, range: Range<usize>, segments: &[Segment], times: &[i64]) -> Vec<Segment> {
        if range == (0..self.len()) {
            return segments.to_vec();
        }
        let first = self.ends.partition_point(|end| *end <= range.start);
        let count = self.ends[first..].partition_point(|end| *end < range.end) + 1;
        let own = segments[first..].iter().take(count).enumerate();
        own.map(|(at, segment)| {
            let slots = 2 * segment.rows() + 1;
            let base = self.ends[first + at] - slots;
            let start = range.start.saturating_sub(base);
            let end = (range.end - base).min(slots);
            let time = |row: usize| times.get(segment.start as usize + row).copied();
            let until = match end {
                end if end == slots => None,
                // The timers before a row, or up to the row before.
                end if end % 2 == 1 => time(end / 2),
                end => time(end / 2 - 1),
            };
            Segment {
                start: segment.start + (start / 2) as u32,
                end: segment.start + (end / 2) as u32,
                until: until.unwrap_or(segment.until),
                ..*segment
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever work is cut in two, both parts together have each row once and all timers in turn.
    #[test]
    fn two_parts_are_the_whole() {
        let segment = |key, start, end, until| Segment { key, start, end, until };
        let segments = [segment(7, 0, 3, 40), segment(8, 3, 3, 50), segment(9, 3, 5, 60)];
        let times = [10, 20, 30, 11, 21];
        let slots = Slots::of(&segments);
        assert_eq!(slots.len(), 7 + 1 + 5);
        for middle in 1..slots.len() {
            let first = slots.cut(0..middle, &segments, &times);
            let second = slots.cut(middle..slots.len(), &segments, &times);
            for whole in segments {
                let mut parts = first.iter().chain(&second).filter(|part| part.key == whole.key);
                let a = parts.next().unwrap();
                let b = parts.next().copied().unwrap_or(Segment { start: whole.end, ..*a });
                assert_eq!((a.start, a.end, b.end), (whole.start, b.start, whole.end));
                assert_eq!((b.until, parts.next()), (whole.until, None));
                let before = whole.start.max(a.end.saturating_sub(1)) as usize;
                assert!(a.rows() == 0 || a.until >= times[before]);
                assert!(b.rows() == 0 || a.key != b.key || a.until <= times[b.start as usize]);
            }
        }
        let one = slots.cut(3..4, &segments, &times);
        assert_eq!(one, [segment(7, 1, 2, 20)]);
    }
}
