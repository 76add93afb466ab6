//! The state of all steps of a job.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::base::Base;
use super::key::groups_of_task;
use super::merger::{Limits, Merger, Waiting};
use super::segment::{EXTENSION, Segment, state_directory};
use super::step::StepState;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::storage::{Directories, Storage};

/// Opens the state of steps, and takes what their epochs have committed.
///
/// The coordinator has it. Tasks get their [`StepState`]s from it when they start.
pub struct StateBackend {
    merger: Arc<Merger>,
    thread: Option<JoinHandle<()>>,
}

impl StateBackend {
    /// Opens the state of the checkpoint in `directory`: what was merged, and the `segments` that
    /// were committed since, in the order of their epochs. Files that no commit refers to go.
    /// `memory_max` bounds the memory of all steps together.
    ///
    /// # Errors
    /// `Corrupt` if a segment is not what was written, `Unavailable` if the disk does not do its
    /// work.
    pub fn open(
        directory: &Path,
        storage: Arc<dyn Storage>,
        segments: Vec<Segment>,
        memory_max: usize,
    ) -> Result<Self> {
        let state = state_directory(directory);
        let made = Directories::default().make(&*storage, &state);
        made.map_err(|e| Error::io("make the directory", &state, e))?;
        let limits = Limits::new(memory_max);
        let base = Base::open(directory, &*storage, limits.cache)?;
        let merged = base.merged();
        let mut waiting = VecDeque::new();
        for segment in segments.into_iter().filter(|segment| segment.epoch > merged) {
            let bytes = Some(Arc::new(segment.read(&*storage, directory)?));
            waiting.push_back(Waiting { segment, bytes });
        }
        remove_unknown(&*storage, &state, &waiting)?;
        let merger = Arc::new(Merger::new(base, limits, directory.to_owned(), storage, waiting));
        let of_thread = merger.clone();
        let thread = std::thread::Builder::new().name("merge-state".to_owned());
        let thread = thread.spawn(move || of_thread.run());
        let thread = thread.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
        Ok(Self { merger, thread: Some(thread) })
    }

    /// The state of `step` in task `task` of `tasks`: that of the key groups which
    /// [`task_of_group`](super::task_of_group) gives it.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` if the disk does not give it.
    pub fn step(&self, step: &str, task: usize, tasks: usize) -> Result<StepState> {
        StepState::open(step, groups_of_task(task, tasks), &self.merger)
    }

    /// An epoch is durable, with these segments of it. Called by the coordinator after each
    /// commit.
    ///
    /// # Errors
    /// What the merging of earlier epochs has met.
    pub fn committed(&self, epoch: Epoch, segments: Vec<Segment>) -> Result<()> {
        self.merger.committed(epoch, segments)
    }

    /// Segments up to this epoch are no longer needed.
    pub fn merged(&self) -> Epoch {
        self.merger.base.merged()
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

fn remove_unknown(storage: &dyn Storage, state: &Path, waiting: &VecDeque<Waiting>) -> Result<()> {
    for path in storage.list(state).map_err(|e| Error::io("list", state, e))? {
        let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
        let is_known = waiting.iter().any(|waiting| path.ends_with(&waiting.segment.name));
        if is_segment && !is_known {
            storage.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    Ok(())
}
