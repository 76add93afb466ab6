//! Merges committed segments into the base, in a thread of its own.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::base::Base;
use super::limits::Limits;
use super::merge::Merged;
use super::segment::{Segment, state_directory};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Storage;

/// So many epochs wait to be merged at most: a start reads all their changes.
const EPOCHS_WAITING_MAX: u64 = 64;
/// What the merger, the coordinator and the tasks share.
pub(super) struct Merger {
    pub base: Arc<Base>,
    pub limits: Limits,
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    /// How many epochs one can go back.
    keep: usize,
    queue: Mutex<Queue>,
    /// Something was committed, wanted or merged.
    changed: Condvar,
    stop: AtomicBool,
    /// The memory of all maps.
    pub used: AtomicUsize,
    /// Entries of all maps that have changed since the last freeze, in bytes.
    pub uncommitted: AtomicUsize,
    /// How many maps there are.
    pub maps: AtomicUsize,
}

/// What was committed before the start.
pub(super) struct History {
    pub waiting: VecDeque<Waiting>,
    pub merged: VecDeque<Segment>,
    pub kept: VecDeque<Epoch>,
    pub keep: usize,
}

#[derive(Default)]
struct Queue {
    /// Committed and not merged, in the order of epochs.
    waiting: VecDeque<Waiting>,
    /// Merged, and needed to go back to one of the epochs that are kept.
    merged: VecDeque<Segment>,
    /// The last epochs that were committed, as many as one can go back to.
    kept: VecDeque<Epoch>,
    /// Whether somebody waits for memory.
    wanted: bool,
    failed: Option<(ErrorKind, String)>,
}

/// A segment; with its bytes, while no task was started that could have changed anything.
#[derive(Clone)]
pub(super) struct Waiting {
    pub segment: Segment,
    pub bytes: Option<Arc<Vec<u8>>>,
}

impl Merger {
    pub fn new(
        base: Base,
        limits: Limits,
        directory: PathBuf,
        storage: Arc<dyn Storage>,
        history: History,
    ) -> Self {
        let History { waiting, merged, kept, keep } = history;
        let queue = Queue { waiting, merged, kept, ..Queue::default() };
        Self {
            base: Arc::new(base),
            limits,
            directory,
            storage,
            keep,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            used: AtomicUsize::new(0),
            uncommitted: AtomicUsize::new(0),
            maps: AtomicUsize::new(0),
        }
    }

    /// Merges when enough is waiting, until it is stopped or fails.
    pub fn run(&self) {
        let work = AssertUnwindSafe(|| self.merge_all());
        let failed = match catch_unwind(work) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (error.kind, error.to_string()),
            Err(_) => (ErrorKind::Internal, "the merging of state panicked".to_owned()),
        };
        self.queue().failed = Some(failed);
        self.changed.notify_all();
    }

    fn merge_all(&self) -> Result<()> {
        while let Some(batch) = self.next_batch() {
            if !self.merge(&batch)? {
                return Ok(());
            }
            let mut queue = self.queue();
            let done = queue.waiting.drain(..batch.segments.len());
            let done: Vec<Segment> = done.map(|waiting| waiting.segment).collect();
            queue.merged.extend(done);
            queue.wanted = false;
            self.changed.notify_all();
            self.forget(&mut queue)?;
        }
        Ok(())
    }

    /// Removes the segments that no epoch needs to which one can go back.
    fn forget(&self, queue: &mut Queue) -> Result<()> {
        let after = self.base.needed_after(queue.oldest());
        while queue.merged.front().is_some_and(|segment| segment.epoch <= after) {
            let Some(segment) = queue.merged.pop_front() else { return Ok(()) };
            let path = state_directory(&self.directory).join(&segment.name);
            match self.storage.remove(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path, e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Segments up to this epoch are not needed any more.
    pub fn forgotten(&self) -> Epoch {
        let oldest = self.queue().oldest();
        self.base.needed_after(oldest)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // Whoever is about to wait has seen it, or gets the message.
        let _queue = self.queue();
        self.changed.notify_all();
    }

    /// Hands over what an epoch has changed.
    ///
    /// # Errors
    /// What merging has met.
    pub fn committed(&self, epoch: Epoch, segments: Vec<Segment>) -> Result<()> {
        let mut queue = self.queue();
        queue.check()?;
        queue.kept.push_back(epoch);
        while queue.kept.len() > self.keep + 1 {
            queue.kept.pop_front();
        }
        // The tasks have read them when they started.
        queue.waiting.iter_mut().for_each(|waiting| waiting.bytes = None);
        queue.waiting.extend(segments.into_iter().map(|segment| Waiting { segment, bytes: None }));
        self.forget(&mut queue)?;
        self.changed.notify_all();
        Ok(())
    }

    /// Calls `read` for each committed segment that is not merged. None is removed meanwhile.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn each_waiting(&self, mut read: impl FnMut(Epoch, &[u8]) -> Result<()>) -> Result<()> {
        for waiting in &self.queue().waiting {
            let bytes = waiting.read(&*self.storage, &self.directory)?;
            read(waiting.segment.epoch, &bytes)?;
        }
        Ok(())
    }

    /// How many segments wait to be merged, and their bytes.
    pub fn waiting(&self) -> (usize, u64) {
        let queue = self.queue();
        let bytes = queue.waiting.iter().map(|waiting| waiting.segment.bytes).sum();
        (queue.waiting.len(), bytes)
    }

    /// Waits until something that was committed is merged. Returns whether there was anything.
    ///
    /// # Errors
    /// What merging has met.
    pub fn wait_for_merge(&self) -> Result<bool> {
        let mut queue = self.queue();
        let Some(first) = queue.waiting.front().map(|waiting| waiting.segment.epoch) else {
            queue.check()?;
            return Ok(false);
        };
        loop {
            queue.check()?;
            let still = queue.waiting.front().is_some_and(|now| now.segment.epoch == first);
            if !still || self.stop.load(Ordering::Acquire) {
                return Ok(!still);
            }
            queue.wanted = true;
            self.changed.notify_all();
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be merged next, once it is worth it.
    fn next_batch(&self) -> Option<Batch> {
        let mut queue = self.queue();
        loop {
            if self.stop.load(Ordering::Acquire) {
                return None;
            }
            if queue.is_due(self.limits) {
                return queue.batch(self.limits.merge);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns whether all of it was merged before the end.
    fn merge(&self, batch: &Batch) -> Result<bool> {
        let bytes = batch
            .segments
            .iter()
            .map(|waiting| waiting.read(&*self.storage, &self.directory))
            .collect::<Result<Vec<_>>>()?;
        let merged = Merged::new(bytes.iter().map(|bytes| bytes.as_slice()))?;
        let (to, oldest) = (batch.to, batch.oldest);
        self.base.merge(&merged, to, oldest, self.limits.transaction, &self.stop)
    }
}

/// Segments of whole epochs, up to the epoch `to`.
struct Batch {
    segments: Vec<Waiting>,
    to: Epoch,
    /// The oldest epoch to which one can go back.
    oldest: Epoch,
}

impl Queue {
    fn check(&self) -> Result<()> {
        match &self.failed {
            Some((kind, message)) => Err(Error::new(*kind, message.clone())),
            None => Ok(()),
        }
    }

    /// The oldest epoch to which one can go back.
    fn oldest(&self) -> Epoch {
        self.kept.front().copied().unwrap_or_default()
    }

    fn committed(&self) -> Epoch {
        self.kept.back().copied().unwrap_or_default()
    }

    /// What can be merged so that one can still go back without a savepoint, which would keep the
    /// base from using its pages again.
    fn old(&self) -> impl Iterator<Item = &Waiting> {
        let oldest = self.oldest();
        self.waiting.iter().take_while(move |waiting| waiting.segment.epoch <= oldest)
    }

    fn is_due(&self, limits: Limits) -> bool {
        if self.wanted {
            return !self.waiting.is_empty();
        }
        let Some(first) = self.old().next() else { return false };
        let bytes: u64 = self.old().map(|waiting| waiting.segment.bytes).sum();
        bytes >= limits.merge || self.oldest().0 - first.segment.epoch.0 >= EPOCHS_WAITING_MAX
    }

    /// Whole epochs, up to a size.
    fn batch(&self, bytes_max: u64) -> Option<Batch> {
        let count = if self.wanted { self.waiting.len() } else { self.old().count() };
        let mut bytes = 0;
        let mut segments: Vec<Waiting> = Vec::new();
        for waiting in self.waiting.iter().take(count) {
            let last = segments.last().map(|last: &Waiting| last.segment.epoch);
            if bytes >= bytes_max && last != Some(waiting.segment.epoch) {
                break;
            }
            bytes += waiting.segment.bytes;
            segments.push(waiting.clone());
        }
        let last = segments.last()?.segment.epoch;
        let to = match segments.len() == self.waiting.len() {
            true => self.committed().max(last),
            false => last,
        };
        Some(Batch { segments, to, oldest: self.oldest() })
    }
}

impl Waiting {
    fn read(&self, storage: &dyn Storage, directory: &std::path::Path) -> Result<Arc<Vec<u8>>> {
        match &self.bytes {
            Some(bytes) => Ok(bytes.clone()),
            None => self.segment.read(storage, directory).map(Arc::new),
        }
    }
}
