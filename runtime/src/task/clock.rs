//! The event time of each partition that runs through a node.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::TimestampMicrosecondType;

use crate::batch::{Batch, Partition};
use crate::checkpoint::{self, Clocks};
use crate::error::Result;
use crate::plan::EventTime;
use crate::source::{Activity, Position};
use crate::task::TimeTally;
use crate::time::Watermark;
use crate::watermark::{InputTime, PartitionTime, of_partitions};

/// Watches the rows that a node gives, in one lane.
pub struct Clock {
    plan: Arc<EventTime>,
    /// From the last checkpoint, for partitions that this lane may or may not come to read.
    restored: Arc<Clocks>,
    partitions: Vec<PartitionClock>,
    /// The highest event time of all partitions, also of those that are at their end.
    latest: Option<i64>,
    /// Of the rows since the last barrier.
    times: TimeTally,
}

struct PartitionClock {
    partition: Arc<Partition>,
    seen: Option<i64>,
    changed: bool,
}

impl Clock {
    pub fn new(plan: &EventTime, restored: Arc<Clocks>) -> Self {
        Self {
            plan: Arc::new(plan.clone()),
            restored,
            partitions: Vec::new(),
            latest: None,
            times: TimeTally::default(),
        }
    }

    /// Notes the event times of what the node has made of one batch, and which of the rows are
    /// behind their partition's watermark. Row by row in the partition's order, over all ports
    /// together: how the rows were cut into batches makes no difference.
    ///
    /// # Errors
    /// If rows can't be left out.
    pub fn observe(&mut self, emitted: &mut [(usize, Batch)]) -> Result<()> {
        let plan = self.plan.clone();
        let columns = &plan.columns;
        let timed =
            |(port, batch): &&mut (usize, Batch)| columns[*port].is_some() && !batch.is_empty();
        let timed: Vec<_> = emitted.iter_mut().filter(timed).collect();
        let Some(first) = timed.first() else { return Ok(()) };
        let partition = first.1.origin.partition.clone();
        let delay = self.plan.delay;
        let mut parts: Vec<Part> =
            timed.into_iter().map(|(port, batch)| Part::new(batch, columns[*port])).collect();
        let clock = self.partition(&partition);
        let before = clock.seen.unwrap_or(i64::MIN);
        let seen = match parts.as_mut_slice() {
            [only] => only.run_to_end(before, delay),
            parts => run_merged(parts, before, delay),
        };
        if seen > before {
            clock.seen = Some(seen);
            clock.changed = true;
            self.latest = self.latest.max(Some(seen));
        }
        parts.iter().for_each(|part| part.tally(&mut self.times));
        parts.into_iter().for_each(Part::finish);
        if let Some(since) = self.plan.since {
            emitted.iter_mut().try_for_each(|(port, batch)| match columns[*port] {
                Some(column) => leave_out_before(since, column, batch),
                None => Ok(()),
            })?;
        }
        Ok(())
    }

    /// The time of all partitions that this lane reads, and the one that holds it back.
    pub fn time(&self, activity: &Activity, now: Instant) -> (InputTime, Option<Arc<Partition>>) {
        let partitions: Vec<PartitionTime> = activity
            .reading
            .iter()
            .map(|reading| PartitionTime {
                seen: self.seen(&reading.partition),
                empty_since: reading.empty_since,
            })
            .collect();
        let bounds = (self.plan.delay, self.plan.idle);
        let (time, holder) = of_partitions(&partitions, activity.unread, bounds, now);
        (time, holder.map(|at| activity.reading[at].partition.clone()))
    }

    /// The highest time that any of the partitions has come to that the lane reads: what it has to
    /// say before it says that all are idle. They may have fallen idle at the same moment, when the
    /// lowest of them held the others back.
    pub fn highest(&self, activity: &Activity) -> InputTime {
        let seen = activity.reading.iter().filter_map(|reading| self.seen(&reading.partition));
        match seen.max() {
            Some(seen) => InputTime::At(Watermark::behind(seen, self.plan.delay)),
            None => InputTime::Idle,
        }
    }

    /// The time of all that was read, once nothing is left to read.
    pub fn latest(&self) -> InputTime {
        match self.latest {
            Some(seen) => InputTime::At(Watermark::behind(seen, self.plan.delay)),
            None => InputTime::Idle,
        }
    }

    /// What changed since the last call. Partitions that are at their end are forgotten.
    pub fn freeze(
        &mut self,
        positions: &[(String, Position)],
        changes: &mut Vec<checkpoint::Clock>,
    ) {
        let step = &self.plan.step;
        self.partitions.retain_mut(|clock| {
            let partition = &clock.partition;
            let done = positions.iter().any(|(name, at)| at.done && *name == partition.name);
            if clock.changed || done {
                changes.push(checkpoint::Clock {
                    step: step.clone(),
                    source: partition.source.clone(),
                    partition: partition.name.clone(),
                    seen: if done { None } else { clock.seen },
                });
            }
            clock.changed = false;
            !done
        });
    }

    /// The times of the rows since the last call.
    pub fn take_times(&mut self) -> TimeTally {
        std::mem::take(&mut self.times)
    }

    fn seen(&self, partition: &Arc<Partition>) -> Option<i64> {
        match self.partitions.iter().find(|clock| clock.is_of(partition)) {
            Some(clock) => clock.seen,
            None => self.restored_of(partition),
        }
    }

    fn restored_of(&self, partition: &Partition) -> Option<i64> {
        self.restored.get(&(partition.source.clone(), partition.name.clone())).copied()
    }

    fn partition(&mut self, partition: &Arc<Partition>) -> &mut PartitionClock {
        let at = self.partitions.iter().position(|clock| clock.is_of(partition));
        let at = at.unwrap_or_else(|| {
            let seen = self.restored_of(partition);
            let partition = partition.clone();
            self.partitions.push(PartitionClock { partition, seen, changed: false });
            self.partitions.len() - 1
        });
        &mut self.partitions[at]
    }
}

impl PartitionClock {
    fn is_of(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition) || self.partition == *partition
    }
}

/// Rows without a time stay: the step that needs one refuses them.
fn leave_out_before(since: i64, column: usize, batch: &mut Batch) -> Result<()> {
    let times = batch.rows.column(column).as_primitive::<TimestampMicrosecondType>();
    let kept: BooleanArray =
        times.iter().map(|time| Some(time.is_none_or(|time| time >= since))).collect();
    *batch = batch.filter(&kept)?;
    Ok(())
}

/// A batch on its way through the clock.
struct Part<'a> {
    batch: &'a mut Batch,
    times: arrow::array::PrimitiveArray<TimestampMicrosecondType>,
    /// The row that comes next.
    next: usize,
    /// The partition's watermark before each row, from the first row on that is behind it.
    watermarks: Option<Vec<i64>>,
}

impl<'a> Part<'a> {
    fn new(batch: &'a mut Batch, column: Option<usize>) -> Self {
        let column = batch.rows.column(column.unwrap_or_default());
        let times = column.as_primitive::<TimestampMicrosecondType>().clone();
        Self { batch, times, next: 0, watermarks: None }
    }

    /// Runs over all rows; the highest time so far is `seen` before and returned after it.
    fn run_to_end(&mut self, mut seen: i64, delay: i64) -> i64 {
        if self.times.null_count() == 0 && !self.is_any_behind(seen, delay) {
            return seen.max(self.times.values().iter().copied().max().unwrap_or(seen));
        }
        while self.next < self.times.len() {
            seen = self.step(seen, delay);
        }
        seen
    }

    fn is_any_behind(&self, mut seen: i64, delay: i64) -> bool {
        let mut behind = false;
        for time in self.times.values() {
            behind |= *time < seen.saturating_sub(delay);
            seen = seen.max(*time);
        }
        behind
    }

    /// Takes the next row.
    fn step(&mut self, seen: i64, delay: i64) -> i64 {
        let row = self.next;
        self.next += 1;
        let watermark = seen.saturating_sub(delay);
        let time = self.times.is_valid(row).then(|| self.times.value(row));
        if time.is_some_and(|time| time < watermark) && self.watermarks.is_none() {
            // Rows before this one were not behind any watermark up to here.
            self.watermarks = Some(vec![i64::MIN; row]);
        }
        if let Some(watermarks) = &mut self.watermarks {
            watermarks.push(watermark);
        }
        time.map_or(seen, |time| seen.max(time))
    }

    fn tally(&self, times: &mut TimeTally) {
        match self.times.null_count() {
            0 => times.note(self.times.values().iter().copied()),
            _ => times.note(self.times.iter().flatten()),
        }
    }

    fn number(&self) -> Option<u64> {
        (self.next < self.times.len()).then(|| self.batch.origin.row(self.next))
    }

    fn finish(self) {
        if let Some(watermarks) = self.watermarks {
            let origin = self.batch.origin.clone();
            self.batch.origin = origin.with_watermarks(Some(watermarks.into()));
        }
    }
}

/// Runs over the rows of several ports in the order that they have in their partition.
fn run_merged(parts: &mut [Part], mut seen: i64, delay: i64) -> i64 {
    while let Some((_, at)) =
        parts.iter().enumerate().filter_map(|(at, part)| Some((part.number()?, at))).min()
    {
        seen = parts[at].step(seen, delay);
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{RecordBatch, TimestampMicrosecondArray};
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

    use super::*;
    use crate::batch::Origin;

    fn plan(ports: usize) -> EventTime {
        EventTime {
            step: "parse".to_owned(),
            columns: vec![Some(0); ports],
            delay: 10,
            idle: Duration::from_secs(60),
            since: None,
        }
    }

    fn batch(first: u64, times: &[i64]) -> Batch {
        let partition = Arc::new(Partition { source: "s".into(), name: "p".into() });
        let field = Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, None), true);
        let times = TimestampMicrosecondArray::from(times.to_vec());
        let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(times)]);
        Batch::new(rows.unwrap(), Origin::consecutive(partition, first))
    }

    fn behind(clock: &mut Clock, batches: &[&[i64]]) -> Vec<bool> {
        let mut first = 0;
        let mut all = Vec::new();
        for times in batches {
            let mut emitted = [(0, batch(first, times))];
            clock.observe(&mut emitted).unwrap();
            first += times.len() as u64;
            let late = emitted[0].1.origin.watermarks().map(<[i64]>::to_vec);
            let late = late.unwrap_or_else(|| vec![i64::MIN; times.len()]);
            all.extend(times.iter().zip(late).map(|(time, watermark)| *time < watermark));
        }
        all
    }

    /// Which rows are behind depends on the rows alone and not on how they were cut.
    #[test]
    fn rows_are_behind_their_partition_however_they_are_cut() {
        let times = [100, 105, 89, 95, 120, 109, 110, 130, 119, 0, 131];
        let expected: Vec<bool> = (0..times.len())
            .map(|at| times[..at].iter().any(|seen| times[at] < seen - 10))
            .collect();
        assert!(expected.contains(&true));
        for cut in 0..times.len() {
            let mut clock = Clock::new(&plan(1), Arc::default());
            let (a, b) = times.split_at(cut);
            let parts: Vec<&[i64]> = [a, b].into_iter().filter(|p| !p.is_empty()).collect();
            assert_eq!(behind(&mut clock, &parts), expected, "cut at {cut}");
        }
    }

    /// Rows that a step sends to different ports are still seen in the order of their partition.
    #[test]
    fn ports_share_one_clock_in_the_order_of_rows() {
        let whole = batch(0, &[100, 101, 160, 102, 155, 161]);
        let of = |rows: &[u32]| whole.take(&rows.to_vec().into()).unwrap();
        let mut emitted = [(0, of(&[2, 3, 5])), (1, of(&[0, 1, 4]))];
        let mut clock = Clock::new(&plan(2), Arc::default());
        clock.observe(&mut emitted).unwrap();
        assert_eq!(emitted[0].1.origin.watermarks(), Some(&[i64::MIN, 150, 150][..]));
        assert_eq!(emitted[1].1.origin.watermarks(), None);
    }
}
