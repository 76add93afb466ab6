//! One try at a job: from the last checkpoint to its end or its first error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select_biased, unbounded};

use super::build::{Shared, metrics};
use super::deploy::{Change, Deployments, ITSELF, Opening};
use super::epochs::{EpochRecorder, EpochReport};
use super::publish::{PROGRESS_EVERY, publish};
use super::queues::Queues;
use super::recover::recover;
use super::spawn::{Spawner, reading};
use super::{Claim, Command, Course, JobOptions, Observer, Progress, Summary};
use crate::checkpoint::{self, Action, Checkpoint, Commit, Event, Protocol, Store, TaskId};
use crate::config::Trigger;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::plan::{Deployment, Plan, Shapes};
use crate::plugin::PluginHost;
use crate::query::Status;
use crate::sink::{Connections, Published, Publisher};
use crate::source::{Follower, Position};
use crate::state::{StateBackend, StateOptions};
use crate::swap::Verdict;
use crate::task::{Barrier, Control, EpochPart, Report};

/// The first epoch comes early, so that output is seen soon after the start.
const FIRST_EPOCH: Duration = Duration::from_millis(50);
/// A try that did not fail for so long is over what the last one failed for.
const SETTLED: Duration = Duration::from_secs(5);
/// How often it is looked whether an epoch has changed so much that it should end early.
const PRESSURE_EVERY: Duration = Duration::from_millis(20);

/// Runs until the end or the first error. `course` says what has happened until then.
pub fn run(
    plan: &Plan,
    plugins: &Arc<PluginHost>,
    options: &JobOptions,
    own: &Claim,
    observer: &mut dyn Observer,
    started: Instant,
    course: &mut Course,
) -> Result<Summary> {
    let storage = &options.storage;
    let state_options =
        StateOptions { memory_max: plan.state_memory as usize, keep: plan.checkpoint.keep };
    let directory = &plan.checkpoint.directory;
    let Checkpoint { store, recovered, state } =
        checkpoint::open_locked(own.lock.clone(), directory, &plan.name, storage, state_options)?;
    for warning in &recovered.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = metrics(plan, plugins, &own.status);
    let session = &own.session;
    let connections = Arc::new(Connections::open(plan, &recovered.id, session, &metrics)?);
    let connected = (&connections, session);
    let recovered = recover(plan, options, &store, &state, connected, recovered)?;
    let (store, state) = (Arc::new(store), Arc::new(state));
    let _open = own.server.open(store.clone(), state.clone());
    let shared = Shared::new(plan, plugins)?;
    let deployments = Arc::new(Deployments::open(Opening {
        plan,
        replan: options.replan.clone(),
        plugins: plugins.clone(),
        lookups: shared.lookups.clone(),
        store: &store,
        storage: storage.clone(),
        deployed: &recovered.deployed,
        shapes: &recovered.shapes,
        is_replay: options.until.is_some(),
    })?);
    let _connected = options.remote.0.connect(&deployments);
    let (reports, inbox) = unbounded();
    let spawner = Spawner {
        plan,
        shared: &shared,
        recovered: &recovered,
        options,
        metrics: &metrics,
        state: &state,
        connections: &connections,
        deployed: &deployments.running(),
    };
    let tasks = spawner.spawn(&reports)?;
    drop(reports);
    own.status.running(&metrics, recovered.epoch, &recovered.id);
    let restarts = own.status.restarts();
    let mut coordinator = Coordinator {
        plan,
        store: &store,
        state: &state,
        deployments: &deployments,
        changes: Changes::default(),
        shapes: recovered.shapes.clone(),
        publisher: Publisher::new(plan, &recovered.id, storage.clone(), connections.clone()),
        protocol: Protocol::new(
            tasks.running.len(),
            tasks.sources.len(),
            reading(plan.trigger, options),
            recovered.epoch,
        ),
        sources: tasks.sources,
        followers: tasks.followers,
        controls: tasks.controls,
        collected: Commit::default(),
        published: Vec::new(),
        committed: recovered.epoch,
        course,
        queues: Queues::of(plan, &metrics),
        finished: 0,
        withheld: None,
        recorder: EpochRecorder::new(recovered.positions.clone()),
        reported: None,
        status: &own.status,
        settles: Some(Instant::now() + SETTLED),
    };
    let report = |epoch: Epoch, committed: Option<&EpochReport>, observer: &mut dyn Observer| {
        let (metrics, restarts) = (&*metrics, &restarts);
        let elapsed = started.elapsed();
        observer.progress(&Progress { plan, metrics, epoch, committed, elapsed, restarts });
    };
    let heard = (&options.stop, &options.remote.1);
    let mut tell =
        |epoch: Epoch, committed: Option<&EpochReport>| report(epoch, committed, observer);
    let result = coordinator.run(&inbox, heard, &mut tell);
    let epoch = coordinator.committed;
    // Tasks end when nobody sends barriers any more.
    coordinator.controls.clear();
    for task in tasks.running {
        // A panic was caught in the task and reported.
        let _ = task.join();
    }
    result?;
    report(epoch, None, observer);
    Ok(Summary { metrics, epoch, elapsed: started.elapsed(), restarts })
}

/// What is to take effect, and who waits for an epoch.
#[derive(Default)]
struct Changes {
    waiting: Option<Change>,
    /// The one that came with the barrier which is being collected.
    barrier: Option<Change>,
    checkpoints: Vec<Sender<Epoch>>,
    /// Those that are answered when the epoch that is being collected is over.
    collected: Vec<Sender<Epoch>>,
}

/// Tells of progress: the last epoch, and what it has done if that is news.
type Tell<'a> = dyn FnMut(Epoch, Option<&EpochReport>) + 'a;

struct Coordinator<'a> {
    plan: &'a Plan,
    store: &'a Store,
    state: &'a StateBackend,
    shapes: Shapes,
    deployments: &'a Deployments,
    changes: Changes,
    publisher: Publisher,
    protocol: Protocol,
    /// The source that each lane reads.
    sources: Vec<String>,
    followers: BTreeMap<String, Box<dyn Follower>>,
    controls: Vec<Sender<Control>>,
    /// What the tasks have reported of the epoch that is being collected.
    collected: Commit,
    /// Output in sight, which the next commit notes.
    published: Vec<Published>,
    committed: Epoch,
    course: &'a mut Course,
    queues: Queues,
    /// So many sources are at their end.
    finished: usize,
    /// The end of the last source, of which nobody is told while rows wait to come again.
    withheld: Option<TaskId>,
    recorder: EpochRecorder,
    /// The epoch that was committed last, until it is told of.
    reported: Option<EpochReport>,
    status: &'a Status,
    /// When what the last try failed for is over, if it is not yet.
    settles: Option<Instant>,
}

impl Changes {
    /// Whether an epoch should end at once.
    fn is_urgent(&self) -> bool {
        let free = self.barrier.is_none() && self.collected.is_empty();
        free && (self.waiting.is_some() || !self.checkpoints.is_empty())
    }

    /// A barrier goes out: what comes with it.
    fn begin(&mut self, last: bool) -> Option<Arc<Deployment>> {
        self.collected.append(&mut self.checkpoints);
        self.barrier = self.waiting.take_if(|_| !last);
        if let Some(mut late) = self.waiting.take() {
            late.answer(Err(Error::unavailable("the pipeline is ending: nothing was changed")));
        }
        self.barrier.as_ref().map(|change| change.deployment.clone())
    }

    /// The epoch that was being collected is over.
    fn checkpointed(&mut self, committed: Epoch) {
        for waiting in self.collected.drain(..) {
            // Whoever asked may be gone.
            let _ = waiting.send(committed);
        }
    }
}

impl Coordinator<'_> {
    fn run(
        &mut self,
        inbox: &Receiver<Report>,
        (stop, commands): (&Receiver<()>, &Receiver<Command>),
        progress: &mut Tell,
    ) -> Result<()> {
        let interval = match self.plan.trigger {
            Trigger::Interval(every) => every.0,
            Trigger::Continuous | Trigger::AvailableNow => self.plan.checkpoint.interval,
        };
        let mut due = Instant::now() + FIRST_EPOCH.min(interval);
        let mut told = Instant::now();
        let mut earliest = told;
        let pressure = self.state.pressure();
        let has_state = self.plan.nodes.iter().any(|node| node.kind.keys().is_some());
        let quiet = never();
        let mut stop = stop;
        loop {
            let mut wake = due.min(told + PROGRESS_EVERY);
            if pressure.is_high() {
                // Nothing is read until the epoch ends.
                due = due.min(earliest);
                wake = wake.min(due);
            } else if has_state || self.deployments.has_trials() {
                wake = wake.min(Instant::now() + PRESSURE_EVERY);
            }
            if self.changes.is_urgent() && self.protocol.is_open() {
                due = due.min(Instant::now());
                wake = due;
            }
            let event = select_biased! {
                recv(inbox) -> report => match report {
                    Ok(report) => self.hear(report)?,
                    Err(_) => return Err(Error::internal("all tasks are gone")),
                },
                recv(stop) -> _ => {
                    stop = &quiet;
                    self.course.stopping = true;
                    Some(Event::Stop)
                }
                recv(commands) -> command => match command {
                    Ok(Command::Stop) => {
                        self.course.stopping = true;
                        Some(Event::Stop)
                    }
                    Ok(command) => {
                        self.obey(command);
                        continue;
                    }
                    // The remote is as old as the job.
                    Err(_) => return Err(Error::internal("nobody has the job's remote")),
                },
                default(wake.saturating_duration_since(Instant::now())) => {
                    self.judge();
                    let now = Instant::now();
                    let is_due = now >= due;
                    if is_due {
                        due = now + interval;
                        earliest = now + PRESSURE_EVERY;
                    } else if now < told + PROGRESS_EVERY {
                        continue;
                    }
                    is_due.then_some(Event::Due)
                }
            };
            if self.settles.is_some_and(|at| at <= Instant::now()) {
                self.settles = None;
                self.status.all_work();
            }
            let Some(event) = event else {
                told = Instant::now();
                self.publisher.keep(self.committed)?;
                progress(self.committed, None);
                continue;
            };
            let mut action = self.protocol.next(event);
            loop {
                match action {
                    Action::None => break,
                    Action::End => return self.end(),
                    Action::Go => {
                        self.recorder.begin();
                        self.send(Control::Go);
                        break;
                    }
                    Action::Barrier { epoch, last } => {
                        self.queues.note(self.withheld.is_some());
                        self.recorder.barrier();
                        let deployment = self.changes.begin(last);
                        self.send(Control::Barrier(Barrier { epoch, last, deployment }));
                        break;
                    }
                    Action::Commit { epoch, last } => {
                        let committed = self.commit(epoch, last, progress)?;
                        if committed {
                            told = Instant::now();
                            let reported = self.reported.take();
                            progress(self.committed, reported.as_ref());
                        }
                        self.changes.checkpointed(self.committed);
                        action = self.protocol.next(Event::Done { committed });
                        if action == Action::None
                            && self.queues.are_quiet()
                            && let Some(task) = self.withheld.take()
                        {
                            action = self.protocol.next(Event::Finished(task));
                        }
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Stop => {}
            Command::Checkpoint(reply) => self.changes.checkpoints.push(reply),
            Command::Change(change) => self.change(*change),
            Command::Decide(part, verdict, by, reply) => {
                let asked = (by.as_str(), "asked for");
                match self.deployments.decide(&part, verdict, asked, Some(reply.clone())) {
                    Ok(change) => self.change(change),
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
        }
    }

    /// Lets a change take effect at the next barrier.
    fn change(&mut self, mut change: Change) {
        if self.changes.waiting.is_some() || self.changes.barrier.is_some() {
            let text = "another swap is about to take effect: ask again";
            change.answer(Err(Error::unavailable(text)));
        } else if !self.deployments.is_own(&change) {
            let text = "what runs has changed meanwhile: nothing was changed by this; ask again";
            change.answer(Err(Error::unavailable(text)));
        } else if self.course.stopping {
            change.answer(Err(Error::unavailable("the pipeline is stopping: nothing was changed")));
        } else {
            self.changes.waiting = Some(change);
        }
    }

    /// Promotes candidates or takes them back, where it is time.
    fn judge(&mut self) {
        if self.changes.waiting.is_some() || self.changes.barrier.is_some() {
            return;
        }
        let Some((part, verdict, why)) = self.deployments.verdicts().into_iter().next() else {
            return;
        };
        match self.deployments.decide(&part, verdict, (ITSELF, &why), None) {
            Ok(change) => {
                if verdict == Verdict::Rollback {
                    tracing::warn!(part, why, "the new version is taken back");
                }
                self.changes.waiting = Some(change);
            }
            Err(error) => tracing::error!(part, %error, "a candidate can't be judged"),
        }
    }

    /// What the protocol should know of it.
    fn hear(&mut self, report: Report) -> Result<Option<Event>> {
        Ok(Some(match report {
            Report::Finished { task } => {
                self.finished += 1;
                let all = self.finished == self.sources.len();
                if all && !self.queues.is_empty() && self.plan.trigger != Trigger::AvailableNow {
                    self.withheld = Some(task);
                    return Ok(None);
                }
                Event::Finished(task)
            }
            Report::Failed { error } => return Err(error),
            Report::Drained { task, more } => Event::Drained { task, more },
            Report::Staged { task, part } => {
                self.collect(task, *part);
                Event::Staged(task)
            }
        }))
    }

    fn collect(&mut self, task: TaskId, part: EpochPart) {
        if let Some(source) = self.sources.get(task) {
            let positions = part.positions.into_iter();
            let positions = positions.map(|(name, at)| (source.clone(), name, at));
            self.collected.positions.extend(positions);
        }
        self.collected.clocks.extend(part.clocks);
        self.collected.staged.extend(part.staged);
        self.collected.segments.extend(part.segment);
        self.recorder.add(part.tally);
        if let Some((step, watermark)) = part.reached {
            // Tasks that have met the end of time differ in how far they had windows.
            match self.collected.watermarks.iter_mut().find(|(name, _)| *name == step) {
                Some((_, reached)) => *reached = watermark.0.max(*reached),
                None => self.collected.watermarks.push((step, watermark.0)),
            }
        }
    }

    fn send(&self, control: Control) {
        for lane in &self.controls {
            // A lane that is gone has reported why.
            let _ = lane.send(control.clone());
        }
    }

    /// Whether there was anything to commit.
    fn commit(&mut self, epoch: Epoch, last: bool, progress: &mut Tell) -> Result<bool> {
        let staged = Instant::now();
        let mut commit = std::mem::take(&mut self.collected);
        let empty = commit.positions.is_empty()
            && commit.staged.is_empty()
            && commit.segments.is_empty()
            && commit.clocks.is_empty();
        let is_needed = self.changes.barrier.is_some() || (last && self.publisher.is_waiting());
        if empty && !is_needed {
            return Ok(false);
        }
        commit.epoch = epoch;
        commit.merged = self.state.merged();
        commit.published = std::mem::take(&mut self.published);
        commit.keep = self.plan.checkpoint.keep;
        let mut change = self.changes.barrier.take();
        self.deployments.note_versions(&mut self.shapes, change.as_ref());
        commit.shapes = self.shapes.clone();
        (commit.deployed, commit.swaps) = self.deployments.commit(epoch, change.as_mut());
        let swaps = commit.swaps.clone();
        commit.digests = self.digests();
        if let Some(forgotten) = self.state.seal(epoch)? {
            commit.segments.insert(0, forgotten);
        }
        if let Err(error) = self.store.commit(&commit) {
            if let Some(mut change) = change {
                let text = "the checkpoint could not be written: whether the swap is in force is \
                            known when the pipeline runs again (`millrace swaps`)";
                change.answer(Err(Error::unavailable(text)));
            }
            return Err(error);
        }
        let committed = Instant::now();
        self.committed = epoch;
        self.deployments.committed(&swaps, change.as_ref());
        if let Some(mut change) = change {
            change.answer(Ok(()));
        }
        self.status.committed(epoch);
        self.follow(&commit.positions);
        self.state.committed(epoch, std::mem::take(&mut commit.segments))?;
        self.course.progressed = true;
        let sources = commit.positions.iter().map(|(source, ..)| source.as_str());
        let mut work: Vec<String> = sources.map(str::to_owned).collect();
        work.extend(commit.staged.iter().map(|staged| staged.sink().to_owned()));
        self.published = publish(&mut self.publisher, epoch, commit.staged, last, &mut |epoch| {
            progress(epoch, None)
        })?;
        self.reported = Some(self.recorder.end(epoch, (staged, committed), &commit.positions));
        self.publisher.keep(epoch)?;
        if self.settles.is_some() {
            self.status.work(&work);
        }
        Ok(true)
    }

    /// Tells the sources what is committed of them.
    fn follow(&self, positions: &[(String, String, Position)]) {
        for (source, follower) in &self.followers {
            let own = positions.iter().filter(|(of, _, _)| of == source);
            let own: Vec<_> = own.map(|(_, name, at)| (name.clone(), *at)).collect();
            if !own.is_empty() {
                follower.committed(&own);
            }
        }
    }

    fn digests(&self) -> BTreeMap<String, String> {
        let planned = self.plan.digests();
        let planned = planned.map(|(step, digest)| (step.to_owned(), digest.to_owned()));
        planned.chain(self.deployments.digests()).collect()
    }

    fn end(&mut self) -> Result<()> {
        self.store.forget_staged(&std::mem::take(&mut self.published))
    }
}
