//! Reference data: a file in memory, looked at again from time to time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Partition;
use crate::codec::decode_all;
use crate::config::Format;
use crate::error::{Error, Result};
use crate::plan::TablePlan;
use crate::source::{Poll, Records};

/// Rows that are decoded at a time.
const CHUNK_ROWS: usize = 65_536;

/// One version of a table.
pub struct TableVersion {
    pub rows: RecordBatch,
    /// Grows with every version.
    pub number: u64,
}

/// A table that lanes read while it is refreshed.
pub struct Table {
    plan: TablePlan,
    current: ArcSwap<TableVersion>,
}

/// What tells whether a file has changed.
type Stamp = (SystemTime, u64);

impl Table {
    /// Reads the table for the first time.
    ///
    /// # Errors
    /// If the file can't be read, or a row does not fit the schema.
    pub fn load(plan: TablePlan) -> Result<Arc<Self>> {
        let rows = read(&plan)?;
        let current = ArcSwap::from_pointee(TableVersion { rows, number: 0 });
        Ok(Arc::new(Self { plan, current }))
    }

    pub fn current(&self) -> Arc<TableVersion> {
        self.current.load_full()
    }

    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Looks at the file every `refresh` until the returned sender is dropped. A version that
    /// can't be read leaves the last one in place.
    pub fn keep_fresh(self: &Arc<Self>) -> Option<Sender<()>> {
        let every = self.plan.config.refresh?.0;
        let (keep, stop) = bounded(0);
        let table = self.clone();
        let stamp = stamp(&table.plan.path);
        std::thread::spawn(move || table.watch(every, stamp, &stop));
        Some(keep)
    }

    fn watch(&self, every: Duration, mut seen: Option<Stamp>, stop: &Receiver<()>) {
        while let Err(crossbeam_channel::RecvTimeoutError::Timeout) = stop.recv_timeout(every) {
            let now = stamp(&self.plan.path);
            if now == seen {
                continue;
            }
            match read(&self.plan) {
                Ok(rows) => {
                    let number = self.current.load().number + 1;
                    tracing::info!(table = self.plan.name, rows = rows.num_rows(), "refreshed");
                    self.current.store(Arc::new(TableVersion { rows, number }));
                    seen = now;
                }
                Err(error) => {
                    tracing::warn!(table = self.plan.name, %error, "cannot refresh; the last version stays");
                }
            }
        }
    }
}

/// SHA-256 of a table's file, in hexadecimal.
///
/// # Errors
/// `Config` if it can't be read.
pub fn digest(path: &Path) -> Result<String> {
    let wrong = |e| Error::config(format!("cannot read {}: {e}", path.display()));
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(Error::config(format!("{} is no file", path.display())));
    }
    let bytes = std::fs::read(path).map_err(wrong)?;
    Ok(crate::plugin::digest(&bytes))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(plan: &TablePlan) -> Result<RecordBatch> {
    let wrong = |e: Error| {
        let message = format!("cannot read table `{}` from {}", plan.name, plan.path.display());
        Error::new(e.kind, message).with(e)
    };
    let mut parts = Vec::new();
    match plan.format {
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            parts = crate::source::parquet_rows(&plan.path).map_err(wrong)?;
        }
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(Error::config("this build of Millrace has no Parquet")),
        Format::Raw | Format::Ndjson | Format::Csv => {
            let file = File::open(&plan.path).map_err(|e| Error::io("open", &plan.path, e))?;
            let name = plan.path.display().to_string();
            let partition = Partition { source: plan.name.clone(), name };
            let mut records =
                Records::new(file, partition, plan.format, &plan.config.csv, CHUNK_ROWS)
                    .map_err(wrong)?;
            while let Some(polled) = records.read_batch().map_err(wrong)? {
                let Poll::Batch(batch) = polled else {
                    return Err(wrong(Error::config("a record is too long")));
                };
                if plan.format == Format::Raw {
                    parts.push(batch.rows);
                    continue;
                }
                let column = batch.rows.column(0).as_binary::<i32>();
                let csv = &plan.config.csv;
                let rows = decode_all(plan.format, csv, &plan.read_as, &plan.schema, column);
                parts.push(rows.map_err(wrong)?);
            }
        }
    }
    Ok(concat_batches(&plan.schema, &parts)?)
}
