//! The state of all steps of a job.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::changes::Section;
use super::key::groups_of_task;
use super::segment::{EXTENSION, Segment, state_directory};
use super::step::StepState;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::storage::{Directories, Storage};

/// Opens the state of steps, and takes what their epochs have committed.
///
/// The coordinator has it. Tasks get their [`StepState`]s from it before the first commit.
pub struct StateBackend {
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    /// Committed, and not yet merged.
    segments: Mutex<Vec<Segment>>,
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
        _memory_max: usize,
    ) -> Result<Self> {
        let state = state_directory(directory);
        let made = Directories::default().make(&*storage, &state);
        made.map_err(|e| Error::io("make the directory", &state, e))?;
        for path in storage.list(&state).map_err(|e| Error::io("list", &state, e))? {
            let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
            let is_known = |segment: &Segment| path.ends_with(&segment.name);
            if is_segment && !segments.iter().any(is_known) {
                storage.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
            }
        }
        for segment in &segments {
            segment.read(&*storage, directory)?;
        }
        Ok(Self { directory: directory.to_owned(), storage, segments: Mutex::new(segments) })
    }

    /// The state of `step` in task `task` of `tasks`: that of the key groups which
    /// [`task_of_group`](super::task_of_group) gives it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn step(&self, step: &str, task: usize, tasks: usize) -> Result<StepState> {
        let mut state = StepState::new(step, groups_of_task(task, tasks));
        for segment in &*self.segments.lock().unwrap_or_else(PoisonError::into_inner) {
            let bytes = segment.read(&*self.storage, &self.directory)?;
            for section in Section::all(&bytes) {
                let section = section?;
                if section.step == step {
                    state.replay(&section)?;
                }
            }
        }
        Ok(state)
    }

    /// An epoch is durable, with these segments of it. Called by the coordinator after each
    /// commit.
    ///
    /// # Errors
    /// What the merging of earlier epochs has met.
    pub fn committed(&self, _: Epoch, segments: Vec<Segment>) -> Result<()> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).extend(segments);
        Ok(())
    }

    /// Segments up to this epoch are no longer needed.
    pub fn merged(&self) -> Epoch {
        Epoch(0)
    }
}
