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
    /// The time of a stream that both of these flow into. It is at its end only if both are: who is
    /// idle may go on.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(Watermark::END), Self::Idle) | (Self::Idle, Self::At(Watermark::END)) => {
                Self::Idle
            }
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

/// The watermark over several inputs: the lowest of those that are not idle. Once all are idle it is
/// the highest that any has come to, in whatever order they fell idle. It never falls.
#[derive(Debug, Clone)]
pub struct Watermarks {
    inputs: Vec<Said>,
    /// The end of each group in `inputs`.
    groups: Vec<usize>,
    reached: Watermark,
}

/// What an input has said.
#[derive(Debug, Clone, Copy)]
struct Said {
    time: InputTime,
    /// The highest that it said, its end not counted.
    highest: Watermark,
}

impl Watermarks {
    /// Starts at `reached`, from the last checkpoint; no input has said anything yet.
    ///
    /// Inputs come in groups of these sizes. Those of a group are tasks that hear the same, each in
    /// its own time: that one is idle means nothing while another knows better.
    pub fn new(groups: &[usize], reached: Watermark) -> Self {
        let silent = Said { time: InputTime::At(Watermark::NONE), highest: Watermark::NONE };
        let ends = groups.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        Self { inputs: vec![silent; groups.iter().sum()], groups: ends.collect(), reached }
    }

    /// Takes what an input says. The new watermark, if it has moved on.
    pub fn hear(&mut self, input: usize, time: InputTime) -> Option<Watermark> {
        let said = &mut self.inputs[input];
        said.time = time;
        match time {
            InputTime::At(Watermark::END) | InputTime::Idle => {}
            InputTime::At(watermark) => said.highest = said.highest.max(watermark),
        }
        let watermark = match self.together() {
            InputTime::At(watermark) => watermark,
            InputTime::Idle => {
                let highest =
                    self.groups().filter_map(|group| group.iter().map(|s| s.highest).min());
                highest.max().unwrap_or(Watermark::NONE)
            }
        };
        (watermark > self.reached).then(|| {
            self.reached = watermark;
            watermark
        })
    }

    /// The time of all inputs together, for those who come after.
    pub fn time(&self) -> InputTime {
        match self.together() {
            InputTime::At(watermark) => InputTime::At(watermark.max(self.reached)),
            InputTime::Idle => InputTime::Idle,
        }
    }

    fn together(&self) -> InputTime {
        self.groups().map(of_group).reduce(InputTime::min).unwrap_or(InputTime::Idle)
    }

    fn groups(&self) -> impl Iterator<Item = &[Said]> {
        let starts = std::iter::once(0).chain(self.groups.iter().copied());
        starts.zip(&self.groups).map(|(start, end)| &self.inputs[start..*end])
    }
}

/// The time of tasks that hear the same: idle once all are, and have come equally far.
fn of_group(group: &[Said]) -> InputTime {
    let idle = group.iter().filter(|said| said.time == InputTime::Idle);
    let is_level = group.iter().all(|said| said.highest == group[0].highest);
    if idle.count() == group.len() && is_level {
        return InputTime::Idle;
    }
    let time = |said: &Said| match said.time {
        InputTime::At(watermark) => watermark,
        InputTime::Idle => said.highest,
    };
    InputTime::At(group.iter().map(time).min().unwrap_or(Watermark::NONE))
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
                let mut watermarks = Watermarks::new(&[1, 1], restored);
                let mut inputs = [InputTime::At(Watermark::NONE); 2];
                let mut highest = Watermark::NONE;
                let mut before = restored;
                let mut rest = sequence;
                for _ in 0..5 {
                    let (input, time) = messages[rest % messages.len()];
                    rest /= messages.len();
                    inputs[input] = time;
                    if let InputTime::At(at) = time
                        && at != Watermark::END
                    {
                        highest = highest.max(at);
                    }
                    let moved = watermarks.hear(input, time);
                    let bound = inputs[0].min(inputs[1]);
                    let to = match bound {
                        InputTime::At(at) => at,
                        InputTime::Idle => highest,
                    };
                    assert_eq!(moved, (to > before).then_some(to));
                    before = before.max(to);
                    if to == Watermark::END {
                        assert_eq!(inputs, [InputTime::At(Watermark::END); 2]);
                    }
                    if bound != InputTime::Idle {
                        assert_eq!(watermarks.time(), InputTime::At(before));
                    }
                }
            }
        }
    }

    /// Two tasks hear the same and pass it on, each at its own pace: in every order in which their
    /// messages may come, nobody overtakes the slower one.
    #[test]
    fn tasks_that_hear_the_same_wait_for_each_other() {
        let times = [
            InputTime::Idle,
            InputTime::At(Watermark(1)),
            InputTime::At(Watermark(2)),
            InputTime::At(Watermark(3)),
            InputTime::At(Watermark::END),
        ];
        let rises = |list: &[InputTime]| {
            let at = list.iter().filter(|time| **time != InputTime::Idle);
            at.clone().zip(at.skip(1)).all(|(a, b)| a.min(*b) == *a)
        };
        for sequence in 0..times.len().pow(4) {
            let said: Vec<InputTime> =
                (0..4).map(|at| times[sequence / times.len().pow(at) % times.len()]).collect();
            if !rises(&said) {
                continue;
            }
            // Each bit says which of the tasks is heard next.
            for order in (0..256_u32).filter(|order| order.count_ones() == 4) {
                let mut watermarks = Watermarks::new(&[2], Watermark::NONE);
                let mut heard = [0, 0];
                for step in 0..8 {
                    let task = (order >> step & 1) as usize;
                    let moved = watermarks.hear(task, said[heard[task]]);
                    heard[task] += 1;
                    let slower = &said[..heard[0].min(heard[1])];
                    if let Some(to) = moved {
                        assert!(slower.contains(&InputTime::At(to)), "{said:?}, {order:b}");
                    }
                }
                let last = said.iter().rev().find(|time| **time != InputTime::Idle);
                let InputTime::At(last) = last.copied().unwrap_or(InputTime::At(Watermark::NONE))
                else {
                    unreachable!()
                };
                if said.last() != Some(&InputTime::Idle) || last != Watermark::END {
                    assert_eq!(watermarks.reached, last, "{said:?}, {order:b}");
                }
            }
        }
    }
}
