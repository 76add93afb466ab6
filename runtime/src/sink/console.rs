//! Rows on standard output, as JSON lines.

use std::io::{Write, stdout};

use super::{Sink, Staged};
use crate::batch::Batch;
use crate::config::ConsoleConfig;
use crate::epoch::Epoch;
use crate::error::{Error, Result};

pub struct Console {
    left: u64,
}

impl Console {
    pub fn new(config: &ConsoleConfig) -> Self {
        Self { left: config.limit.unwrap_or(u64::MAX) }
    }
}

impl Sink for Console {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let count = self.left.min(batch.len() as u64);
        self.left -= count;
        if count == 0 {
            return Ok(());
        }
        let mut text = arrow::json::LineDelimitedWriter::new(Vec::new());
        text.write(&batch.rows.slice(0, count as usize))?;
        text.finish()?;
        // One write per batch, so that the lines of two lanes don't mix.
        stdout()
            .lock()
            .write_all(&text.into_inner())
            .map_err(|e| Error::config("cannot write to standard output").with(e))
    }

    fn stage(&mut self, _: Epoch) -> Result<Vec<Staged>> {
        stdout().flush().map_err(|e| Error::config("cannot write to standard output").with(e))?;
        Ok(Vec::new())
    }
}
