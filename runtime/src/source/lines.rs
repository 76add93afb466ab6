//! Bytes to records: one per line, or for CSV one per line outside quotes.

use std::io::{self, Read};
use std::sync::{Arc, LazyLock};

use arrow::array::BinaryArray;
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::source::{Poll, Position};

/// A record may have so many bytes; a longer one becomes a dead letter.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// A batch ends after so many bytes, whatever its rows.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// So much of a record that is too long goes into its dead letter.
const EXCERPT_BYTES: usize = 1024;
const READ_BYTES: usize = 1 << 20;

/// The columns of a raw source: `value`, the record's bytes without its line end.
pub static RAW_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("value", DataType::Binary, false)])));

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Every line end.
    Lines,
    /// Every line end outside double quotes.
    Csv,
}

/// Cuts one partition's bytes into records. Blank lines are no records.
pub struct Framer {
    framing: Framing,
    partition: Arc<Partition>,
    batch_rows: usize,
    /// Bytes read and not yet cut are `buffer[start..end]`, of which none up to `scanned` ends a
    /// record.
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    in_quotes: bool,
    /// Inside a record that is too long, whose end is still to come.
    skipping: bool,
    /// After the last record that was handed out or collected.
    position: Position,
    values: Vec<u8>,
    offsets: Vec<i32>,
    errors: Vec<Batch>,
}

impl Framer {
    /// Goes on at `position`, to which the bytes must have been moved already.
    pub fn new(
        framing: Framing,
        partition: Arc<Partition>,
        batch_rows: usize,
        position: Position,
    ) -> Self {
        Self {
            framing,
            partition,
            batch_rows,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            in_quotes: false,
            skipping: false,
            position,
            values: Vec::new(),
            offsets: vec![0],
            errors: Vec::new(),
        }
    }

    /// How far everything that was collected reaches. At a barrier nothing may be collected that
    /// was not handed out: call [`flush`](Self::flush) before.
    pub fn position(&self) -> Position {
        self.position
    }

    pub fn rows_collected(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_full(&self) -> bool {
        self.rows_collected() >= self.batch_rows || self.values.len() >= BATCH_BYTES_MAX
    }

    /// Reads once more; 0 at the end.
    pub fn read(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        self.make_room(READ_BYTES);
        let n = reader.read(&mut self.buffer[self.end..])?;
        self.end += n;
        Ok(n)
    }

    /// Adds bytes that were read elsewhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buffer[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Cuts records until a batch is full or no whole record is left.
    pub fn cut(&mut self) -> Result<()> {
        while !self.is_full() {
            let Some(end) = self.record_end() else { break };
            self.record(end, end + 1)?;
        }
        if self.end - self.start > RECORD_BYTES_MAX && !self.is_full() {
            self.too_long()?;
        }
        Ok(())
    }

    /// Cuts the last record, which no line end follows.
    pub fn cut_last(&mut self) -> Result<()> {
        if self.start < self.end && !self.is_full() && self.record_end().is_none() {
            self.record(self.end, self.end)?;
        }
        Ok(())
    }

    /// Takes the next record off instead of collecting it: a header.
    pub fn take_record(&mut self) -> Option<Vec<u8>> {
        let end = self.record_end()?;
        let record = trim(&self.buffer[self.start..end]).to_vec();
        self.advance(end + 1);
        Some(record)
    }

    /// The rows collected so far; dead letters first.
    pub fn flush(&mut self) -> Result<Option<Poll>> {
        if let Some(errors) = self.errors.pop() {
            return Ok(Some(Poll::Errors(errors)));
        }
        let rows = self.rows_collected();
        if rows == 0 {
            return Ok(None);
        }
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(rows + 1));
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(offsets.into());
        let array = BinaryArray::try_new(offsets, Buffer::from_vec(values), None)?;
        let batch = record_batch(RAW_SCHEMA.clone(), vec![Arc::new(array)], rows)?;
        let first = self.position.rows - rows as u64;
        let origin = Origin::consecutive(self.partition.clone(), first);
        Ok(Some(Poll::Batch(Batch::new(batch, origin))))
    }

    fn make_room(&mut self, bytes: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + bytes {
            self.buffer.resize(self.end + bytes, 0);
        }
    }

    /// The index of the line end that ends the first record.
    fn record_end(&mut self) -> Option<usize> {
        match self.framing {
            Framing::Lines => {
                let found = memchr::memchr(b'\n', &self.buffer[self.scanned..self.end]);
                let end = found.map(|at| self.scanned + at);
                self.scanned = end.unwrap_or(self.end);
                end
            }
            Framing::Csv => {
                while let Some(at) =
                    memchr::memchr2(b'\n', b'"', &self.buffer[self.scanned..self.end])
                {
                    let at = self.scanned + at;
                    match self.buffer[at] {
                        b'"' => self.in_quotes = !self.in_quotes,
                        _ if !self.in_quotes => {
                            self.scanned = at;
                            return Some(at);
                        }
                        _ => {}
                    }
                    self.scanned = at + 1;
                }
                self.scanned = self.end;
                None
            }
        }
    }

    /// Collects `buffer[start..end]`; the next record begins at `next`.
    fn record(&mut self, end: usize, next: usize) -> Result<()> {
        if std::mem::take(&mut self.skipping) {
            self.advance(next);
            return Ok(());
        }
        if end - self.start > RECORD_BYTES_MAX {
            self.refuse_long()?;
            self.advance(next);
            return Ok(());
        }
        let record = trim(&self.buffer[self.start..end]);
        if !record.iter().all(u8::is_ascii_whitespace) {
            self.values.extend_from_slice(record);
            self.offsets.push(self.values.len() as i32);
            self.position.rows += 1;
        }
        self.advance(next);
        Ok(())
    }

    fn advance(&mut self, next: usize) {
        self.position.offset += (next - self.start) as u64;
        self.start = next;
        self.scanned = next;
        self.in_quotes = false;
    }

    /// Drops the beginning of a record that has no end in sight.
    fn too_long(&mut self) -> Result<()> {
        if !self.skipping {
            self.refuse_long()?;
            self.skipping = true;
        }
        let in_quotes = self.in_quotes;
        self.advance(self.end);
        self.in_quotes = in_quotes;
        Ok(())
    }

    fn refuse_long(&mut self) -> Result<()> {
        let excerpt = &self.buffer[self.start..self.start + EXCERPT_BYTES];
        let array = BinaryArray::from_vec(vec![excerpt]);
        let rows = record_batch(RAW_SCHEMA.clone(), vec![Arc::new(array)], 1)?;
        let origin = Origin::consecutive(self.partition.clone(), self.position.rows);
        let refuser = Refuser { step: self.partition.source.clone(), plugin: None };
        let message = format!(
            "the record has more than {RECORD_BYTES_MAX} bytes; the payload is its beginning"
        );
        let refusal = Refusal::new(0, "too_long", message);
        self.errors.push(letters(&refuser, &Batch::new(rows, origin), &[refusal])?);
        // The rows collected so far keep consecutive numbers: this record does not count as one.
        Ok(())
    }
}

fn trim(record: &[u8]) -> &[u8] {
    record.strip_suffix(b"\r").unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};

    fn framer(framing: Framing, batch_rows: usize) -> Framer {
        let partition = Partition { source: "s".into(), name: "p".into() };
        let start = Position { rows: 0, offset: 0, done: false };
        Framer::new(framing, Arc::new(partition), batch_rows, start)
    }

    fn records(framer: &mut Framer) -> Vec<String> {
        match framer.flush().unwrap() {
            Some(Poll::Batch(batch)) => {
                let values = batch.rows.column(0).as_binary::<i32>();
                (0..values.len())
                    .map(|i| String::from_utf8(values.value(i).to_vec()).unwrap())
                    .collect()
            }
            None => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    /// However the bytes are cut into reads, the records and positions are the same.
    #[test]
    fn records_do_not_depend_on_the_size_of_reads() {
        let text = "a\r\n\nbb\n  \nccc";
        for size in 1..=text.len() {
            let mut framer = framer(Framing::Lines, 10);
            for part in text.as_bytes().chunks(size) {
                framer.push(part);
                framer.cut().unwrap();
            }
            framer.cut_last().unwrap();
            assert_eq!(records(&mut framer), ["a", "bb", "ccc"], "reads of {size}");
            assert_eq!(framer.position(), Position { rows: 3, offset: 13, done: false });
        }
    }

    #[test]
    fn a_quoted_line_end_does_not_end_a_csv_record() {
        let text = "1,\"a\nb\"\n2,\"c\"\"\n\"\n";
        for size in 1..=text.len() {
            let mut framer = framer(Framing::Csv, 10);
            for part in text.as_bytes().chunks(size) {
                framer.push(part);
                framer.cut().unwrap();
            }
            assert_eq!(records(&mut framer), ["1,\"a\nb\"", "2,\"c\"\"\n\""], "reads of {size}");
        }
    }

    #[test]
    fn a_record_beyond_the_bound_becomes_a_dead_letter_and_the_next_goes_on() {
        let mut framer = framer(Framing::Lines, 10);
        let part = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            framer.push(&part);
            framer.cut().unwrap();
        }
        framer.push(b"\nok\n");
        framer.cut().unwrap();
        let Some(Poll::Errors(errors)) = framer.flush().unwrap() else { panic!() };
        assert_eq!(errors.len(), 1);
        assert_eq!(records(&mut framer), ["ok"]);
        assert_eq!(framer.position().offset, (40 << 20) + 4);
        assert!(framer.buffer.len() < 20 << 20, "the buffer stays bounded");
    }
}
