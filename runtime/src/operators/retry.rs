//! Rows that failed for a reason outside of themselves: they wait, and the plugin is called on them
//! again.
//!
//! A row waits as its dead letter and as its own bytes, in the state of the queue, so that it is
//! part of each checkpoint exactly once. *Invariant:* an entry goes in the same epoch in which what
//! became of its row is emitted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array, UInt64Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, TimestampMicrosecondType, UInt32Type, UInt64Type};

use super::exact_rows::ExactRows;
use super::plugin::PluginStep;
use super::project::evaluate;
use super::versioned::Version;
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::codec::{decode_payloads, isolate};
use crate::dead_letter::{self, Refusal, letters};
use crate::error::{Error, Result};
use crate::metrics::QueueMetrics;
use crate::operator::{Operator, Outputs};
use crate::plan::{Deployment, PluginPlan, Program, QUEUED, QueuePlan, WAITING, WAITING_KEY};
use crate::plugin::PluginHost;
use crate::state::{Changes, EncodedRows, Key, NEVER, RowCodec, StepState, key_group};

/// So many rows come again at a time; then the task looks after everything else.
const ROWS_MAX: usize = 4096;

pub struct RetryQueue {
    plan: QueuePlan,
    step: PluginStep,
    plugins: Arc<PluginHost>,
    exact: ExactRows,
    state: StepState,
    /// What decides the group of a row.
    groups: RowCodec,
    keys: RowCodec,
    values: RowCodec,
    /// In the order in which they come again.
    waiting: VecDeque<Waiting>,
    next_number: u64,
    metrics: Arc<QueueMetrics>,
    /// The machine's time.
    now: fn() -> i64,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Microseconds since 1970.
    since: i64,
    number: u64,
    group: u8,
}

/// Where the columns of a dead letter are.
struct Columns {
    code: usize,
    message: usize,
    source: usize,
    partition: usize,
    row: usize,
    encoding: usize,
    payload: usize,
    columns: usize,
    bytes: usize,
    attempts: usize,
}

const COLUMNS: Columns = Columns {
    code: 1,
    message: 3,
    source: 7,
    partition: 8,
    row: 9,
    encoding: 10,
    payload: 11,
    columns: 12,
    bytes: 13,
    attempts: 14,
};

impl RetryQueue {
    /// The queue with the rows that `state` has. `now` tells the machine's time.
    ///
    /// # Errors
    /// If the component was not planned, or the state can't be read.
    pub fn open(
        plan: &QueuePlan,
        host: &Arc<PluginHost>,
        state: StepState,
        (metrics, now): (Arc<QueueMetrics>, fn() -> i64),
    ) -> Result<Self> {
        let codec = |made: Result<RowCodec, String>| {
            made.map_err(|e| Error::internal(format!("a queue's column {e}")))
        };
        let keys = plan.keys.iter().map(|key| Ok(key.return_field(&QUEUED)?));
        let mut queue = Self {
            step: PluginStep::new(&plan.plugin, host)?,
            plugins: host.clone(),
            exact: ExactRows::of(&plan.plugin.input),
            groups: codec(RowCodec::new(&keys.collect::<Result<_>>()?))?,
            keys: codec(RowCodec::new(&WAITING_KEY))?,
            values: codec(RowCodec::exact(&WAITING))?,
            plan: plan.clone(),
            state,
            waiting: VecDeque::new(),
            next_number: 0,
            metrics,
            now,
        };
        queue.restore()?;
        Ok(queue)
    }

    fn restore(&mut self) -> Result<()> {
        let mut found: Vec<(u8, Vec<u8>)> = Vec::new();
        self.state.scan(&[], &mut |key, _| {
            found.push((key.group, key.bytes.to_vec()));
            Ok(())
        })?;
        let columns = self.keys.decode(found.iter().map(|(_, key)| key.as_slice()))?;
        let since = columns[0].as_primitive::<TimestampMicrosecondType>();
        let numbers = columns[1].as_primitive::<UInt64Type>();
        let entry = |(at, (group, _)): (usize, &(u8, Vec<u8>))| Waiting {
            since: since.value(at),
            number: numbers.value(at),
            group: *group,
        };
        let mut waiting: Vec<Waiting> = found.iter().enumerate().map(entry).collect();
        waiting.sort_unstable_by_key(|entry| (entry.since, entry.number));
        self.next_number = waiting.iter().map(|entry| entry.number + 1).max().unwrap_or(0);
        self.metrics.add(waiting.len() as u64);
        self.waiting = waiting.into();
        Ok(())
    }

    /// Lets rows wait that have come again so often. There is room for them.
    fn put(&mut self, queued: &RecordBatch, attempts: Vec<u32>) -> Result<()> {
        let count = queued.num_rows();
        let last = self.waiting.back().map_or(i64::MIN, |entry| entry.since);
        // So that entries stay in their order, also when the clock is set back.
        let since = (self.now)().max(last);
        let mut groups = EncodedRows::default();
        self.groups.encode(&evaluate(&self.plan.keys, queued)?, count, &mut groups)?;
        let entries: Vec<Waiting> = groups
            .iter()
            .zip(self.next_number..)
            .map(|(row, number)| Waiting { since, number, group: key_group(row) })
            .collect();
        self.next_number += count as u64;
        let mut columns = queued.columns().to_vec();
        columns.push(Arc::new(UInt32Array::from(attempts)));
        let mut values = EncodedRows::default();
        self.values.encode(&columns, count, &mut values)?;
        let keys = self.encode_keys(&entries)?;
        for ((entry, key), value) in entries.iter().zip(keys.iter()).zip(values.iter()) {
            self.state.put(Key { group: entry.group, bytes: key }, value, NEVER)?;
        }
        self.waiting.extend(entries);
        self.metrics.queued.add(count as u64);
        Ok(())
    }

    /// Takes entries out of the state: rows as [`WAITING`] has them.
    fn take(&mut self, entries: &[Waiting]) -> Result<RecordBatch> {
        let keys = self.encode_keys(entries)?;
        let mut values: Vec<Vec<u8>> = Vec::with_capacity(entries.len());
        for (entry, key) in entries.iter().zip(keys.iter()) {
            let key = Key { group: entry.group, bytes: key };
            let value = self.state.get(key)?;
            let value =
                value.ok_or_else(|| Error::corrupt("a row that waits to come again is gone"));
            values.push(value?.to_vec());
            self.state.remove(key)?;
        }
        let columns = self.values.decode(values.iter().map(Vec::as_slice))?;
        self.metrics.remove(entries.len() as u64);
        record_batch(Arc::new(Schema::new(WAITING.clone())), columns, entries.len())
    }

    fn encode_keys(&self, entries: &[Waiting]) -> Result<EncodedRows> {
        let since = TimestampMicrosecondArray::from_iter_values(entries.iter().map(|e| e.since));
        let numbers = UInt64Array::from_iter_values(entries.iter().map(|e| e.number));
        let columns: [ArrayRef; 2] = [Arc::new(since.with_timezone("UTC")), Arc::new(numbers)];
        let mut keys = EncodedRows::default();
        self.keys.encode(&columns, entries.len(), &mut keys)?;
        Ok(keys)
    }

    /// Calls the plugin on rows of one partition.
    fn again(
        &mut self,
        waiting: &RecordBatch,
        partition: &Arc<Partition>,
        out: &mut Outputs,
    ) -> Result<()> {
        let columns = waiting.column(COLUMNS.columns).as_primitive::<UInt64Type>();
        let is_own = |row: &u32| {
            let row = *row as usize;
            columns.is_valid(row) && self.exact.is_own(columns.value(row))
        };
        let (own, others): (Vec<u32>, Vec<u32>) = (0..waiting.num_rows() as u32).partition(is_own);
        let pick = |rows: Vec<u32>| take_record_batch(waiting, &UInt32Array::from(rows));
        if !own.is_empty() {
            let waiting = pick(own)?;
            let bytes = waiting.column(COLUMNS.bytes).as_binary::<i32>();
            let rows = self.exact.decode((0..bytes.len()).map(|row| bytes.value(row)))?;
            self.call(rows, &waiting, partition, out)?;
        }
        if !others.is_empty() {
            self.again_as_json(&pick(others)?, partition, out)?;
        }
        Ok(())
    }

    /// Calls the plugin on rows that waited while the columns of the step's input were changed.
    fn again_as_json(
        &mut self,
        waiting: &RecordBatch,
        partition: &Arc<Partition>,
        out: &mut Outputs,
    ) -> Result<()> {
        let text = |at: usize| waiting.column(at).as_string::<i32>();
        let (encodings, payloads) = (text(COLUMNS.encoding), text(COLUMNS.payload));
        let bytes = encodings.iter().zip(payloads.iter()).map(|(encoding, payload)| {
            dead_letter::bytes(encoding.unwrap_or_default(), payload.unwrap_or_default())
        });
        let bytes: Vec<Vec<u8>> = bytes.collect::<Result<_>>()?;
        let input = self.plan.plugin.input.clone();
        let (parts, unfit) = isolate(waiting.num_rows(), |range| {
            decode_payloads(&input, BinaryArray::from_iter_values(&bytes[range]))
        });
        for (range, rows) in parts {
            self.call(rows, &waiting.slice(range.start, range.len()), partition, out)?;
        }
        for (row, error) in unfit {
            let why = format!("the step's input has changed since the row failed: {error}");
            self.metrics.given_up.add(1);
            let letter =
                Batch::new(waiting.slice(row, 1), origin(&waiting.slice(row, 1), partition));
            out.emit(self.plan.plugin.errors, reworded(&letter, "unfit", |_, _| why.clone())?);
        }
        Ok(())
    }

    fn call(
        &mut self,
        rows: RecordBatch,
        waiting: &RecordBatch,
        partition: &Arc<Partition>,
        out: &mut Outputs,
    ) -> Result<()> {
        let batch = Batch::new(rows, origin(waiting, partition));
        let refusals = self.step.attempt(&batch, out)?;
        self.refuse(&batch, waiting, refusals, out)
    }

    /// What becomes of rows of `batch`, which were in the queue as `before`, that failed again.
    fn refuse(
        &mut self,
        batch: &Batch,
        before: &RecordBatch,
        refusals: Vec<Refusal>,
        out: &mut Outputs,
    ) -> Result<()> {
        let attempts = before.column(COLUMNS.attempts).as_primitive::<UInt32Type>();
        let (mut again, mut over) = (Vec::new(), Vec::new());
        for refusal in refusals {
            let attempt = attempts.value(refusal.row as usize) + 1;
            let is_temporary = self.plan.retry.is_temporary(&refusal.code);
            if is_temporary && attempt < self.plan.attempts {
                again.push((refusal, attempt));
                continue;
            }
            let which = if is_temporary { "the last" } else { "a" };
            let message = format!("{} ({which} retry, number {attempt})", refusal.message);
            over.push(Refusal { message, ..refusal });
        }
        if !over.is_empty() {
            self.metrics.given_up.add(over.len() as u64);
            out.emit(self.plan.plugin.errors, letters(self.step.refuser(), batch, &over)?);
        }
        if !again.is_empty() {
            let (again, attempts): (Vec<Refusal>, Vec<u32>) = again.into_iter().unzip();
            self.metrics.add(again.len() as u64);
            let rows = UInt32Array::from_iter_values(again.iter().map(|refusal| refusal.row));
            let letters = letters(self.step.refuser(), batch, &again)?;
            let queued = self.exact.queued(letters, &batch.take(&rows)?.rows)?;
            self.put(&queued.rows, attempts)?;
        }
        Ok(())
    }
}

impl Operator for RetryQueue {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let max = self.plan.rows_max;
        let fit = self.metrics.reserve(batch.len() as u64, max) as usize;
        if fit < batch.len() {
            let beyond = batch.slice(fit, batch.len() - fit);
            let why = |code: &str, message: &str| {
                format!("{code}: {message}; and {max} rows wait to come again already")
            };
            out.emit(self.plan.plugin.errors, reworded(&beyond, "retry_queue_full", why)?);
        }
        match fit {
            0 => Ok(()),
            fit => self.put(&batch.rows.slice(0, fit), vec![0; fit]),
        }
    }

    fn deploy(&mut self, deployment: &Deployment) -> Result<()> {
        // A candidate has nobody here to stand by for it.
        let Program::Transform(plan) = &deployment.current else { return Ok(()) };
        let own = &self.plan.plugin;
        if own.step == deployment.part && !self.step.is(plan) {
            let (errors, retry) = (own.errors, own.retry.clone());
            self.plan.plugin = PluginPlan { errors, retry, ..(**plan).clone() };
            self.step = PluginStep::ready(&self.plan.plugin, &self.plugins)?;
        }
        Ok(())
    }

    fn wakes_at(&self) -> Option<i64> {
        self.waiting.front().map(|entry| entry.since.saturating_add(self.plan.after))
    }

    fn wake(&mut self, now: i64, out: &mut Outputs) -> Result<()> {
        let is_due = |entry: &Waiting| entry.since.saturating_add(self.plan.after) <= now;
        let due = self.waiting.iter().take(ROWS_MAX).take_while(|entry| is_due(entry)).count();
        let due: Vec<Waiting> = self.waiting.drain(..due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let waiting = self.take(&due)?;
        self.metrics.retried.add(due.len() as u64);
        for (partition, rows) in by_partition(&waiting) {
            let waiting = take_record_batch(&waiting, &UInt32Array::from(rows))?;
            self.again(&waiting, &Arc::new(partition), out)?;
        }
        Ok(())
    }

    fn freeze(&mut self, changes: &mut Changes, _: &mut Outputs) -> Result<()> {
        self.state.freeze(changes)
    }
}

/// The rows of each partition.
fn by_partition(letters: &RecordBatch) -> Vec<(Partition, Vec<u32>)> {
    let text = |at: usize| letters.column(at).as_string::<i32>();
    let (sources, names) = (text(COLUMNS.source), text(COLUMNS.partition));
    let mut parts: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for row in 0..letters.num_rows() {
        parts.entry((sources.value(row), names.value(row))).or_default().push(row as u32);
    }
    let partition = |((source, name), rows): ((&str, &str), Vec<u32>)| {
        (Partition { source: source.to_owned(), name: name.to_owned() }, rows)
    };
    parts.into_iter().map(partition).collect()
}

/// Where waiting rows of one partition came from.
fn origin(waiting: &RecordBatch, partition: &Arc<Partition>) -> Origin {
    let numbers = waiting.column(COLUMNS.row).as_primitive::<UInt64Type>().values();
    Origin::numbered(partition.clone(), numbers.to_vec())
}

/// The dead letters of rows on their way to the queue or in it, with another code, and with what
/// `why` makes of their codes and messages.
fn reworded(rows: &Batch, code: &str, why: impl Fn(&str, &str) -> String) -> Result<Batch> {
    let text = |at: usize| rows.rows.column(at).as_string::<i32>();
    let both = text(COLUMNS.code).iter().zip(text(COLUMNS.message).iter());
    let messages = StringArray::from_iter_values(
        both.map(|(code, message)| why(code.unwrap_or_default(), message.unwrap_or_default())),
    );
    let codes = StringArray::from_iter_values(std::iter::repeat_n(code, rows.len()));
    let mut columns = rows.rows.columns()[..COLUMNS.columns].to_vec();
    columns[COLUMNS.code] = Arc::new(codes);
    columns[COLUMNS.message] = Arc::new(messages);
    rows.with_columns(dead_letter::SCHEMA.clone(), columns)
}
