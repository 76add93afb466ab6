//! Standard input.

use super::OpenContext;
use super::stream::{StreamReader, channel, pump};
use crate::batch::Partition;
use crate::config::StdinConfig;

/// Starts reading standard input. Row numbers go on from the last checkpoint.
pub fn open(name: &str, config: &StdinConfig, context: &OpenContext) -> StreamReader {
    let (sender, chunks) = channel();
    // The thread ends with its input, with the process, or when the reader is dropped.
    std::thread::spawn(move || pump(std::io::stdin(), &sender));
    let partition = Partition { source: name.to_owned(), name: "stdin".to_owned() };
    let (rows, positions) = (context.batch_rows, context.positions);
    StreamReader::new(partition, config.format, &config.csv, rows, positions, chunks)
}
