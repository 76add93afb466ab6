//! Files: each is a partition, read once from start to end by one lane.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use arrow::datatypes::SchemaRef;
use globset::GlobBuilder;
use walkdir::WalkDir;

use super::lines::{Framer, Framing};
use super::{Activity, OpenContext, Poll, Position, Positions, Reading, Source, Until};
use crate::batch::{Batch, Partition};
use crate::config::{CsvConfig, FileSourceConfig, Format};
use crate::error::{Error, Result};

/// The files that `patterns` name, sorted; relative ones start at `directory`.
///
/// # Errors
/// If a pattern can't be read as one.
pub fn glob_files(
    directory: &Path,
    patterns: &[impl std::ops::Deref<Target = str>],
) -> Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        // `./data//*.csv` is walked as `data/*.csv`, and matched so.
        let plain: PathBuf =
            Path::new(&**pattern).components().filter(|c| *c != Component::CurDir).collect();
        let full = directory.join(&plain);
        if full.is_file() {
            files.insert(full);
            continue;
        }
        // Only the pattern is a glob: the directory may have any name.
        let text = match plain.is_absolute() {
            true => plain.to_string_lossy().into_owned(),
            false => {
                let directory = globset::escape(&directory.to_string_lossy());
                format!("{directory}/{}", plain.to_string_lossy())
            }
        };
        let glob = GlobBuilder::new(&text).literal_separator(true).build();
        let glob = glob
            .map_err(|e| Error::config(format!("`{}` is no glob", &**pattern)).with(e))?
            .compile_matcher();
        for entry in WalkDir::new(directory.join(fixed_part(&plain))).follow_links(true) {
            // A file may vanish between listing and looking; it is then simply not there.
            let Ok(entry) = entry else { continue };
            let hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
            if entry.file_type().is_file() && !hidden && glob.is_match(entry.path()) {
                files.insert(entry.into_path());
            }
        }
    }
    Ok(files.into_iter().collect())
}

/// The longest leading directory of a pattern without special characters.
fn fixed_part(pattern: &Path) -> PathBuf {
    let special =
        |part: &Component| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    pattern.components().take_while(|part| !special(part)).collect()
}

/// Opens one reader per lane over a shared queue of files.
pub fn open(
    name: &str,
    config: &FileSourceConfig,
    context: &OpenContext,
) -> Result<Vec<Box<dyn Source>>> {
    let queue = Arc::new(FileQueue::new(config, context)?);
    let rows_max = share(config.limit_per_epoch.rows, context.lanes);
    // A batch is not cut, so none may be larger than what an epoch may read.
    let batch_rows = context.batch_rows.min(rows_max.map_or(usize::MAX, |max| max as usize));
    let reader = |_| {
        Box::new(FileReader {
            source: name.to_owned(),
            config: config.clone(),
            queue: queue.clone(),
            header: context.columns.clone(),
            batch_rows,
            rows_max,
            rows: 0,
            current: None,
            changed: Vec::new(),
        }) as Box<dyn Source>
    };
    Ok((0..context.lanes).map(reader).collect())
}

fn share(limit: Option<u64>, lanes: usize) -> Option<u64> {
    limit.map(|n| n.div_ceil(lanes as u64).max(1))
}

/// The files that are still to be read, shared by the lanes.
pub struct FileQueue {
    directory: PathBuf,
    config: FileSourceConfig,
    positions: Positions,
    until: Option<Until>,
    files_max: Option<u64>,
    lanes: usize,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// Whether there are files that had not been begun where the reading ends.
    beyond: bool,
    listed_at: Option<Instant>,
    /// Files handed out since all lanes met a barrier, and lanes that have met the next.
    handed_out: u64,
    barriers: usize,
}

impl FileQueue {
    fn new(config: &FileSourceConfig, context: &OpenContext) -> Result<Self> {
        let queue = Self {
            directory: context.directory.to_owned(),
            config: config.clone(),
            positions: context.positions.clone(),
            until: context.until.cloned(),
            files_max: config.limit_per_epoch.files,
            lanes: context.lanes,
            state: Mutex::default(),
        };
        match &queue.until {
            None => queue.list(&mut queue.lock())?,
            Some(until) => queue.list_until(until, &mut queue.lock())?,
        }
        Ok(queue)
    }

    /// Lists what was read up to an earlier epoch: first what is read to its end, as a lane stays
    /// with a file that it had not finished then.
    fn list_until(&self, until: &Until, state: &mut QueueState) -> Result<()> {
        let was_done = |name: &str| self.positions.get(name).is_some_and(|p| p.done);
        let begun = until.positions.iter().filter(|(name, _)| !was_done(name));
        let (done, held): (Vec<_>, Vec<_>) = begun.partition(|(_, position)| position.done);
        for (name, _) in done.into_iter().chain(held) {
            let path = self.directory.join(name);
            if !path.is_file() {
                return Err(Error::config(format!(
                    "{} was read then and is gone: put it back",
                    path.display()
                )));
            }
            state.waiting.push_back(path);
        }
        let was_there = |path: &Path| {
            let written = path.metadata().and_then(|meta| meta.modified()).ok();
            let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            self.config.follow.is_none()
                || written.is_none_or(|at| at.as_millis() as i64 <= until.at_ms)
        };
        state.beyond = glob_files(&self.directory, &self.config.path)?
            .iter()
            .any(|path| !until.positions.contains_key(&self.partition(path)) && was_there(path));
        Ok(())
    }

    /// Where the reading of a file ends before the file does.
    fn end(&self, partition: &str) -> Option<Position> {
        self.until.as_ref()?.positions.get(partition).copied()
    }

    /// What a lane may read next.
    fn next(&self) -> Result<Next> {
        let mut state = self.lock();
        if self.until.is_none() && state.waiting.is_empty() && self.is_due(&state) {
            self.list(&mut state)?;
        }
        let full = self.files_max.is_some_and(|max| state.handed_out >= max);
        if full && !state.waiting.is_empty() {
            return Ok(Next::Full);
        }
        let Some(path) = state.waiting.pop_front() else {
            if state.beyond {
                return Ok(Next::Reached);
            }
            return Ok(if self.config.follow.is_none() { Next::Finished } else { Next::None });
        };
        state.handed_out += 1;
        let start = Position { rows: 0, offset: 0, done: false, id: None };
        let position = self.positions.get(&self.partition(&path)).copied().unwrap_or(start);
        Ok(Next::File(path, position))
    }

    /// Whether there are files that no lane has begun.
    fn has_waiting(&self) -> bool {
        let state = self.lock();
        state.beyond || !state.waiting.is_empty()
    }

    /// The name of a file's partition: its path as the pipeline's directory sees it, so that the
    /// directory may be moved.
    fn partition(&self, path: &Path) -> String {
        path.strip_prefix(&self.directory).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// One lane has met a barrier. The limit begins anew once all have.
    fn barrier(&self) {
        let mut state = self.lock();
        state.barriers += 1;
        if state.barriers == self.lanes {
            state.barriers = 0;
            state.handed_out = 0;
        }
    }

    fn is_due(&self, state: &QueueState) -> bool {
        match (self.config.follow, state.listed_at) {
            (Some(every), Some(at)) => at.elapsed() >= every.0,
            _ => false,
        }
    }

    fn list(&self, state: &mut QueueState) -> Result<()> {
        for path in glob_files(&self.directory, &self.config.path)? {
            let done = self.positions.get(&self.partition(&path)).is_some_and(|p| p.done);
            if state.seen.insert(path.clone()) && !done {
                state.waiting.push_back(path);
            }
        }
        state.listed_at = Some(Instant::now());
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the queue has for a lane.
enum Next {
    File(PathBuf, Position),
    /// Nothing now.
    None,
    /// No more files in this epoch.
    Full,
    /// No more files before the end that was set.
    Reached,
    /// No file will ever come.
    Finished,
}

/// One lane's reader.
struct FileReader {
    source: String,
    config: FileSourceConfig,
    queue: Arc<FileQueue>,
    /// The columns that each file must have.
    header: SchemaRef,
    batch_rows: usize,
    rows_max: Option<u64>,
    /// Rows given in this epoch.
    rows: u64,
    current: Option<Current>,
    /// Files that were finished since the last barrier.
    changed: Vec<(String, Position)>,
}

struct Current {
    path: PathBuf,
    partition: Arc<Partition>,
    reader: Reader,
    /// Where its reading ends before the file does.
    end: Option<Position>,
}

enum Reader {
    Records(Box<Records>),
    #[cfg(feature = "parquet")]
    Parquet(super::parquet_file::ParquetFile),
}

impl Source for FileReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        if self.rows_max.is_some_and(|max| self.rows >= max) {
            std::thread::park_timeout(wait);
            return Ok(Poll::Full);
        }
        loop {
            let Some(current) = &mut self.current else {
                match self.queue.next()? {
                    Next::File(path, position) => self.current = Some(self.start(path, position)?),
                    Next::Finished => return Ok(Poll::Finished),
                    Next::None => {
                        std::thread::park_timeout(wait);
                        return Ok(Poll::Pending);
                    }
                    Next::Full => {
                        std::thread::park_timeout(wait);
                        return Ok(Poll::Full);
                    }
                    Next::Reached => return Ok(Poll::Reached),
                }
                continue;
            };
            if let Some(end) = current.end
                && current.position().rows >= end.rows
            {
                if !end.done {
                    return Ok(Poll::Reached);
                }
                self.finish();
                continue;
            }
            let path = &current.path;
            let polled = match &mut current.reader {
                Reader::Records(records) => {
                    records.read_batch().map_err(|e| read_error(path, e))?
                }
                #[cfg(feature = "parquet")]
                Reader::Parquet(file) => file.read_batch()?,
            };
            match polled {
                Some(Poll::Batch(batch)) => {
                    let batch = current.cut(batch);
                    self.rows += batch.len() as u64;
                    return Ok(Poll::Batch(batch));
                }
                Some(other) => return Ok(other),
                None => self.finish(),
            }
        }
    }

    fn barrier(&mut self) -> Vec<(String, Position)> {
        self.rows = 0;
        self.queue.barrier();
        let mut changed = std::mem::take(&mut self.changed);
        if let Some(current) = &self.current {
            changed.push((current.partition.name.clone(), current.position()));
        }
        changed
    }

    fn activity(&self) -> Activity {
        let reading = self.current.iter().map(|c| Reading::busy(c.partition.clone())).collect();
        Activity { reading, unread: !self.config.in_order && self.queue.has_waiting() }
    }
}

impl Current {
    /// The rows of a batch before the end that was set.
    fn cut(&self, batch: Batch) -> Batch {
        let Some(end) = self.end else { return batch };
        let kept = (0..batch.len()).take_while(|row| batch.origin.row(*row) < end.rows).count();
        if kept == batch.len() { batch } else { batch.slice(0, kept) }
    }

    fn position(&self) -> Position {
        match &self.reader {
            Reader::Records(records) => records.framer.position(),
            #[cfg(feature = "parquet")]
            Reader::Parquet(file) => file.position(),
        }
    }
}

impl FileReader {
    /// The current file is at its end.
    fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            let position = Position { done: true, ..current.position() };
            self.changed.push((current.partition.name.clone(), position));
        }
    }

    fn start(&self, path: PathBuf, position: Position) -> Result<Current> {
        let name = self.queue.partition(&path);
        let partition = Arc::new(Partition { source: self.source.clone(), name });
        let reader = match self.config.format {
            Format::Raw | Format::Ndjson | Format::Csv => {
                Reader::Records(Box::new(self.records(&path, partition.clone(), position)?))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => Reader::Parquet(super::parquet_file::ParquetFile::open(
                &path,
                partition.clone(),
                position,
                self.batch_rows,
                Some(&self.header),
            )?),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(Error::config("this build has no Parquet")),
        };
        let end = self.queue.end(&partition.name);
        Ok(Current { path, partition, reader, end })
    }

    fn records(
        &self,
        path: &Path,
        partition: Arc<Partition>,
        position: Position,
    ) -> Result<Records> {
        let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
        if length < position.offset {
            return Err(Error::config(format!(
                "{} has {length} bytes, but {} were read before: the file was replaced; \
                 give the new one another name",
                path.display(),
                position.offset
            )));
        }
        file.seek(SeekFrom::Start(position.offset)).map_err(|e| Error::io("read", path, e))?;
        let (format, csv) = (self.config.format, &self.config.csv);
        let records = Records::at(file, partition, format, csv, self.batch_rows, position);
        match self.config.csv.header && position.offset == 0 {
            true => {
                let (records, header) = records.without_header()?;
                if let Some(header) = header {
                    self.check_header(path, &header)?;
                }
                Ok(records)
            }
            false => Ok(records),
        }
    }

    /// CSV columns are taken by their order: a file with another order would be misread in silence.
    fn check_header(&self, path: &Path, header: &[u8]) -> Result<()> {
        let format = crate::codec::csv_format(&self.config.csv)?;
        let (found, _) = format.infer_schema(header, Some(0))?;
        let found: Vec<&str> = found.fields().iter().map(|f| f.name().trim()).collect();
        let known: Vec<&str> = self.header.fields().iter().map(|f| f.name().as_str()).collect();
        if found == known {
            return Ok(());
        }
        Err(Error::config(format!(
            "the header of {} names `{}`, and the source's columns are `{}`: give files with \
             other columns a source of their own",
            path.display(),
            found.join("`, `"),
            known.join("`, `")
        )))
    }
}

fn read_error(path: &Path, error: Error) -> Error {
    Error::new(error.kind, format!("cannot read {}", path.display())).with(error)
}

/// The records of one open file.
pub struct Records {
    file: File,
    format: Format,
    framer: Framer,
    at_end: bool,
}

impl Records {
    /// A file from its start.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn new(
        file: File,
        partition: Partition,
        format: Format,
        csv: &CsvConfig,
        batch_rows: usize,
    ) -> Result<Self> {
        let start = Position { rows: 0, offset: 0, done: false, id: None };
        let records = Self::at(file, Arc::new(partition), format, csv, batch_rows, start);
        if csv.header { Ok(records.without_header()?.0) } else { Ok(records) }
    }

    fn at(
        file: File,
        partition: Arc<Partition>,
        format: Format,
        csv: &CsvConfig,
        batch_rows: usize,
        position: Position,
    ) -> Self {
        let framing = Framing::of(format, csv);
        let framer = Framer::new(framing, partition, batch_rows, position);
        Self { file, format, framer, at_end: false }
    }

    /// Takes the header off, if the format has one.
    fn without_header(mut self) -> Result<(Self, Option<Vec<u8>>)> {
        let mut header = None;
        while self.format == Format::Csv {
            header = self.framer.take_record(self.at_end);
            if header.is_some() || self.at_end {
                break;
            }
            self.read()?;
        }
        Ok((self, header))
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_batch(&mut self) -> Result<Option<Poll>> {
        loop {
            self.framer.cut()?;
            if self.at_end {
                self.framer.cut_last()?;
            }
            if self.framer.is_full() || self.at_end {
                return self.framer.flush();
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<()> {
        let read = self.framer.read(&mut self.file);
        self.at_end = read.map_err(|e| Error::unavailable("reading failed").with(e))? == 0;
        Ok(())
    }
}
