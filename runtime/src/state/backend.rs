//! The state of all steps of a job.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::base::Base;
use super::changes::Changes;
use super::key::groups_of_task;
use super::limits::Limits;
use super::memory::Pressure;
use super::merger::{History, Merger, Waiting};
use super::segment::{EXTENSION, Segment, state_directory};
use super::step::StepState;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Directories, Storage};

/// Of a base that is only looked at.
const CACHE_BYTES: usize = 4 << 20;

/// Opens the state of steps, and takes what their epochs have committed.
///
/// The coordinator has it. Tasks get their [`StepState`]s from it when they start.
pub struct StateBackend {
    merger: Arc<Merger>,
    thread: Option<JoinHandle<()>>,
    forgotten: Mutex<Forgotten>,
    directory: PathBuf,
    storage: Arc<dyn Storage>,
}

/// Steps whose state is to be dropped.
#[derive(Default)]
struct Forgotten {
    steps: BTreeSet<String>,
    /// Their changes, until an epoch has them.
    states: Vec<StepState>,
}

/// What a checkpoint knows of state.
#[derive(Debug, Clone, Default)]
pub struct CommittedState {
    /// The checkpoint's id.
    pub owner: u64,
    /// The epoch whose state it is.
    pub epoch: Epoch,
    /// The last epochs, to which one can go back.
    pub kept: Vec<Epoch>,
    /// Segments up to this epoch are forgotten: the base has them.
    pub forgotten: Epoch,
    /// The others, in the order of their epochs.
    pub segments: Vec<Segment>,
}

/// How much state may take.
#[derive(Debug, Clone, Copy)]
pub struct StateOptions {
    /// Bytes of memory, for all steps together.
    pub memory_max: usize,
    /// How many epochs one can go back.
    pub keep: usize,
}

/// How much state there is, of all steps.
#[derive(Debug, Clone, Copy)]
pub struct StateStats {
    /// Up to which epoch changes were merged.
    pub merged: Epoch,
    /// Changes that are not, on the disk.
    pub waiting_segments: usize,
    pub waiting_bytes: u64,
    /// What all maps take.
    pub memory_bytes: usize,
}

impl StateBackend {
    /// Opens the state of the checkpoint in `directory`: what was merged, and what was committed
    /// since. Files that no commit refers to go.
    ///
    /// # Errors
    /// `Corrupt` if a segment or the base is not what was written, `Unavailable` if the disk does
    /// not do its work.
    pub fn open(
        directory: &Path,
        storage: Arc<dyn Storage>,
        committed: CommittedState,
        options: StateOptions,
    ) -> Result<Self> {
        let state = state_directory(directory);
        let made = Directories::default().make(&*storage, &state);
        made.map_err(|e| Error::io("make the directory", &state, e))?;
        remove_unknown(&*storage, &state, &committed)?;
        let limits = Limits::new(options.memory_max);
        let base = Base::open(directory, &*storage, committed.owner, limits.cache)?;
        base.rewind(committed.epoch)?;
        let at = base.merged();
        if at < committed.forgotten {
            return Err(Error::corrupt(format!(
                "the state in {} is that of epoch {at}, and the checkpoint has forgotten what \
                 changed up to epoch {}: restore the whole directory from one backup, or start \
                 with a new checkpoint and a new output",
                state.display(),
                committed.forgotten
            )));
        }
        let mut waiting = VecDeque::new();
        let mut merged = VecDeque::new();
        for segment in committed.segments {
            if segment.epoch <= at {
                merged.push_back(segment);
            } else {
                let bytes = Some(Arc::new(segment.read(&*storage, directory)?));
                waiting.push_back(Waiting { segment, bytes });
            }
        }
        let (kept, keep) = (committed.kept.into(), options.keep);
        let history = History { waiting, merged, kept, keep };
        let directory = directory.to_owned();
        let merger = Merger::new(base, limits, directory.clone(), storage.clone(), history);
        let merger = Arc::new(merger);
        let of_thread = merger.clone();
        let thread = std::thread::Builder::new().name("merge-state".to_owned());
        let thread = thread.spawn(move || of_thread.run());
        let thread = thread.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
        let (thread, forgotten) = (Some(thread), Mutex::default());
        Ok(Self { merger, thread, forgotten, directory, storage })
    }

    /// The state of `step` in task `task` of `tasks`: that of the key groups which
    /// [`task_of_group`](super::task_of_group) gives it.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` if the disk does not give it.
    pub fn step(&self, step: &str, task: usize, tasks: usize) -> Result<StepState> {
        let mut state = StepState::open(step, groups_of_task(task, tasks), &self.merger)?;
        if self.forgotten().steps.contains(step) {
            state.remove_prefix(&[])?;
        }
        Ok(state)
    }

    /// All state of a step as it was committed last, for those who look at it from outside.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn view(&self, step: &str) -> Result<StepState> {
        StepState::open(step, 0..=255, &self.merger)
    }

    /// How much there is of it all.
    pub fn stats(&self) -> StateStats {
        let (segments, bytes) = self.merger.waiting();
        StateStats {
            merged: self.merger.base.merged(),
            waiting_segments: segments,
            waiting_bytes: bytes,
            memory_bytes: self.merger.used.load(Ordering::Relaxed),
        }
    }

    /// Reads everything that was merged. Returns how many entries there are, or what is wrong.
    ///
    /// # Errors
    /// `Corrupt` if anything is not what was written.
    pub fn verify(&self) -> Result<u64> {
        self.merger.base.verify()
    }

    /// Drops the state of a step with the next epoch. To be called before its tasks are opened, if
    /// it has any.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn forget(&self, step: &str) -> Result<()> {
        let mut state = StepState::open(step, 0..=255, &self.merger)?;
        state.remove_prefix(&[])?;
        let mut forgotten = self.forgotten();
        forgotten.steps.insert(step.to_owned());
        forgotten.states.push(state);
        Ok(())
    }

    /// What the coordinator adds to an epoch, before the segments of its tasks: that steps were
    /// forgotten.
    ///
    /// # Errors
    /// As [`Changes::seal`].
    pub fn seal(&self, epoch: Epoch) -> Result<Option<Segment>> {
        let mut changes = Changes::new();
        for state in &mut self.forgotten().states {
            state.freeze(&mut changes)?;
        }
        let sealed = changes.seal(&*self.storage, &self.directory, "forgotten", epoch)?;
        self.forgotten().states.clear();
        Ok(sealed)
    }

    fn forgotten(&self) -> MutexGuard<'_, Forgotten> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An epoch is durable, with these segments of it. Called by the coordinator after each
    /// commit.
    ///
    /// # Errors
    /// What the merging of earlier epochs has met.
    pub fn committed(&self, epoch: Epoch, segments: Vec<Segment>) -> Result<()> {
        self.merger.committed(epoch, segments)
    }

    /// Tells when an epoch has changed so much that it should end.
    pub fn pressure(&self) -> Pressure {
        Pressure(self.merger.clone())
    }

    /// Segments up to this epoch are no longer needed, not even to go back.
    pub fn merged(&self) -> Epoch {
        self.merger.forgotten()
    }

    /// Merges everything that was committed, and waits for it.
    ///
    /// # Errors
    /// What the merging has met.
    pub fn merge(&self) -> Result<()> {
        while self.merger.wait_for_merge()? {}
        Ok(())
    }
}

impl Drop for StateBackend {
    fn drop(&mut self) {
        self.merger.stop();
        if let Some(thread) = self.thread.take() {
            // What it has met, it has told.
            let _ = thread.join();
        }
    }
}

/// The first epoch that has a damaged segment which is needed to start.
///
/// # Errors
/// `Unavailable` if the disk does not do its work.
pub fn first_damaged(
    directory: &Path,
    storage: &dyn Storage,
    committed: &CommittedState,
) -> Result<Option<Epoch>> {
    let base = Base::open(directory, storage, committed.owner, CACHE_BYTES)?;
    let merged = base.merged();
    for segment in committed.segments.iter().filter(|segment| segment.epoch > merged) {
        match segment.read(storage, directory) {
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Corrupt => return Ok(Some(segment.epoch)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Reads the base of a checkpoint that is not open. Returns how many entries it has.
///
/// # Errors
/// `Corrupt` if anything is not what was written.
pub fn verify(directory: &Path, storage: &dyn Storage, committed: &CommittedState) -> Result<u64> {
    Base::open(directory, storage, committed.owner, CACHE_BYTES)?.verify()
}

/// Whether everything is there that the state after the epoch `to` is made of.
///
/// # Errors
/// As [`first_damaged`].
pub fn can_rewind(
    directory: &Path,
    storage: &dyn Storage,
    committed: &CommittedState,
    to: Epoch,
) -> Result<bool> {
    let base = Base::open(directory, storage, committed.owner, CACHE_BYTES)?;
    Ok(base.can_rewind(to))
}

/// Removes what was written and never committed.
fn remove_unknown(storage: &dyn Storage, state: &Path, committed: &CommittedState) -> Result<()> {
    let is_new = committed.epoch == Epoch(0) && committed.segments.is_empty();
    for path in storage.list(state).map_err(|e| Error::io("list", state, e))? {
        let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
        let is_known = committed.segments.iter().any(|segment| path.ends_with(&segment.name));
        // A new checkpoint has no use for what an old one has left.
        if is_new || (is_segment && !is_known) {
            storage.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    Ok(())
}
