//! Committed output into sight, and what a crash left behind out of the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connections::{Connections, Session, kafka_sinks};
use super::counted::Counted;
use super::file::staging_directory;
use super::format::extension;
use super::{Published, Staged, StagedFile};
use crate::config::Format;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::plan::{FileSinkPlan, NodeKind, Plan, SinkPlan};
use crate::storage::{Directories, Storage};

/// Publishes what epochs have committed. Every step can be done again.
pub struct Publisher {
    storage: Arc<dyn Storage>,
    id: String,
    directories: Directories,
    connections: Arc<Connections>,
    /// The sinks that collect the output of several epochs.
    collecting: BTreeMap<String, Collecting>,
}

struct Collecting {
    plan: FileSinkPlan,
    every: Duration,
    since: Option<Instant>,
    waiting: Vec<(Epoch, StagedFile)>,
}

impl Publisher {
    pub fn new(
        plan: &Plan,
        id: &str,
        storage: Arc<dyn Storage>,
        connections: Arc<Connections>,
    ) -> Self {
        let collecting = file_sinks(plan).filter_map(|(name, plan)| {
            let every = plan.every?;
            let plan = plan.clone();
            Some((name.to_owned(), Collecting { plan, every, since: None, waiting: Vec::new() }))
        });
        let directories = Directories::default();
        Self {
            storage,
            id: id.to_owned(),
            directories,
            connections,
            collecting: collecting.collect(),
        }
    }

    /// Whether output is kept back for a later epoch.
    pub fn is_waiting(&self) -> bool {
        self.collecting.values().any(|collecting| !collecting.waiting.is_empty())
    }

    /// Publishes the output of a committed epoch, or keeps it back until its time is over;
    /// `last` ends all waiting. Returns what is in sight by it.
    ///
    /// # Errors
    /// `Unavailable`: nothing more may be published but by [`recover`].
    pub fn publish(
        &mut self,
        epoch: Epoch,
        staged: Vec<Staged>,
        last: bool,
    ) -> Result<Vec<Published>> {
        let (mut files, mut records) = (Vec::new(), Vec::new());
        for staged in staged {
            match staged {
                Staged::File(file) => files.push(file),
                Staged::Records(segment) => records.push(segment),
            }
        }
        self.connections.publish(epoch, &records)?;
        let mut published: Vec<Published> =
            self.publish_files(BTreeMap::from([(epoch, files)]), last)?;
        for segment in records {
            remove(&*self.storage, &segment.path)?;
            published.push(Published { epoch, sink: segment.sink });
        }
        published.dedup();
        Ok(published)
    }

    /// To be called now and then, between two epochs; `last` was committed last.
    ///
    /// # Errors
    /// `Unavailable`: nothing more may be published but by [`recover`].
    pub fn keep(&self, last: Epoch) -> Result<()> {
        self.connections.keep(last)
    }

    /// As [`publish`](Self::publish), for the files of several epochs at once.
    fn publish_files(
        &mut self,
        committed: BTreeMap<Epoch, Vec<StagedFile>>,
        last: bool,
    ) -> Result<Vec<Published>> {
        let mut published = BTreeSet::new();
        let mut files = Vec::new();
        let staged = committed
            .into_iter()
            .flat_map(|(epoch, staged)| staged.into_iter().map(move |file| (epoch, file)));
        for (epoch, file) in staged {
            match self.collecting.get_mut(&file.sink) {
                Some(collecting) => {
                    collecting.since.get_or_insert_with(Instant::now);
                    collecting.waiting.push((epoch, file));
                }
                None => {
                    published.insert(Published { epoch, sink: file.sink.clone() });
                    files.push(file);
                }
            }
        }
        publish_files(&*self.storage, &mut self.directories, &files)?;
        for (sink, collecting) in &mut self.collecting {
            let due = collecting.since.is_some_and(|since| since.elapsed() >= collecting.every);
            if due || last {
                let of_sink = |epoch: Epoch| Published { epoch, sink: sink.clone() };
                published.extend(collecting.waiting.iter().map(|(epoch, _)| of_sink(*epoch)));
                let published = collecting.publish(&*self.storage, &mut self.directories, &self.id);
                published.map_err(|e| e.at(sink))?;
            }
        }
        Ok(published.into_iter().collect())
    }
}

impl Collecting {
    /// Joins what waits into as few files as their size allows.
    fn publish(
        &mut self,
        storage: &dyn Storage,
        directories: &mut Directories,
        id: &str,
    ) -> Result<()> {
        let mut by_directory: BTreeMap<PathBuf, Vec<&(Epoch, StagedFile)>> = BTreeMap::new();
        for waiting in &self.waiting {
            by_directory.entry(waiting.1.directory.clone()).or_default().push(waiting);
        }
        for (directory, files) in by_directory {
            let mut groups: Vec<Vec<&(Epoch, StagedFile)>> = Vec::new();
            let mut bytes = u64::MAX;
            for file in files {
                if bytes.saturating_add(file.1.bytes) > self.plan.size_max {
                    groups.push(Vec::new());
                    bytes = 0;
                }
                bytes += file.1.bytes;
                if let Some(group) = groups.last_mut() {
                    group.push(file);
                }
            }
            for group in groups {
                self.join(storage, directories, id, &directory, &group)?;
            }
        }
        self.waiting.clear();
        self.since = None;
        Ok(())
    }

    fn join(
        &self,
        storage: &dyn Storage,
        directories: &mut Directories,
        id: &str,
        directory: &Path,
        group: &[&(Epoch, StagedFile)],
    ) -> Result<()> {
        let [first, .., last] = group else {
            let files: Vec<StagedFile> = group.iter().map(|(_, file)| file.clone()).collect();
            return publish_files(storage, directories, &files);
        };
        // The name tells the group: after a crash the same files join to the same name.
        let ending = extension(self.plan.format);
        let stem = first.1.name.trim_end_matches(ending).trim_end_matches('.');
        let name = format!("{stem}-to-{:08}-{}.{ending}", last.0.0, group.len());
        let target = directory.join(&name);
        // As with a single file: what is gone was published.
        let whole = group.iter().all(|(_, part)| storage.exists(&part.staged).unwrap_or(true));
        if whole && !storage.exists(&target).map_err(|e| Error::io("look for", &target, e))? {
            let staged = staging_directory(&self.plan, id).join(&name);
            write_joined(storage, self.plan.format, group, &staged)?;
            let file = StagedFile { staged, name, ..first.1.clone() };
            move_file(storage, directories, &file)?;
        }
        let sync = storage.sync_dir(directory);
        sync.map_err(|e| Error::io("sync", directory, e))?;
        for (_, part) in group {
            remove(storage, &part.staged)?;
        }
        Ok(())
    }
}

fn write_joined(
    storage: &dyn Storage,
    format: Format,
    group: &[&(Epoch, StagedFile)],
    path: &Path,
) -> Result<()> {
    let mut parts = Vec::new();
    for (_, part) in group {
        parts.push(storage.read(&part.staged).map_err(|e| Error::io("read", &part.staged, e))?);
    }
    let file = storage.create(path).map_err(|e| Error::io("create", path, e))?;
    let (mut file, _) = Counted::new(file);
    match format {
        Format::Parquet => {
            #[cfg(feature = "parquet")]
            {
                let parts = parts.into_iter().map(Into::into).collect::<Vec<bytes::Bytes>>();
                file = super::parquet::join(parts, file)?;
            }
        }
        Format::Raw | Format::Ndjson | Format::Csv => {
            for (at, part) in parts.iter().enumerate() {
                let header = format == Format::Csv && at > 0;
                let start =
                    if header { memchr::memchr(b'\n', part).map_or(0, |n| n + 1) } else { 0 };
                std::io::Write::write_all(&mut file, &part[start..])
                    .map_err(|e| Error::io("write", path, e))?;
            }
        }
    }
    file.sync().map_err(|e| Error::io("write", path, e))
}

/// Removes a file that a crash may have removed before.
fn remove(storage: &dyn Storage, path: &Path) -> Result<()> {
    match storage.remove(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Moves files into sight and makes that durable.
fn publish_files(
    storage: &dyn Storage,
    directories: &mut Directories,
    files: &[StagedFile],
) -> Result<()> {
    for file in files {
        move_file(storage, directories, file).map_err(|e| e.at(&file.sink))?;
    }
    let changed: BTreeMap<&PathBuf, &String> =
        files.iter().map(|file| (&file.directory, &file.sink)).collect();
    for (directory, sink) in changed {
        storage.sync_dir(directory).map_err(|e| Error::io("sync", directory, e).at(sink))?;
    }
    Ok(())
}

fn move_file(
    storage: &dyn Storage,
    directories: &mut Directories,
    file: &StagedFile,
) -> Result<()> {
    let target = file.directory.join(&file.name);
    let exists = |path: &Path| storage.exists(path).map_err(|e| Error::io("look for", path, e));
    if !exists(&file.staged)? {
        // Only a rename takes a committed file out of its staging directory: it was published
        // before a crash. A reader may have taken it away since.
        return Ok(());
    }
    let made = directories.make(storage, &file.directory);
    made.map_err(|e| Error::io("make the directory", &file.directory, e))?;
    storage.rename(&file.staged, &target).map_err(|e| Error::io("publish", &target, e))
}

/// After a start: publishes what was committed up to `last` and may not be in sight, and removes
/// what was staged and never committed. Returns what is in sight by it.
///
/// # Errors
/// `Corrupt` if a committed file is not what was written; else as [`Connections::recover`].
pub fn recover(
    plan: &Plan,
    id: &str,
    storage: &Arc<dyn Storage>,
    (connections, session): (&Arc<Connections>, &Session),
    committed: &BTreeMap<Epoch, Vec<Staged>>,
    last: Epoch,
) -> Result<Vec<Published>> {
    for file in committed.values().flatten().filter_map(Staged::file) {
        verify(&**storage, file)?;
    }
    connections.recover(&**storage, committed, last, session)?;
    // All at once, whatever the time: files that a crash has left half joined must meet again in
    // the same group.
    let files = committed
        .iter()
        .map(|(epoch, staged)| (*epoch, staged.iter().filter_map(Staged::file).cloned().collect()));
    let mut publisher = Publisher::new(plan, id, storage.clone(), connections.clone());
    let mut published = publisher.publish_files(files.collect(), true)?;
    for (epoch, staged) in committed {
        let records = staged.iter().filter_map(Staged::records);
        published.extend(records.map(|r| Published { epoch: *epoch, sink: r.sink.clone() }));
    }
    let mut staging: BTreeSet<PathBuf> =
        file_sinks(plan).map(|(_, sink)| staging_directory(sink, id)).collect();
    for (_, _, sink) in kafka_sinks(plan) {
        let directory = &sink.staging;
        let made = publisher.directories.make(&**storage, directory);
        made.map_err(|e| Error::io("make the directory", directory, e))?;
        staging.insert(directory.clone());
    }
    for directory in staging {
        let files = storage.list(&directory).map_err(|e| Error::io("list", &directory, e))?;
        for path in files {
            storage.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    Ok(published)
}

/// Whether a committed file that is still staged is what was written.
fn verify(storage: &dyn Storage, file: &StagedFile) -> Result<()> {
    let path = &file.staged;
    if !storage.exists(path).map_err(|e| Error::io("look for", path, e))? {
        return Ok(());
    }
    let bytes = storage.read(path).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 == file.bytes && crc32fast::hash(&bytes) == file.crc32 {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "{} is part of the checkpoint and is not what was written ({} bytes, {} expected): restore \
         it from a backup, or start with a new checkpoint and a new output",
        path.display(),
        bytes.len(),
        file.bytes
    )))
}

fn file_sinks(plan: &Plan) -> impl Iterator<Item = (&str, &FileSinkPlan)> {
    plan.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Sink(SinkPlan::File(file)) => Some((node.name.as_str(), file)),
        _ => None,
    })
}
