//! Files: rows of an epoch go into finished files in a hidden directory, and from there, once the
//! epoch is committed, by rename into sight.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::counted::{Counted, Tally};
use super::format::{FormatWriter, extension};
use super::{Sink, SinkContext, Staged, StagedFile};
use crate::batch::{Batch, record_batch};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::plan::FileSinkPlan;
use crate::storage::Directories;

/// The hidden directory under the sink's own.
const STAGING: &str = ".millrace";
/// So many files are open at a time; at one more, all of them are finished.
const OPEN_FILES_MAX: usize = 128;
/// Longest name that file systems take.
const NAME_BYTES_MAX: usize = 255;
/// The value of a partition whose column is null, as Hive and Spark write it.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// One lane of a file sink.
pub struct FileSink {
    name: String,
    plan: FileSinkPlan,
    /// Of the files: without the columns that became directories.
    schema: SchemaRef,
    kept: Vec<usize>,
    context: SinkContext,
    staging: PathBuf,
    /// The first epoch in which the next file may be committed.
    epoch: Epoch,
    /// Files begun since then.
    files: u32,
    open: BTreeMap<String, OpenFile>,
    finished: Vec<Staged>,
}

struct OpenFile {
    staged: PathBuf,
    name: String,
    writer: FormatWriter,
    tally: Tally,
    rows: u64,
}

/// Where a sink stages what it writes.
pub fn staging_directory(plan: &FileSinkPlan, id: &str) -> PathBuf {
    plan.directory.join(STAGING).join(id)
}

impl FileSink {
    /// # Errors
    /// If its directories can't be made.
    pub fn open(
        name: &str,
        plan: &FileSinkPlan,
        input: &SchemaRef,
        context: &SinkContext,
    ) -> Result<Self> {
        let staging = staging_directory(plan, &context.id);
        let made = Directories::default().make(&*context.storage, &staging);
        made.map_err(|e| Error::io("make the directory", &staging, e))?;
        let kept: Vec<usize> =
            (0..input.fields().len()).filter(|at| !plan.partition_by.contains(at)).collect();
        let schema = Arc::new(Schema::new(input.project(&kept)?.fields().clone()));
        Ok(Self {
            name: name.to_owned(),
            plan: plan.clone(),
            schema,
            kept,
            context: context.clone(),
            staging,
            epoch: context.epoch,
            files: 0,
            open: BTreeMap::new(),
            finished: Vec::new(),
        })
    }

    fn write_to(&mut self, directory: &str, batch: &Batch) -> Result<()> {
        if !self.open.contains_key(directory) {
            if self.open.len() >= OPEN_FILES_MAX {
                self.finish_all()?;
            }
            let file = self.begin()?;
            self.open.insert(directory.to_owned(), file);
        }
        let Some(file) = self.open.get_mut(directory) else { return Ok(()) };
        let columns = self.kept.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let rows = record_batch(self.schema.clone(), columns, batch.len())?;
        file.writer.write(&rows).map_err(|e| at_path(&file.staged, e))?;
        file.rows += rows.num_rows() as u64;
        if file.writer.size(file.tally.bytes()) >= self.plan.size_max
            && let Some(file) = self.open.remove(directory)
        {
            self.finish(directory, file)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<OpenFile> {
        // Two sinks may share a directory.
        let sink = self.name.rsplit('.').next().unwrap_or_default();
        let name = format!(
            "part-{}-{:08}-{sink}-{}-{:03}.{}",
            self.context.id,
            self.epoch.0,
            self.context.lane,
            self.files,
            extension(self.plan.format)
        );
        self.files += 1;
        let staged = self.staging.join(&name);
        let file = self.context.storage.create(&staged);
        let file = file.map_err(|e| Error::io("create", &staged, e))?;
        let (counted, tally) = Counted::new(file);
        let writer = FormatWriter::new(self.plan.format, &self.schema, counted)?;
        Ok(OpenFile { staged, name, writer, tally, rows: 0 })
    }

    fn finish(&mut self, directory: &str, file: OpenFile) -> Result<()> {
        let path = file.staged;
        let counted = file.writer.finish().map_err(|e| at_path(&path, e))?;
        counted.sync().map_err(|e| Error::io("write", &path, e))?;
        self.finished.push(Staged::File(StagedFile {
            sink: self.name.clone(),
            staged: path,
            directory: self.plan.directory.join(directory),
            name: file.name,
            rows: file.rows,
            bytes: file.tally.bytes(),
            crc32: file.tally.crc32(),
        }));
        Ok(())
    }

    fn finish_all(&mut self) -> Result<()> {
        while let Some((directory, file)) = self.open.pop_first() {
            self.finish(&directory, file)?;
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        if self.plan.partition_by.is_empty() {
            return self.write_to("", batch);
        }
        for (directory, rows) in partitions(batch, &self.plan.partition_by)? {
            self.write_to(&directory, &batch.take(&rows)?)?;
        }
        Ok(())
    }

    fn stage(&mut self, epoch: Epoch) -> Result<Vec<Staged>> {
        self.finish_all()?;
        // An epoch that held nothing gives its number to the next, so only one that holds
        // something ends a name's life: two files of the same name would be one file.
        if !self.finished.is_empty() {
            let synced = self.context.storage.sync_dir(&self.staging);
            synced.map_err(|e| Error::io("sync", &self.staging, e))?;
            self.files = 0;
            self.epoch = epoch.next();
        }
        Ok(std::mem::take(&mut self.finished))
    }
}

fn at_path(path: &std::path::Path, error: Error) -> Error {
    Error::new(error.kind, format!("cannot write {}", path.display())).with(error)
}

/// The rows of each directory, `column=value/column=value`.
fn partitions(batch: &Batch, columns: &[usize]) -> Result<BTreeMap<String, UInt32Array>> {
    let options = FormatOptions::default();
    let schema = batch.rows.schema();
    let formatted = columns.iter().map(|at| {
        let column: &ArrayRef = batch.rows.column(*at);
        Ok((schema.field(*at).name(), column, ArrayFormatter::try_new(column, &options)?))
    });
    let formatted = formatted.collect::<Result<Vec<_>>>()?;
    let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for row in 0..batch.len() {
        let mut directory = String::new();
        for (name, column, text) in &formatted {
            if !directory.is_empty() {
                directory.push('/');
            }
            let value = match column.is_null(row) {
                true => NULL_PARTITION.to_owned(),
                false => escape(&text.value(row).to_string()),
            };
            let part = format!("{}={value}", escape(name));
            if part.len() > NAME_BYTES_MAX {
                return Err(Error::config(format!(
                    "a value of column `{name}` is too long for a directory's name ({} bytes, at \
                     most {NAME_BYTES_MAX}): partition by another column, or shorten it in SQL",
                    part.len()
                )));
            }
            directory.push_str(&part);
        }
        rows.entry(directory).or_default().push(row as u32);
    }
    Ok(rows.into_iter().map(|(directory, rows)| (directory, rows.into())).collect())
}

/// Characters that a directory's name can't hold, as Hive writes them. An empty value and names
/// that mean another directory are written so that they are one.
fn escape(text: &str) -> String {
    if text.is_empty() {
        return NULL_PARTITION.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let special = c.is_control() || "\"#%'*/:=?\\{}[]^".contains(c) || (c == '.' && at == 0);
        match special {
            true => {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes);
                bytes[..c.len_utf8()].iter().for_each(|b| escaped.push_str(&format!("%{b:02X}")));
            }
            false => escaped.push(c),
        }
    }
    escaped
}
