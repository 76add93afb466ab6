//! Standard input.

use std::sync::Arc;

use super::lines::Framing;
use super::stream::{StreamReader, channel, pump};
use super::{OpenContext, Position};
use crate::batch::Partition;
use crate::config::{Format, StdinConfig};

const PARTITION: &str = "stdin";

/// Starts reading standard input. Row numbers go on from the last checkpoint.
pub fn open(name: &str, config: &StdinConfig, context: &OpenContext) -> StreamReader {
    let (sender, chunks) = channel();
    // The thread ends with its input, with the process, or when the reader is dropped.
    std::thread::spawn(move || pump(std::io::stdin(), &sender));
    let partition = Partition { source: name.to_owned(), name: PARTITION.to_owned() };
    let start = Position { rows: 0, offset: 0, done: false };
    let position = context.positions.get(PARTITION).copied().unwrap_or(start);
    let framing = Framing::of(config.format, &config.csv);
    let header = config.format == Format::Csv && config.csv.header;
    StreamReader::new(Arc::new(partition), framing, header, context.batch_rows, position, chunks)
}
