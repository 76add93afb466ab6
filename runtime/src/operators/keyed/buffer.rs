//! Rows that wait until nothing earlier can come.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimestampMicrosecondType, UInt64Type};

use super::names;
use super::work::{KeyNumbers, RowRef, Work, sort_by_key};
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::error::{Error, Result};
use crate::state::{EncodedRows, Key, NEVER, RowCodec, StepState, key_group};

/// Rows by the chunks in which they came, each in the order of its times.
pub struct Buffer {
    key: Vec<usize>,
    time: usize,
    keys: RowCodec,
    stored: RowCodec,
    schema: SchemaRef,
    chunks: Vec<Chunk>,
    /// The groups of which rows are stored, by the number under which they are.
    numbers: BTreeMap<u64, BTreeSet<u8>>,
    /// The number under which rows are stored next.
    next_number: u64,
}

struct Chunk {
    rows: RecordBatch,
    origin: Origin,
    keys: EncodedRows,
    times: Vec<i64>,
    /// Rows in the order of their times, those that have left first.
    order: Vec<u32>,
    next: usize,
    /// The number under which its rows are stored.
    number: Option<u64>,
}

impl Chunk {
    fn is_done(&self) -> bool {
        self.next == self.order.len()
    }

    fn time(&self, at: usize) -> i64 {
        self.times[self.order[at] as usize]
    }
}

impl Buffer {
    /// A buffer of rows with event time in the column `time` and this key; with the rows that
    /// waited when the state was written.
    ///
    /// # Errors
    /// If a column can't be stored, or the state can't be read.
    pub fn open(
        schema: &SchemaRef,
        (key, keys): (&[usize], &RowCodec),
        time: usize,
        state: &mut StepState,
    ) -> Result<Self> {
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8, false));
        fields.extend([text("#source"), text("#partition")]);
        fields.push(Arc::new(Field::new("#row", DataType::UInt64, false)));
        let stored = RowCodec::exact(&Fields::from(fields))
            .map_err(|e| Error::config(format!("rows can't be held back: column {e}")))?;
        let mut buffer = Self {
            key: key.to_vec(),
            time,
            keys: keys.clone(),
            stored,
            schema: schema.clone(),
            chunks: Vec::new(),
            numbers: BTreeMap::new(),
            next_number: 0,
        };
        buffer.restore(state)?;
        Ok(buffer)
    }

    /// Adds the rows of a batch, none of which has a null for its time.
    ///
    /// # Errors
    /// If a key can't be encoded.
    pub fn push(&mut self, batch: Batch) -> Result<()> {
        self.push_stored(batch, None)
    }

    fn push_stored(&mut self, batch: Batch, number: Option<u64>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let columns: Vec<ArrayRef> =
            self.key.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let mut keys = EncodedRows::default();
        self.keys.encode(&columns, batch.len(), &mut keys)?;
        let times = times(&batch.rows, self.time);
        let mut order: Vec<u32> = (0..batch.len() as u32).collect();
        if !times.is_sorted() {
            order.sort_by_key(|row| times[*row as usize]);
        }
        let Batch { rows, origin } = batch;
        self.chunks.push(Chunk { rows, origin, keys, times, order, next: 0, number });
        Ok(())
    }

    /// Work on all rows before `until`, in the order of their keys and times.
    ///
    /// # Errors
    /// If the rows can't be put together, or the state can't be written.
    pub fn release(&mut self, until: i64, state: &mut StepState) -> Result<Vec<Work>> {
        let mut numbers = KeyNumbers::default();
        let mut rows = Vec::new();
        let mut batches = Vec::new();
        for chunk in &mut self.chunks {
            let first = chunk.next;
            while chunk.next < chunk.order.len() && chunk.time(chunk.next) < until {
                let row = chunk.order[chunk.next];
                let key = numbers.number(chunk.keys.row(row as usize));
                let time = chunk.times[row as usize];
                rows.push(RowRef { key, time, batch: batches.len() as u32, row });
                chunk.next += 1;
            }
            if chunk.next > first {
                batches.push((chunk.rows.clone(), chunk.origin.clone()));
            }
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.drop_done(state)?;
        let keys = numbers.finish();
        let tie = |a: &RowRef, b: &RowRef| self.tie(&batches, a, b);
        let rows = sort_by_key(rows, keys.len(), tie);
        Work::pieces(&batches, keys, &rows, true, until)
    }

    /// The order of rows of one key and time, which is that of their partitions and numbers. Rows
    /// that a step has derived have no numbers, and are told apart by what they hold.
    fn tie(&self, batches: &[(RecordBatch, Origin)], a: &RowRef, b: &RowRef) -> Ordering {
        let place = |row: &RowRef| {
            let origin = &batches[row.batch as usize].1;
            let partition = &origin.partition;
            (&partition.source, &partition.name, origin.row(row.row as usize))
        };
        let content = |row: &RowRef| {
            let rows = batches[row.batch as usize].0.slice(row.row as usize, 1);
            let mut bytes = EncodedRows::default();
            let columns = self.stored_columns(&rows, &batches[row.batch as usize].1, &[row.row]);
            let encoded = self.stored.encode(&columns, 1, &mut bytes);
            encoded.map(|()| bytes.row(0).to_vec()).unwrap_or_default()
        };
        place(a).cmp(&place(b)).then_with(|| content(a).cmp(&content(b)))
    }

    /// Forgets chunks whose rows have all left, and what is stored of them.
    fn drop_done(&mut self, state: &mut StepState) -> Result<()> {
        self.chunks.retain(|chunk| !chunk.is_done());
        let left: BTreeSet<u64> = self.chunks.iter().filter_map(|c| c.number).collect();
        let gone: Vec<u64> = self.numbers.keys().filter(|n| !left.contains(n)).copied().collect();
        for number in gone {
            state.remove_prefix(&names::rows(number))?;
            self.numbers.remove(&number);
        }
        Ok(())
    }

    /// Stores the rows that wait and are not stored yet. All before `handled` has left.
    ///
    /// # Errors
    /// If the state can't be written.
    pub fn freeze(&mut self, handled: i64, state: &mut StepState) -> Result<()> {
        let mut stored: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        let mut encoded = EncodedRows::default();
        for at in 0..self.chunks.len() {
            let chunk = &self.chunks[at];
            if chunk.number.is_some() {
                continue;
            }
            let left = &chunk.order[chunk.next..];
            let rows = take_record_batch(&chunk.rows, &UInt32Array::from(left.to_vec()))?;
            let columns = self.stored_columns(&rows, &chunk.origin, left);
            self.stored.encode(&columns, left.len(), &mut encoded)?;
            for (row, bytes) in left.iter().zip(encoded.iter()) {
                let group = key_group(chunk.keys.row(*row as usize));
                let value = stored.entry(group).or_default();
                value.extend((bytes.len() as u32).to_le_bytes());
                value.extend(bytes);
            }
            self.chunks[at].number = Some(self.next_number);
        }
        for (group, value) in &stored {
            let bytes = &names::rows(self.next_number);
            state.put(Key { group: *group, bytes }, value, NEVER)?;
        }
        if !stored.is_empty() {
            self.numbers.insert(self.next_number, stored.into_keys().collect());
            self.next_number += 1;
        }
        // Also for groups whose rows have all left: they are stored as long as others of their
        // chunk wait.
        for group in self.numbers.values().flatten().collect::<BTreeSet<_>>() {
            let key = Key { group: *group, bytes: &[names::HANDLED] };
            state.put(key, &handled.to_le_bytes(), NEVER)?;
        }
        Ok(())
    }

    fn stored_columns(&self, rows: &RecordBatch, origin: &Origin, at: &[u32]) -> Vec<ArrayRef> {
        let text = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, at.len())))
        };
        let numbers = at.iter().map(|row| origin.row(*row as usize));
        let mut columns = rows.columns().to_vec();
        columns.extend([text(&origin.partition.source), text(&origin.partition.name)]);
        columns.push(Arc::new(UInt64Array::from_iter_values(numbers)));
        columns
    }

    fn restore(&mut self, state: &mut StepState) -> Result<()> {
        let damaged = || Error::corrupt("the stored rows of a step are damaged");
        let mut handled: BTreeMap<u8, i64> = BTreeMap::new();
        state.scan(&[names::HANDLED], &mut |key, value| {
            let time = i64::from_le_bytes(value.try_into().map_err(|_| damaged())?);
            handled.insert(key.group, time);
            Ok(())
        })?;
        let mut all: Vec<(u64, u8, RecordBatch)> = Vec::new();
        let time = self.time;
        let stored = &self.stored;
        let whole = Arc::new(arrow::datatypes::Schema::new(stored.fields().clone()));
        state.scan(&[names::ROWS], &mut |key, value| {
            let number = key.bytes.get(1..).and_then(|bytes| bytes.try_into().ok());
            let number = u64::from_be_bytes(number.ok_or_else(damaged)?);
            let rows = split(value).ok_or_else(damaged)?;
            let columns = stored.decode(rows.iter().copied())?;
            let rows = record_batch(whole.clone(), columns, rows.len())?;
            let after = handled.get(&key.group).copied().unwrap_or(i64::MIN);
            let left = times(&rows, time).into_iter().enumerate();
            let left = left.filter(|(_, time)| *time >= after).map(|(row, _)| row as u32);
            let left: UInt32Array = left.collect::<Vec<_>>().into();
            all.push((number, key.group, take_record_batch(&rows, &left)?));
            Ok(())
        })?;
        for (number, group, rows) in all {
            self.next_number = self.next_number.max(number + 1);
            if rows.num_rows() == 0 {
                state.remove(Key { group, bytes: &names::rows(number) })?;
                continue;
            }
            self.numbers.entry(number).or_default().insert(group);
            self.restore_rows(number, &rows)?;
        }
        Ok(())
    }

    /// Adds stored rows, partition by partition.
    fn restore_rows(&mut self, number: u64, rows: &RecordBatch) -> Result<()> {
        let own = self.schema.fields().len();
        let (sources, partitions) =
            (rows.column(own).as_string::<i32>(), rows.column(own + 1).as_string::<i32>());
        let numbers = rows.column(own + 2).as_primitive::<UInt64Type>();
        let mut parts: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let name = (sources.value(row), partitions.value(row));
            parts.entry(name).or_default().push(row as u32);
        }
        let columns: Vec<usize> = (0..own).collect();
        for ((source, name), at) in parts {
            let numbers = at.iter().map(|row| numbers.value(*row as usize)).collect();
            let partition = Partition { source: source.to_owned(), name: name.to_owned() };
            let origin = Origin::numbered(Arc::new(partition), numbers);
            let taken = take_record_batch(&rows.project(&columns)?, &UInt32Array::from(at))?;
            let taken =
                record_batch(self.schema.clone(), taken.columns().to_vec(), taken.num_rows())?;
            self.push_stored(Batch::new(taken, origin), Some(number))?;
        }
        Ok(())
    }
}

/// The rows of a stored value: each with its length before it.
fn split(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let (row, rest) = rest.split_at_checked(length)?;
        rows.push(row);
        bytes = rest;
    }
    Some(rows)
}

/// The times of rows.
pub fn times(rows: &RecordBatch, column: usize) -> Vec<i64> {
    rows.column(column).as_primitive::<TimestampMicrosecondType>().values().to_vec()
}
