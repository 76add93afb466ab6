//! Records to columns with Arrow's own readers, and bad records apart from the others.

mod exact;
mod instant;
mod isolate;
mod reader;

pub use instant::Instants;
pub use isolate::isolate;
pub use reader::{Decoded, RecordReader, csv_format, decode_all, decode_payloads};
