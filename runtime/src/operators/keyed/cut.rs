//! How work is cut into calls: where a state may have expired, and where a call has failed. Pure.

use super::call::Call;
use super::work::{Segment, Work};
use crate::plugin::Clock;

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

/// The parts of a call that are to be tried after it failed, in their order. `None` if it can't be
/// made smaller.
pub fn split(call: &Call, times: &[i64]) -> Option<Vec<Vec<Segment>>> {
    if let [only] = call.segments.as_slice() {
        let has_timers = !call.due.is_empty();
        let time = |row: u32| times.get(row as usize).copied().unwrap_or(only.until);
        return match only.rows() {
            0 => None,
            1 if !has_timers => None,
            1 => {
                // A row and its timers: the timers that come before it first.
                let timers = Segment { end: only.start, until: time(only.start), ..*only };
                match call
                    .due_of(0)
                    .iter()
                    .any(|due| due.clock == Clock::Processing || due.at <= timers.until)
                {
                    true => Some(vec![vec![timers], vec![*only]]),
                    // They all come after it.
                    false => {
                        let row = Segment { until: timers.until, ..*only };
                        let after = Segment { start: only.end, ..*only };
                        Some(vec![vec![row], vec![after]])
                    }
                }
            }
            rows => {
                let half = only.start + rows as u32 / 2;
                let first = Segment { end: half, until: time(half - 1), ..*only };
                Some(vec![vec![first], vec![Segment { start: half, ..*only }]])
            }
        };
    }
    let (first, second) = call.segments.split_at(call.segments.len() / 2);
    Some(vec![first.to_vec(), second.to_vec()])
}
