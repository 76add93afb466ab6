//! What may be asked of a running job, from any thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::deploy::{Change, Deployments};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::swap::{SwapRecord, SwapRequest, TrialReport, Verdict};

/// What the coordinator is told.
pub enum Command {
    /// End after one more epoch.
    Stop,
    /// An epoch, now. The answer comes when it is committed; also when there was nothing to commit.
    Checkpoint(Sender<Epoch>),
    /// A swap that is ready to take effect.
    Change(Box<Change>),
    /// What becomes of a candidate: part, verdict, by whom.
    Decide(String, Verdict, String, Sender<Result<SwapRecord>>),
}

/// A running job, for those who want something of it. Cheap to clone.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    commands: Sender<Command>,
    /// `None` as long as the job has not opened its checkpoint.
    deployments: Mutex<Option<Arc<Deployments>>>,
    /// Swaps are prepared one after the other.
    preparing: Mutex<()>,
}

impl Remote {
    /// A remote, and what the job hears of it.
    pub fn new() -> (Self, Receiver<Command>) {
        let (commands, heard) = unbounded();
        let inner = Inner { commands, deployments: Mutex::new(None), preparing: Mutex::new(()) };
        (Self(Arc::new(inner)), heard)
    }

    /// Lets the job end after one more epoch.
    pub fn stop(&self) {
        // A job that is over needs no message.
        let _ = self.0.commands.send(Command::Stop);
    }

    /// Ends an epoch now. Returns the last committed epoch once it is durable.
    ///
    /// # Errors
    /// `Unavailable` if the job ends or starts again before.
    pub fn checkpoint(&self) -> Result<Epoch> {
        let (reply, answer) = bounded(1);
        self.send(Command::Checkpoint(reply))?;
        answer.recv().map_err(|_| gone())
    }

    /// Checks and prepares a swap beside the running version, and lets it take effect at an epoch's
    /// barrier. Returns once that epoch is committed.
    ///
    /// # Errors
    /// `Config` if it is refused: the text says what differs, and nothing has changed.
    /// `Unavailable` if the job ends or starts again before it took effect.
    pub fn swap(&self, request: &SwapRequest) -> Result<SwapRecord> {
        let _one = lock(&self.0.preparing);
        let deployments = self.deployments()?;
        let (reply, answer) = bounded(1);
        let change = deployments.prepare(request, reply)?;
        self.send(Command::Change(Box::new(change)))?;
        let answer = answer.recv().map_err(|_| gone())?;
        if answer.is_err() {
            deployments.cool();
        }
        answer
    }

    /// Promotes a candidate, or takes it back.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    pub fn decide(&self, part: &str, verdict: Verdict, by: &str) -> Result<SwapRecord> {
        let deployments = self.deployments()?;
        if let Some(request) = deployments.way_back(part, verdict, by)? {
            return self.swap(&request);
        }
        let (reply, answer) = bounded(1);
        self.send(Command::Decide(part.to_owned(), verdict, by.to_owned(), reply))?;
        answer.recv().map_err(|_| gone())?
    }

    /// All swaps of the checkpoint, the oldest first.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn swaps(&self) -> Result<Vec<SwapRecord>> {
        Ok(self.deployments()?.history())
    }

    /// The digest of the component that each step and each function runs.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.deployments().map(|deployments| deployments.digests()).unwrap_or_default()
    }

    /// How the candidates are doing.
    pub fn trials(&self) -> Vec<TrialReport> {
        self.deployments().map(|deployments| deployments.reports()).unwrap_or_default()
    }

    /// The job has opened its checkpoint, until the guard is dropped.
    pub(super) fn connect(&self, deployments: &Arc<Deployments>) -> Connected<'_> {
        *lock(&self.0.deployments) = Some(deployments.clone());
        Connected(self)
    }

    fn deployments(&self) -> Result<Arc<Deployments>> {
        let open = lock(&self.0.deployments).clone();
        open.ok_or_else(|| Error::unavailable("the pipeline is starting, or has ended: ask again"))
    }

    fn send(&self, command: Command) -> Result<()> {
        self.0.commands.send(command).map_err(|_| gone())
    }
}

/// The time during which a checkpoint is open.
pub struct Connected<'a>(&'a Remote);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        *lock(&self.0.0.deployments) = None;
    }
}

fn gone() -> Error {
    Error::unavailable(
        "the pipeline ended or started again before this took effect: nothing was changed; ask again",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
