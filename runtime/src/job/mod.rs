//! A plan at work: tasks spawned and supervised, epochs coordinated, restarts after failures.

mod attempt;
mod build;
mod deploy;
mod epochs;
mod publish;
mod queues;
mod recover;
mod remote;
mod spawn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

pub use epochs::{EpochReport, Move};

use crate::checkpoint::Lock;
use crate::epoch::Epoch;
use crate::error::{ErrorKind, Result};
use crate::metrics::Metrics;
use crate::plan::{Plan, Replan};
use crate::plugin::PluginHost;
use crate::query::Server;
pub use crate::query::{Restarts, Status};
use crate::sink::{Outcome, Session};
use crate::source::Until;
use crate::storage::{LocalStorage, Storage};
pub use remote::{Command, Remote};

/// The first wait before a restart; each further one is twice as long.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// What a job is run with.
pub struct JobOptions {
    pub storage: Arc<dyn Storage>,
    /// A message, or the end of the channel's other side, stops the job after one more epoch.
    pub stop: Receiver<()>,
    /// Sources that are no longer in the pipeline and whose positions may be forgotten.
    pub forget_sources: Vec<String>,
    /// What the user knows of output of which the sink itself does not know whether it is there,
    /// by the sinks' names.
    pub outcomes: BTreeMap<String, Outcome>,
    /// Runs one epoch, up to where each source had come then, and ends. By source.
    pub until: Option<BTreeMap<String, Until>>,
    /// Who plans the pipeline again for a swap. Without it nothing can be swapped.
    pub replan: Option<Arc<dyn Replan>>,
    /// What else may be asked of the job, and where it hears of it.
    pub remote: (Remote, Receiver<Command>),
    /// Where the job says how it is; of the same plan.
    pub status: Option<Arc<Status>>,
}

impl JobOptions {
    /// On the machine's own file system.
    pub fn new(stop: Receiver<()>) -> Self {
        Self {
            storage: Arc::new(LocalStorage),
            stop,
            forget_sources: Vec::new(),
            outcomes: BTreeMap::new(),
            until: None,
            replan: None,
            remote: Remote::new(),
            status: None,
        }
    }
}

/// How a job is getting on.
pub struct Progress<'a> {
    pub plan: &'a Plan,
    pub metrics: &'a Metrics,
    pub epoch: Epoch,
    /// The epoch, if it was committed just now.
    pub committed: Option<&'a EpochReport>,
    pub elapsed: Duration,
    /// Of the job until now.
    pub restarts: &'a Restarts,
}

/// Hears of a job's progress: about once per second, at least once per epoch, and of restarts.
pub trait Observer {
    fn progress(&mut self, progress: &Progress);
    /// The job failed for `error` and starts again after `delay`.
    fn restart(&mut self, error: &crate::error::Error, delay: Duration);
}

/// How a job ended.
#[derive(Debug)]
pub struct Summary {
    pub metrics: Arc<Metrics>,
    /// The last committed epoch.
    pub epoch: Epoch,
    pub elapsed: Duration,
    pub restarts: Restarts,
}

/// Runs a job until its sources end, it is stopped, or it fails.
///
/// # Errors
/// What it failed for, once it is not worth another try.
pub fn run(
    plan: &Plan,
    plugins: &Arc<PluginHost>,
    options: &JobOptions,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let started = Instant::now();
    let status = options.status.clone().unwrap_or_else(|| Arc::new(Status::new(plan)));
    let mut claim = None;
    let mut delay = RESTART_DELAY;
    let mut attempts = 0;
    loop {
        let mut course = Course::default();
        status.starting();
        let claimed = match claim.take() {
            Some(claim) => Ok(claim),
            None => Claim::make(plan, options, &status),
        };
        let tried = claimed.and_then(|own| {
            let own = claim.insert(own);
            attempt::run(plan, plugins, options, own, observer, started, &mut course)
        });
        let error = match tried {
            Ok(summary) => return Ok(summary),
            Err(error) => error,
        };
        if course.progressed {
            attempts = 0;
            delay = RESTART_DELAY;
        }
        attempts += 1;
        let given_up = plan.restart.attempts.is_some_and(|max| attempts > max);
        if error.kind != ErrorKind::Unavailable || given_up || course.stopping {
            return Err(error);
        }
        let wait = delay.min(plan.restart.delay_max);
        status.waiting(&error, wait);
        observer.restart(&error, wait);
        if is_stopped_within(wait, options) {
            return Err(error);
        }
        delay = wait.saturating_mul(2);
    }
}

/// Whether the job is told to end while it waits for its next try. Whoever wants anything else is
/// told by the end of their channel that nothing came of it.
fn is_stopped_within(wait: Duration, options: &JobOptions) -> bool {
    let until = Instant::now() + wait;
    loop {
        select! {
            recv(options.stop) -> _ => return true,
            recv(options.remote.1) -> command => match command {
                Ok(Command::Stop) => return true,
                Ok(Command::Checkpoint(_) | Command::Change(_) | Command::Decide(..)) => {}
                // The remote is as old as the job.
                Err(_) => return true,
            },
            default(until.saturating_duration_since(Instant::now())) => return false,
        }
    }
}

/// What has happened in a try.
#[derive(Debug, Default)]
struct Course {
    /// An epoch was committed.
    progressed: bool,
    /// The user wants the job to stop.
    stopping: bool,
}

/// What a job has from its first try to its end: the checkpoint is its own, also between two tries,
/// and it can be asked.
struct Claim {
    lock: Lock,
    server: Server,
    status: Arc<Status>,
    session: Session,
}

impl Claim {
    fn make(plan: &Plan, options: &JobOptions, status: &Arc<Status>) -> Result<Self> {
        let directory = &plan.checkpoint.directory;
        let lock = Lock::take(directory, &*options.storage)?;
        status.claimed();
        let server = Server::start(directory, options.storage.clone(), status.clone());
        let session = Session::new(options.outcomes.clone());
        Ok(Self { lock, server, status: status.clone(), session })
    }
}
