//! Bytes that come when they come: a thread reads, the lane takes.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::lines::{Framer, Framing};
use super::{Activity, Poll, Position, Positions, Reading, Source};
use crate::batch::Partition;
use crate::config::{CsvConfig, Format};
use crate::error::{Error, Result};

/// So many chunks wait at most; then the reading thread waits, and with it the other side.
const CHUNKS_MAX: usize = 16;
const CHUNK_BYTES: usize = 64 << 10;

/// What a reading thread says.
pub enum Chunk {
    Bytes(Vec<u8>),
    /// No more bytes will come.
    End,
    Failed(std::io::Error),
}

/// A channel for one stream of bytes.
pub fn channel() -> (Sender<Chunk>, Receiver<Chunk>) {
    bounded(CHUNKS_MAX)
}

/// Reads `reader` to its end. Returns early when nobody listens any more.
pub fn pump(mut reader: impl Read, chunks: &Sender<Chunk>) {
    loop {
        let mut bytes = vec![0; CHUNK_BYTES];
        let chunk = match reader.read(&mut bytes) {
            Ok(0) => Chunk::End,
            Ok(n) => {
                bytes.truncate(n);
                Chunk::Bytes(bytes)
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => Chunk::Failed(e),
        };
        let last = !matches!(chunk, Chunk::Bytes(_));
        if chunks.send(chunk).is_err() || last {
            return;
        }
    }
}

/// Records of one stream of bytes. Rows are given as soon as they are there.
pub struct StreamReader {
    partition: Arc<Partition>,
    framer: Framer,
    chunks: Receiver<Chunk>,
    skip_header: bool,
    at_end: bool,
    changed: bool,
    empty_since: Option<Instant>,
}

impl StreamReader {
    /// Row numbers go on from `positions`, where earlier runs left off.
    pub fn new(
        partition: Partition,
        format: Format,
        csv: &CsvConfig,
        batch_rows: usize,
        positions: &Positions,
        chunks: Receiver<Chunk>,
    ) -> Self {
        let partition = Arc::new(partition);
        let start = Position { rows: 0, offset: 0, done: false, id: None };
        let position = positions.get(&partition.name).copied().unwrap_or(start);
        let framing = Framing::of(format, csv);
        let skip_header = format == Format::Csv && csv.header;
        let framer = Framer::new(framing, partition.clone(), batch_rows, position);
        Self {
            partition,
            framer,
            chunks,
            skip_header,
            at_end: false,
            changed: false,
            empty_since: None,
        }
    }

    fn cut(&mut self) -> Result<Option<Poll>> {
        if self.skip_header && self.framer.take_record(self.at_end).is_some() {
            self.skip_header = false;
        }
        if !self.skip_header {
            self.framer.cut()?;
            if self.at_end {
                self.framer.cut_last()?;
            }
        }
        self.framer.flush()
    }
}

impl Source for StreamReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        loop {
            if let Some(polled) = self.cut()? {
                self.changed = true;
                self.empty_since = None;
                return Ok(polled);
            }
            if self.at_end {
                return Ok(Poll::Finished);
            }
            match self.chunks.recv_timeout(wait) {
                Ok(Chunk::Bytes(bytes)) => self.framer.push(&bytes),
                Ok(Chunk::End) | Err(RecvTimeoutError::Disconnected) => self.at_end = true,
                Ok(Chunk::Failed(e)) => {
                    let message = format!("cannot read {}", self.partition.name);
                    return Err(Error::unavailable(message).with(e));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.empty_since.get_or_insert_with(Instant::now);
                    return Ok(Poll::Pending);
                }
            }
        }
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        match std::mem::take(&mut self.changed) {
            true => vec![(self.partition.name.clone(), self.framer.position())],
            false => Vec::new(),
        }
    }

    fn activity(&self) -> Activity {
        let (partition, empty_since) = (self.partition.clone(), self.empty_since);
        Activity { reading: vec![Reading { partition, empty_since }], unread: false }
    }
}
