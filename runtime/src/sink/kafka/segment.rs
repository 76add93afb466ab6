//! Records of an epoch on the disk, until they are published: should their transaction be lost,
//! they are sent again from here.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::super::counted::{Counted, Tally};
use crate::error::{Error, Result};
use crate::sink::StagedRecords;
use crate::storage::Storage;

/// A segment as it is written.
pub struct SegmentWriter {
    path: PathBuf,
    writer: StreamWriter<Counted>,
    tally: Tally,
    rows: u64,
}

impl SegmentWriter {
    /// # Errors
    /// If the file can't be made.
    pub fn create(storage: &dyn Storage, path: PathBuf, schema: &SchemaRef) -> Result<Self> {
        let file = storage.create(&path).map_err(|e| Error::io("create", &path, e))?;
        let (counted, tally) = Counted::new(file);
        let writer = StreamWriter::try_new(counted, schema).map_err(|e| unwritable(&path, e))?;
        Ok(Self { path, writer, tally, rows: 0 })
    }

    /// # Errors
    /// If the file can't be written.
    pub fn write(&mut self, records: &RecordBatch) -> Result<()> {
        self.rows += records.num_rows() as u64;
        self.writer.write(records).map_err(|e| unwritable(&self.path, e))
    }

    pub fn bytes(&self) -> u64 {
        self.tally.bytes()
    }

    /// Makes the segment durable.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(mut self, sink: &str) -> Result<StagedRecords> {
        self.writer.finish().map_err(|e| unwritable(&self.path, e))?;
        let counted = self.writer.into_inner().map_err(|e| unwritable(&self.path, e))?;
        counted.sync().map_err(|e| Error::io("write", &self.path, e))?;
        Ok(StagedRecords {
            sink: sink.to_owned(),
            path: self.path,
            rows: self.rows,
            bytes: self.tally.bytes(),
            crc32: self.tally.crc32(),
        })
    }
}

/// The batches of a segment.
///
/// # Errors
/// `Corrupt` if the segment is not what was written.
pub fn read(storage: &dyn Storage, segment: &StagedRecords) -> Result<Vec<RecordBatch>> {
    let path = &segment.path;
    let damaged = |why: String| {
        Error::corrupt(format!(
            "{} holds committed records that may not have reached Kafka, and {why}: restore it \
             from a backup, or start with a new checkpoint and a new output",
            path.display()
        ))
    };
    let bytes = match storage.read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("it is gone".to_owned()));
        }
        Err(e) => return Err(Error::io("read", path, e)),
    };
    if bytes.len() as u64 != segment.bytes || crc32fast::hash(&bytes) != segment.crc32 {
        return Err(damaged(format!(
            "it is not what was written ({} bytes, {} expected)",
            bytes.len(),
            segment.bytes
        )));
    }
    let reader = StreamReader::try_new(bytes.as_slice(), None);
    let batches = reader.and_then(Iterator::collect);
    batches.map_err(|e| damaged(e.to_string()))
}

fn unwritable(path: &Path, error: arrow::error::ArrowError) -> Error {
    Error::unavailable(format!("cannot write {}", path.display())).with(error)
}
