//! How a running job is, for whoever asks whether it is ready.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::error::Error;
use crate::metrics::{Down, Health, Metrics};
use crate::plan::{Plan, step_of};
use crate::tap::Tap;

/// Of one job, over all its restarts.
#[derive(Debug)]
pub struct Status {
    /// The nodes of the plan.
    nodes: Vec<(String, Arc<Health>)>,
    taps: Vec<Arc<Tap>>,
    /// What no node can be blamed for.
    own: Health,
    now: Mutex<Now>,
    /// The checkpoint was taken, or will never be.
    settled: Condvar,
}

#[derive(Debug)]
struct Now {
    phase: Phase,
    restarts: Restarts,
    claim: Claimed,
    /// Of the current try, or of the last one.
    metrics: Option<Arc<Metrics>>,
    epoch: Epoch,
    /// The checkpoint's id.
    checkpoint: Option<String>,
}

/// Whether the checkpoint is this job's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claimed {
    NotYet,
    Yes,
    Never,
}

/// What a job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The checkpoint is being recovered, sources and sinks are being opened.
    Starting,
    Running,
    /// It failed, and starts again then.
    Waiting(Instant),
}

/// How often a job started again, and what for.
#[derive(Debug, Clone, Default)]
pub struct Restarts {
    pub count: u64,
    pub last: Option<Restart>,
}

#[derive(Debug, Clone)]
pub struct Restart {
    pub at: SystemTime,
    /// The node that failed, if one did.
    pub node: Option<String>,
    pub error: String,
}

/// The answer to [`Query::Ready`](super::Query::Ready).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    pub ready: bool,
    /// `starting`, `running` or `restarting`.
    pub phase: String,
    /// What does not answer.
    pub down: Vec<DownNode>,
    pub restarts: u64,
    /// How long it is to the next try.
    pub delay_ms: Option<u64>,
}

/// A source or sink that does not answer, or the job itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DownNode {
    pub node: Option<String>,
    pub reason: String,
    pub down_ms: u64,
}

impl Status {
    pub fn new(plan: &Plan) -> Self {
        let now = Now {
            phase: Phase::Starting,
            restarts: Restarts::default(),
            claim: Claimed::NotYet,
            metrics: None,
            epoch: Epoch(0),
            checkpoint: None,
        };
        Self {
            nodes: plan.nodes.iter().map(|n| (n.name.clone(), Arc::default())).collect(),
            taps: plan.nodes.iter().map(|_| Arc::default()).collect(),
            own: Health::default(),
            now: Mutex::new(now),
            settled: Condvar::new(),
        }
    }

    /// The health of a node of the plan.
    pub fn health(&self, node: usize) -> Arc<Health> {
        self.nodes[node].1.clone()
    }

    /// Where rows of a node of the plan can be looked at.
    pub fn tap(&self, node: usize) -> Arc<Tap> {
        self.taps[node].clone()
    }

    pub fn restarts(&self) -> Restarts {
        self.lock().restarts.clone()
    }

    /// Everything is being opened, and will say anew whether it is down.
    pub fn starting(&self) {
        self.lock().phase = Phase::Starting;
        self.nodes.iter().for_each(|(_, health)| health.up());
    }

    /// The checkpoint is this job's.
    pub fn claimed(&self) {
        self.settle(Claimed::Yes);
    }

    /// The job is over.
    pub fn ended(&self) {
        self.settle(Claimed::Never);
    }

    fn settle(&self, claim: Claimed) {
        let mut now = self.lock();
        if now.claim == Claimed::NotYet {
            now.claim = claim;
            self.settled.notify_all();
        }
    }

    /// Waits until the checkpoint is this job's; false if it never will be.
    pub fn wait_for_claim(&self) -> bool {
        let waits = |now: &mut Now| now.claim == Claimed::NotYet;
        let now = self.settled.wait_while(self.lock(), waits);
        now.unwrap_or_else(PoisonError::into_inner).claim == Claimed::Yes
    }

    /// Everything is open, and counted here; the last committed epoch is `epoch`.
    pub fn running(&self, metrics: &Arc<Metrics>, epoch: Epoch, checkpoint: &str) {
        let mut now = self.lock();
        now.checkpoint = Some(checkpoint.to_owned());
        now.phase = Phase::Running;
        now.metrics = Some(metrics.clone());
        now.epoch = epoch;
    }

    /// An epoch was committed.
    pub fn committed(&self, epoch: Epoch) {
        self.lock().epoch = epoch;
    }

    /// The id of the checkpoint, once it was opened.
    pub fn checkpoint_id(&self) -> Option<String> {
        self.lock().checkpoint.clone()
    }

    /// The counters and the last committed epoch, once everything was open.
    pub fn metrics(&self) -> Option<(Arc<Metrics>, Epoch)> {
        let now = self.lock();
        Some((now.metrics.clone()?, now.epoch))
    }

    /// The job failed and starts again after `delay`.
    pub fn waiting(&self, error: &Error, delay: Duration) {
        let reason = error.to_string();
        let of_node = |name: &String| self.nodes.iter().find(|(node, _)| node == name);
        match error.node.as_ref().and_then(of_node) {
            Some((_, health)) => health.failed(&reason),
            None => self.own.failed(&reason),
        }
        let mut now = self.lock();
        now.phase = Phase::Waiting(Instant::now() + delay);
        now.restarts.count += 1;
        let node = error.node.as_deref().map(|node| step_of(node).to_owned());
        now.restarts.last = Some(Restart { at: SystemTime::now(), node, error: reason });
    }

    /// These sources and sinks had a part in an epoch that is over.
    pub fn work(&self, names: &[String]) {
        let named = self.nodes.iter().filter(|(node, _)| names.iter().any(|n| *n == step_of(node)));
        named.for_each(|(_, health)| health.works());
        self.own.works();
    }

    /// Everything does what it should.
    pub fn all_work(&self) {
        self.nodes.iter().map(|(_, health)| &**health).chain([&self.own]).for_each(Health::works);
    }

    pub fn readiness(&self) -> Readiness {
        let named = self.nodes.iter().map(|(name, health)| (Some(step_of(name)), &**health));
        let down_node = |(node, down): (Option<&str>, Down)| DownNode {
            node: node.map(str::to_owned),
            reason: down.reason,
            down_ms: down.since.elapsed().as_millis() as u64,
        };
        let down: Vec<DownNode> = named
            .chain([(None, &self.own)])
            .filter_map(|(node, health)| Some((node, health.get()?)))
            .map(down_node)
            .collect();
        let now = self.lock();
        let (phase, delay) = match now.phase {
            Phase::Starting => ("starting", None),
            Phase::Running => ("running", None),
            Phase::Waiting(until) => {
                ("restarting", Some(until.saturating_duration_since(Instant::now())))
            }
        };
        Readiness {
            ready: now.phase == Phase::Running && down.is_empty(),
            phase: phase.to_owned(),
            down,
            restarts: now.restarts.count,
            delay_ms: delay.map(|delay| delay.as_millis() as u64),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
