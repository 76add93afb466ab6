//! One lane: reads its partitions with a client of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::native::{Reader, TopicPartition};
use super::rows::{Place, RowPlan, Rows};
use super::shared::{Begin, News, Request, Shared, Watch};
use super::sort::{Destination, Ready, Sorter, What};
use crate::batch::Partition;
use crate::config::Trigger;
use crate::error::{Error, Result};
use crate::kafka::{self, Context};
use crate::metrics::SourceMetrics;
use crate::source::{Activity, Identity, Poll, Position, Reading, Source};

/// How often the client's log is passed on.
const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// Up to where a lane reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// There is no end.
    None,
    /// Up to the targets that the partitions have from the start, and not a record further.
    Once,
    /// Round after round, each up to where the partitions ended when it began.
    Round(Round),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Over,
    /// Where the partitions end was asked.
    Asked(u64),
    /// The partitions have their targets.
    Begun,
}

/// What a lane is made with.
pub struct LaneOptions {
    pub source: String,
    pub lane: usize,
    pub plan: Arc<RowPlan>,
    pub shared: Arc<Shared>,
    pub metrics: Arc<SourceMetrics>,
    pub trigger: Trigger,
    pub batch_rows: usize,
    /// So many records at most in one epoch.
    pub rows_max: Option<u64>,
    /// Partitions that are no longer there, of which the checkpoint is to hear.
    pub parting: Vec<(String, Position)>,
}

pub struct KafkaLane {
    options: LaneOptions,
    reader: Reader<Context>,
    /// When the client's log was passed on last.
    listened: Instant,
    goal: Goal,
    /// Records given in this epoch.
    rows: u64,
    partitions: Vec<Assigned>,
    /// Indices into `partitions`.
    by_name: HashMap<String, HashMap<i32, usize>>,
    /// What was taken and not yet given, in its order.
    ready: VecDeque<Ready>,
    /// For each partition the rows that are being put together; none between two polls.
    open: Vec<Option<Rows>>,
}

/// A partition that the lane reads.
struct Assigned {
    place: Place,
    /// `rows` and `offset` both are the offset of the record that comes next: a record's number is
    /// its offset. Never `done`, as long as there is such a partition.
    position: Position,
    changed: bool,
    /// Since when nothing came after what was read; `None` if something may be there.
    ended: Option<Instant>,
    /// Whether the client has stopped reading it, and the monitor is to say how to go on.
    stuck: bool,
    gone: bool,
    target: Option<u64>,
    watch: Arc<Watch>,
}

impl KafkaLane {
    pub fn new(reader: Reader<Context>, options: LaneOptions) -> Self {
        Self {
            goal: match options.trigger {
                Trigger::Continuous => Goal::None,
                Trigger::AvailableNow => Goal::Once,
                Trigger::Interval(_) => Goal::Round(Round::Over),
            },
            options,
            reader,
            listened: Instant::now(),
            rows: 0,
            partitions: Vec::new(),
            by_name: HashMap::new(),
            ready: VecDeque::new(),
            open: Vec::new(),
        }
    }

    /// Acts on what the monitor has found out.
    fn hear(&mut self) -> Result<()> {
        let mut begun = TopicPartitionList::new();
        for news in self.options.shared.hear(self.options.lane) {
            match news {
                News::Begin(begin) => self.begin(begin, &mut begun)?,
                News::Move { partition, to, end, id } => self.move_to(&partition, (to, end), id)?,
                News::Gone { partition } => self.part(&partition)?,
                News::Fail(error) => return Err(error),
            }
        }
        if begun.count() > 0 {
            let assigned = self.reader.consumer().incremental_assign(&begun);
            assigned.map_err(|e| self.failed("begin partitions", e))?;
        }
        Ok(())
    }

    fn begin(&mut self, begin: Begin, begun: &mut TopicPartitionList) -> Result<()> {
        let Begin { partition: (topic, number), position, fresh, target, watch } = begin;
        let added = begun.add_partition_offset(&topic, number, offset(position.offset));
        added.map_err(|e| self.failed("begin a partition", e))?;
        watch.lag.read(position.offset);
        let name = format!("{topic}/{number}");
        let partition = Partition { source: self.options.source.clone(), name };
        let place = Place { partition: Arc::new(partition), topic: topic.as_str().into(), number };
        let assigned = Assigned {
            place,
            position,
            changed: fresh,
            ended: None,
            stuck: false,
            gone: false,
            target,
            watch,
        };
        match self.find(&topic, number) {
            Some(at) => self.partitions[at] = assigned,
            None => {
                self.by_name.entry(topic).or_default().insert(number, self.partitions.len());
                self.partitions.push(assigned);
                self.open.push(None);
            }
        }
        Ok(())
    }

    fn move_to(
        &mut self,
        (topic, number): &TopicPartition,
        (to, end): (u64, Option<u64>),
        id: Option<Identity>,
    ) -> Result<()> {
        let Some(at) = self.find(topic, *number) else { return Ok(()) };
        let mut list = TopicPartitionList::new();
        let moved = list.add_partition_offset(topic, *number, offset(to)).and_then(|()| {
            self.reader.consumer().incremental_unassign(&list)?;
            self.reader.consumer().incremental_assign(&list)
        });
        moved.map_err(|e| self.failed("go on elsewhere in a partition", e))?;
        let partition = &mut self.partitions[at];
        partition.position = Position { rows: to, offset: to, done: false, id };
        partition.watch.lag.read(to);
        partition.changed = true;
        partition.ended = None;
        partition.stuck = false;
        if let (Some(target), Some(end)) = (&mut partition.target, end) {
            // What was to be read up to there is no longer there to be read.
            *target = end;
        }
        Ok(())
    }

    /// Ends a partition that is no longer there.
    fn part(&mut self, (topic, number): &TopicPartition) -> Result<()> {
        let Some(at) = self.find(topic, *number) else { return Ok(()) };
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, *number);
        let parted = self.reader.consumer().incremental_unassign(&list);
        parted.map_err(|e| self.failed("leave a partition", e))?;
        let partition = &mut self.partitions[at];
        partition.gone = true;
        partition.changed = false;
        let position = Position { done: true, ..partition.position };
        self.options.parting.push((partition.place.partition.name.clone(), position));
        Ok(())
    }

    fn find(&self, topic: &str, number: i32) -> Option<usize> {
        self.by_name.get(topic)?.get(&number).copied()
    }

    /// Takes what the client has, and makes batches of it.
    fn take(&mut self, wait: Duration) -> Result<()> {
        let left = self.options.rows_max.map_or(u64::MAX, |max| max - self.rows.min(max));
        let max = self.options.batch_rows.min(usize::try_from(left).unwrap_or(usize::MAX));
        let taken = self.reader.take(max, wait);
        let exact = self.goal == Goal::Once;
        let mut sorter = Sorter {
            plan: &self.options.plan,
            partition: &|at| {
                let Assigned { place, target, .. } = &self.partitions[at];
                Destination { place, target: target.filter(|_| exact) }
            },
            by_name: &self.by_name,
            open: &mut self.open,
            order: Vec::new(),
            ready: &mut self.ready,
        };
        sorter.sort(&taken)
    }

    /// Gives what was taken, and notes that it is read.
    fn give(&mut self, Ready { at, what }: Ready) -> Option<Poll> {
        let partition = &mut self.partitions[at];
        match what {
            What::Made(made) => {
                partition.move_on(made.next);
                partition.ended = None;
                if let Some(ms) = made.last_ms {
                    partition.watch.lag.read_at(ms.max(0) as u64);
                }
                self.rows += made.records;
                self.options.metrics.tombstones_skipped.add(made.skipped);
                made.poll
            }
            What::End(offset) => {
                partition.move_on(offset);
                partition.ended = Some(Instant::now());
                None
            }
            What::Stuck => {
                partition.stuck = true;
                let (topic, number) = (partition.place.topic.to_string(), partition.place.number);
                self.options.shared.request(Request::Stuck((topic, number)));
                None
            }
        }
    }

    fn is_full(&self) -> bool {
        self.options.rows_max.is_some_and(|max| self.rows >= max)
    }

    /// Whether all was read that is to be read now.
    fn is_done(&mut self) -> bool {
        let shared = &self.options.shared;
        if let Goal::Round(round) = &mut self.goal {
            if *round == Round::Over {
                *round = Round::Asked(shared.ask_ends());
            }
            match *round {
                Round::Asked(asked) if shared.are_known(asked) => {
                    for partition in &mut self.partitions {
                        partition.target = Some(partition.watch.lag.end());
                    }
                    *round = Round::Begun;
                }
                Round::Asked(_) => return false,
                Round::Over | Round::Begun => {}
            }
        }
        let is_read = |partition: &Assigned| match self.goal {
            Goal::None => partition.ended.is_some(),
            Goal::Once | Goal::Round(_) => {
                partition.target.is_none_or(|target| partition.position.offset >= target)
            }
        };
        self.partitions.iter().filter(|partition| !partition.gone).all(is_read)
    }

    fn failed(&self, what: &str, error: KafkaError) -> Error {
        kafka::failed(format_args!("{what} of source `{}`", self.options.source), error)
    }
}

impl Source for KafkaLane {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        for round in 0..2 {
            while let Some(ready) = self.ready.pop_front() {
                if let Some(poll) = self.give(ready) {
                    return Ok(poll);
                }
            }
            if round == 1 {
                break;
            }
            self.hear()?;
            if self.listened.elapsed() >= LISTEN_EVERY {
                self.reader.listen();
                self.listened = Instant::now();
            }
            if self.is_full() {
                std::thread::park_timeout(wait);
                return Ok(Poll::Full);
            }
            if self.goal != Goal::None && self.is_done() {
                break;
            }
            self.take(wait)?;
        }
        if !self.is_done() {
            return Ok(Poll::Waiting);
        }
        if let Goal::Round(round) = &mut self.goal {
            *round = Round::Over;
        }
        Ok(Poll::Pending)
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        self.rows = 0;
        let mut changed = std::mem::take(&mut self.options.parting);
        for partition in &mut self.partitions {
            if std::mem::take(&mut partition.changed) {
                changed.push((partition.place.partition.name.clone(), partition.position));
            }
        }
        changed
    }

    fn activity(&self) -> Activity {
        let now = Instant::now();
        let read = self.partitions.iter().filter(|partition| !partition.gone);
        let reading = read.map(|partition| Reading {
            partition: partition.place.partition.clone(),
            empty_since: partition.empty_since(&self.options.shared, now),
        });
        let unread = self.options.shared.has_unread(self.options.lane);
        Activity { reading: reading.collect(), unread }
    }
}

impl Assigned {
    fn move_on(&mut self, next: u64) {
        if next > self.position.offset {
            self.position.rows = next;
            self.position.offset = next;
            self.changed = true;
            self.watch.lag.read(next);
        }
    }

    /// Since when it is empty, so that the time until now is the time for which the broker has
    /// said so. As long as no broker answers, nobody knows whether it is.
    fn empty_since(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        let ended = self.ended?;
        let confirmed = shared.known_empty(&self.watch).map_or(ended, |at| at.max(ended));
        now.checked_sub(confirmed - ended)
    }
}

fn offset(at: u64) -> Offset {
    Offset::Offset(i64::try_from(at).unwrap_or(i64::MAX))
}
