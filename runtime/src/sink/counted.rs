//! A file that counts and sums its bytes on their way to the disk.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::storage::AppendFile;

const BUFFER_BYTES: usize = 256 << 10;

/// What went into a file so far.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<(u64, crc32fast::Hasher)>>);

impl Tally {
    pub fn bytes(&self) -> u64 {
        self.lock().0
    }

    pub fn crc32(&self) -> u32 {
        self.lock().1.clone().finalize()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, crc32fast::Hasher)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffered file that counts and sums its bytes.
pub struct Counted {
    buffer: BufWriter<Summed>,
    tally: Tally,
}

struct Summed {
    file: Box<dyn AppendFile>,
    tally: Tally,
}

impl Counted {
    pub fn new(file: Box<dyn AppendFile>) -> (Self, Tally) {
        let tally = Tally::default();
        let summed = Summed { file, tally: tally.clone() };
        let buffer = BufWriter::with_capacity(BUFFER_BYTES, summed);
        (Self { buffer, tally: tally.clone() }, tally)
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn sync(mut self) -> io::Result<()> {
        self.buffer.flush()?;
        self.buffer.get_mut().file.sync()
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.buffer.write(bytes)?;
        // Bytes count from here on, not once the buffer is full: files end by their size.
        self.tally.lock().0 += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Writers flush at their whim; the file is flushed once, when it is synced.
        Ok(())
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.tally.lock().1.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
