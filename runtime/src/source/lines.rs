//! Bytes to records: one per line, or for CSV one per line outside quotes.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use arrow::array::BinaryArray;
use arrow::buffer::{Buffer, OffsetBuffer};

use crate::batch::{Batch, Origin, Partition, RAW_SCHEMA, record_batch};
use crate::config::{CsvConfig, Format};
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
/// What some editors put at the start of a text in UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Every line end.
    Lines,
    /// Every line end outside double quotes, which mean something only around a whole field.
    Csv { delimiter: u8 },
}

impl Framing {
    pub fn of(format: Format, csv: &CsvConfig) -> Self {
        match format {
            // A delimiter of several bytes is refused where the columns are read.
            Format::Csv => Self::Csv { delimiter: u8::try_from(csv.delimiter).unwrap_or(b',') },
            Format::Raw | Format::Ndjson | Format::Parquet => Self::Lines,
        }
    }
}

/// Cuts one partition's bytes into records. Blank lines are no records, and a byte order mark at
/// the start belongs to none.
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
    /// The beginning of a record that is too long, whose end is still to come.
    excerpt: Option<Vec<u8>>,
    /// After the last record that was cut.
    cut: Position,
    /// After the last record that was handed out.
    given: Position,
    values: Vec<u8>,
    offsets: Vec<i32>,
    /// What is to be handed out before anything else is cut, with the position after it.
    ready: VecDeque<(Poll, Position)>,
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
            excerpt: None,
            cut: position,
            given: position,
            values: Vec::new(),
            offsets: vec![0],
            ready: VecDeque::new(),
        }
    }

    /// How far everything that was handed out reaches.
    pub fn position(&self) -> Position {
        self.given
    }

    pub fn rows_collected(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_full(&self) -> bool {
        self.rows_collected() >= self.batch_rows
            || self.values.len() >= BATCH_BYTES_MAX
            || !self.ready.is_empty()
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
        let is_left = self.start < self.end || self.excerpt.is_some();
        if is_left && !self.is_full() && self.record_end().is_none() {
            self.record(self.end, self.end)?;
        }
        Ok(())
    }

    /// Takes the next record off instead of collecting it: a header. `at_end`: no more bytes come.
    pub fn take_record(&mut self, at_end: bool) -> Option<Vec<u8>> {
        loop {
            let (end, next) = match self.record_end() {
                Some(end) => (end, end + 1),
                None if at_end && self.start < self.end => (self.end, self.end),
                None => return None,
            };
            let record = trim(&self.buffer[self.content()..end]).to_vec();
            self.advance(next);
            if !is_blank(&record) {
                return Some(record);
            }
        }
    }

    /// What comes next: the rows collected so far, or dead letters.
    pub fn flush(&mut self) -> Result<Option<Poll>> {
        self.seal()?;
        let next = self.ready.pop_front();
        Ok(next.map(|(poll, position)| {
            self.given = position;
            poll
        }))
    }

    /// Makes a batch of the rows collected so far.
    fn seal(&mut self) -> Result<()> {
        let rows = self.rows_collected();
        if rows == 0 {
            return Ok(());
        }
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(rows + 1));
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(offsets.into());
        let array = BinaryArray::try_new(offsets, Buffer::from_vec(values), None)?;
        let batch = record_batch(RAW_SCHEMA.clone(), vec![Arc::new(array)], rows)?;
        let first = self.cut.rows - rows as u64;
        let origin = Origin::consecutive(self.partition.clone(), first);
        self.ready.push_back((Poll::Batch(Batch::new(batch, origin)), self.cut));
        Ok(())
    }

    /// Where the first record begins.
    fn content(&self) -> usize {
        let rest = &self.buffer[self.start..self.end];
        let mark = self.cut.offset == 0 && rest.starts_with(BYTE_ORDER_MARK);
        self.start + if mark { BYTE_ORDER_MARK.len() } else { 0 }
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
            Framing::Csv { delimiter } => self.csv_record_end(delimiter),
        }
    }

    fn csv_record_end(&mut self, delimiter: u8) -> Option<usize> {
        let content = self.content();
        while let Some(at) = memchr::memchr2(b'\n', b'"', &self.buffer[self.scanned..self.end]) {
            let at = self.scanned + at;
            let quote = self.buffer[at] == b'"';
            if !quote && !self.in_quotes {
                self.scanned = at;
                return Some(at);
            }
            let mut next = at + 1;
            if quote && self.in_quotes {
                match self.buffer[..self.end].get(at + 1) {
                    // Two quotes are one, and part of the field.
                    Some(b'"') => next += 1,
                    Some(_) => self.in_quotes = false,
                    None => {
                        self.scanned = at;
                        return None;
                    }
                }
            } else if quote {
                let at_start = at == content && self.excerpt.is_none();
                self.in_quotes = at_start || self.buffer[at - 1] == delimiter;
            }
            self.scanned = next;
        }
        self.scanned = self.end;
        None
    }

    /// Collects `buffer[start..end]`; the next record begins at `next`.
    fn record(&mut self, end: usize, next: usize) -> Result<()> {
        if end - self.start > RECORD_BYTES_MAX {
            self.too_long()?;
        }
        if let Some(excerpt) = self.excerpt.take() {
            self.advance(next);
            return self.refuse_long(&excerpt);
        }
        let record = trim(&self.buffer[self.content()..end]);
        if !is_blank(record) {
            self.values.extend_from_slice(record);
            self.offsets.push(self.values.len() as i32);
            self.cut.rows += 1;
        }
        self.advance(next);
        Ok(())
    }

    fn advance(&mut self, next: usize) {
        self.cut.offset += (next - self.start) as u64;
        self.start = next;
        self.scanned = next;
        self.in_quotes = false;
    }

    /// Drops what is there of a record that is too long. It is refused at its end, not before: a
    /// position within it would be no place to go on from.
    fn too_long(&mut self) -> Result<()> {
        if self.excerpt.is_none() {
            self.seal()?;
            let excerpt = &self.buffer[self.start..self.start + EXCERPT_BYTES];
            self.excerpt = Some(excerpt.to_vec());
        }
        let (in_quotes, scanned) = (self.in_quotes, self.scanned);
        self.advance(scanned);
        self.in_quotes = in_quotes;
        Ok(())
    }

    fn refuse_long(&mut self, excerpt: &[u8]) -> Result<()> {
        let array = BinaryArray::from_vec(vec![excerpt]);
        let rows = record_batch(RAW_SCHEMA.clone(), vec![Arc::new(array)], 1)?;
        // The rows keep consecutive numbers: this record does not count as one.
        let origin = Origin::consecutive(self.partition.clone(), self.cut.rows);
        let refuser = Refuser { step: self.partition.source.clone(), plugin: None };
        let message = format!(
            "the record has more than {RECORD_BYTES_MAX} bytes; the payload is its beginning"
        );
        let refusal = Refusal::new(0, "too_long", message);
        let letters = letters(&refuser, &Batch::new(rows, origin), &[refusal])?;
        self.ready.push_back((Poll::Errors(letters), self.cut));
        Ok(())
    }
}

fn is_blank(record: &[u8]) -> bool {
    record.iter().all(u8::is_ascii_whitespace)
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
        let start = Position { rows: 0, offset: 0, done: false, id: None };
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
            assert_eq!(framer.position(), Position { rows: 3, offset: 13, done: false, id: None });
        }
    }

    #[test]
    fn a_quoted_line_end_does_not_end_a_csv_record() {
        let text = "1,\"a\nb\"\n2,\"c\"\"\n\"\n";
        for size in 1..=text.len() {
            let mut framer = framer(Framing::Csv { delimiter: b',' }, 10);
            for part in text.as_bytes().chunks(size) {
                framer.push(part);
                framer.cut().unwrap();
            }
            assert_eq!(records(&mut framer), ["1,\"a\nb\"", "2,\"c\"\"\n\""], "reads of {size}");
        }
    }

    /// A quote within a field is a letter like any other: an inch mark must not swallow the file.
    #[test]
    fn a_quote_within_a_csv_field_does_not_hide_line_ends() {
        let text = "\u{feff}\"a\nb\",5\" disk\n1,a\"\"b\n";
        for size in 1..=text.len() {
            let mut framer = framer(Framing::Csv { delimiter: b',' }, 10);
            for part in text.as_bytes().chunks(size) {
                framer.push(part);
                framer.cut().unwrap();
            }
            assert_eq!(records(&mut framer), ["\"a\nb\",5\" disk", "1,a\"\"b"], "reads of {size}");
        }
    }

    /// What is handed out may be committed at once: a position beyond it would lose rows, one
    /// within a record would make a row of its rest.
    #[test]
    fn the_position_is_after_what_was_handed_out() {
        let mut framer = framer(Framing::Lines, 10);
        framer.push(b"a\n");
        framer.push(&vec![b'x'; RECORD_BYTES_MAX + 1]);
        framer.cut().unwrap();
        assert_eq!(records(&mut framer), ["a"]);
        assert_eq!(framer.position(), Position { rows: 1, offset: 2, done: false, id: None });
        framer.push(b"xx\nb\n");
        framer.cut().unwrap();
        let Some(Poll::Errors(_)) = framer.flush().unwrap() else { panic!() };
        let offset = (RECORD_BYTES_MAX + 6) as u64;
        assert_eq!(framer.position(), Position { rows: 1, offset, done: false, id: None });
        framer.cut().unwrap();
        assert_eq!(records(&mut framer), ["b"]);
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
        framer.cut().unwrap();
        assert_eq!(records(&mut framer), ["ok"]);
        assert_eq!(framer.position().offset, (40 << 20) + 4);
        assert!(framer.buffer.len() < 20 << 20, "the buffer stays bounded");
    }
}
