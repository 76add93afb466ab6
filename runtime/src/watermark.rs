//! How far event time has come, decided from what is known of partitions and inputs. Pure.

use std::time::{Duration, Instant};

use crate::time::Watermark;

/// What one input says of its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputTime {
    /// Complete up to here.
    At(Watermark),
    /// There is nothing to wait for: others need not.
    Idle,
}

impl InputTime {
    /// The time of a stream that both of these flow into.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(at), Self::Idle) | (Self::Idle, Self::At(at)) => Self::At(at),
            (Self::Idle, Self::Idle) => Self::Idle,
        }
    }
}

/// A partition that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionTime {
    /// Its highest event time so far.
    pub seen: Option<i64>,
    /// Since when all polls found it empty. `None` if the last poll gave rows, or if it could not
    /// be polled since: a busy reader does not make a partition idle.
    pub empty_since: Option<Instant>,
}

/// The time of a source from its partitions. A partition of which nothing was seen holds the
/// time back, and so do partitions that are known and not begun (`unread`), as their rows may be
/// of any time; only idle ones do not. The second value is the index of the partition that holds
/// the time back.
pub fn of_partitions(
    partitions: &[PartitionTime],
    unread: bool,
    (delay, idle): (i64, Duration),
    now: Instant,
) -> (InputTime, Option<usize>) {
    if unread {
        return (InputTime::At(Watermark::NONE), None);
    }
    let is_idle = |partition: &PartitionTime| {
        partition.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= idle)
    };
    let time = |partition: &PartitionTime| {
        partition.seen.map_or(Watermark::NONE, |seen| Watermark::behind(seen, delay))
    };
    let busy = partitions.iter().enumerate().filter(|(_, partition)| !is_idle(partition));
    match busy.map(|(at, partition)| (time(partition), at)).min() {
        Some((watermark, at)) => (InputTime::At(watermark), Some(at)),
        None => (InputTime::Idle, None),
    }
}

/// The watermark over several inputs: the lowest of those that are not idle. It never falls.
#[derive(Debug, Clone)]
pub struct Watermarks {
    inputs: Vec<InputTime>,
    reached: Watermark,
}

impl Watermarks {
    /// Starts at `reached`, from the last checkpoint; no input has said anything yet.
    pub fn new(inputs: usize, reached: Watermark) -> Self {
        Self { inputs: vec![InputTime::At(Watermark::NONE); inputs], reached }
    }

    /// Takes what an input says. The new watermark, if it has moved on.
    pub fn hear(&mut self, input: usize, time: InputTime) -> Option<Watermark> {
        self.inputs[input] = time;
        match self.time() {
            InputTime::At(watermark) if watermark > self.reached => {
                self.reached = watermark;
                Some(watermark)
            }
            InputTime::At(_) | InputTime::Idle => None,
        }
    }

    /// The time of all inputs together, for those who come after.
    pub fn time(&self) -> InputTime {
        let together = self.inputs.iter().copied().reduce(InputTime::min);
        match together.unwrap_or(InputTime::Idle) {
            InputTime::At(watermark) => InputTime::At(watermark.max(self.reached)),
            InputTime::Idle => InputTime::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);
    const DELAY: i64 = 10;

    /// All partitions in every state that matters, up to three of them: the result is the lowest
    /// time of those that are not idle, and nothing that is unknown is overtaken.
    #[test]
    fn every_mix_of_partitions_gives_the_lowest_time_that_is_not_idle() {
        let start = Instant::now();
        let now = start + 2 * IDLE;
        let seen = [None, Some(5), Some(100), Some(i64::MIN), Some(i64::MAX)];
        let empty = [None, Some(start), Some(now - IDLE), Some(now - IDLE / 2), Some(now)];
        let mut states = Vec::new();
        for seen in seen {
            states.extend(empty.map(|empty_since| PartitionTime { seen, empty_since }));
        }
        let mut lists: Vec<Vec<PartitionTime>> = vec![Vec::new()];
        for _ in 0..3 {
            let longer = lists
                .iter()
                .flat_map(|list| states.iter().map(|state| [list.as_slice(), &[*state]].concat()));
            let longer: Vec<_> = longer.collect();
            for list in longer.iter().chain(&lists) {
                check(list, now);
            }
            lists = longer;
        }
    }

    fn check(list: &[PartitionTime], now: Instant) {
        assert_eq!(of_partitions(list, true, (DELAY, IDLE), now).0, InputTime::At(Watermark::NONE));
        let (time, holder) = of_partitions(list, false, (DELAY, IDLE), now);
        let busy = |p: &&PartitionTime| p.empty_since.is_none_or(|since| now - since < IDLE);
        let busy: Vec<&PartitionTime> = list.iter().filter(busy).collect();
        if busy.is_empty() {
            assert_eq!((time, holder), (InputTime::Idle, None));
            return;
        }
        let lowest = busy.iter().map(|p| p.seen.map_or(i64::MIN, |s| s.saturating_sub(DELAY)));
        assert_eq!(time, InputTime::At(Watermark(lowest.min().unwrap())));
        let holder = list[holder.unwrap()];
        assert!(holder.empty_since.is_none_or(|since| now - since < IDLE));
    }

    /// Every sequence of five messages from two inputs: the watermark never falls, is never above
    /// an input that still has something to say, and moves exactly when it is said to.
    #[test]
    fn every_order_of_messages_moves_the_watermark_forward_only() {
        let times = [
            InputTime::Idle,
            InputTime::At(Watermark(1)),
            InputTime::At(Watermark(2)),
            InputTime::At(Watermark::END),
        ];
        let messages: Vec<(usize, InputTime)> =
            (0..2).flat_map(|input| times.map(|time| (input, time))).collect();
        for restored in [Watermark::NONE, Watermark(1)] {
            for sequence in 0..messages.len().pow(5) {
                let mut watermarks = Watermarks::new(2, restored);
                let mut inputs = [InputTime::At(Watermark::NONE); 2];
                let mut before = restored;
                let mut rest = sequence;
                for _ in 0..5 {
                    let (input, time) = messages[rest % messages.len()];
                    rest /= messages.len();
                    inputs[input] = time;
                    let moved = watermarks.hear(input, time);
                    let bound = inputs[0].min(inputs[1]);
                    match moved {
                        Some(to) => {
                            assert!(to > before);
                            assert_eq!(InputTime::At(to), bound);
                            before = to;
                        }
                        None => match bound {
                            InputTime::At(at) => assert!(at <= before),
                            InputTime::Idle => {}
                        },
                    }
                    if bound != InputTime::Idle {
                        assert_eq!(watermarks.time(), InputTime::At(before));
                    }
                }
            }
        }
    }
}
