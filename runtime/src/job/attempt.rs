//! One try at a job: from the last checkpoint to its end or its first error.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased, unbounded};

use super::build::{Shared, metrics};
use super::{JobOptions, Observer, Progress, Summary};
use crate::checkpoint::{Action, Commit, Event, Protocol, Recovered, Store, TaskId};
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::metrics::Metrics;
use crate::plan::{NodeKind, Plan, REPLAY_PREFIX};
use crate::plugin::PluginHost;
use crate::sink::{self, Published, Publisher, SinkContext};
use crate::source::{self, OpenContext, Positions};
use crate::task::{self, Barrier, Chain, Report};

/// The first epoch comes early, so that output is seen soon after the start.
const FIRST_EPOCH: Duration = Duration::from_millis(50);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Runs until the end or the first error. `progressed` is set once an epoch was committed.
pub fn run(
    plan: &Plan,
    plugins: &PluginHost,
    options: &JobOptions,
    observer: &mut dyn Observer,
    started: Instant,
    progressed: &mut bool,
) -> Result<Summary> {
    let storage = &options.storage;
    let store = Store::open(&plan.checkpoint.directory, &plan.name, &**storage)?;
    let recovered = recover(plan, options, &store)?;
    let metrics = metrics(plan);
    let shared = Shared::new(plan, plugins)?;
    let _fresh: Vec<_> = shared.tables.iter().filter_map(|table| table.keep_fresh()).collect();
    let (reports, inbox) = unbounded();
    let tasks = spawn(plan, &shared, &recovered, options, &metrics, &reports)?;
    drop(reports);
    let mut coordinator = Coordinator {
        plan,
        store: &store,
        publisher: Publisher::new(plan, &recovered.id, storage.clone()),
        protocol: Protocol::new(tasks.running.len(), recovered.epoch),
        sources: tasks.sources,
        barriers: tasks.barriers,
        collected: Commit::default(),
        published: Vec::new(),
        committed: recovered.epoch,
        progressed,
    };
    let report = |epoch: Epoch, observer: &mut dyn Observer| {
        observer.progress(&Progress { plan, metrics: &metrics, epoch, elapsed: started.elapsed() });
    };
    let result = coordinator.run(&inbox, &options.stop, &mut |epoch| report(epoch, observer));
    let epoch = coordinator.committed;
    // Tasks end when nobody sends barriers any more.
    coordinator.barriers.clear();
    for task in tasks.running {
        // A panic was caught in the task and reported.
        let _ = task.join();
    }
    result?;
    report(epoch, observer);
    Ok(Summary { metrics, epoch, elapsed: started.elapsed() })
}

fn recover(plan: &Plan, options: &JobOptions, store: &Store) -> Result<Recovered> {
    let mut recovered = store.recover()?;
    let known = |source: &str| {
        plan.source_names().any(|name| name == source) || source.starts_with(REPLAY_PREFIX)
    };
    let replay = plan.source_names().all(|name| name.starts_with(REPLAY_PREFIX));
    let gone: Vec<String> =
        recovered.positions.keys().filter(|source| !known(source)).cloned().collect();
    for source in gone.into_iter().filter(|_| !replay) {
        if !options.forget_sources.contains(&source) {
            return Err(Error::config(format!(
                "the checkpoint in {} holds how far source `{source}` was read, and the pipeline \
                 has no such source: name it so again, or forget it with --forget {source}",
                plan.checkpoint.directory.display()
            )));
        }
        store.forget_source(&source)?;
        recovered.positions.remove(&source);
    }
    let staged = std::mem::take(&mut recovered.staged);
    let published = sink::recover(plan, &recovered.id, &options.storage, staged)?;
    store.forget_staged(&published)?;
    Ok(recovered)
}

struct Tasks {
    running: Vec<JoinHandle<()>>,
    barriers: Vec<Sender<Barrier>>,
    /// The source that each task reads.
    sources: Vec<String>,
}

fn spawn(
    plan: &Plan,
    shared: &Shared,
    recovered: &Recovered,
    options: &JobOptions,
    metrics: &Arc<Metrics>,
    reports: &Sender<Report>,
) -> Result<Tasks> {
    let mut tasks = Tasks { running: Vec::new(), barriers: Vec::new(), sources: Vec::new() };
    let none = Positions::new();
    for group in Graph::new(plan).groups {
        let node = &plan.nodes[group.source];
        let NodeKind::Source(source) = &node.kind else { continue };
        let context = OpenContext {
            directory: &plan.directory,
            lanes: group.lanes,
            batch_rows: plan.batch_rows,
            positions: recovered.positions.get(&source.name).unwrap_or(&none),
            schema: node.ports[0].schema.clone(),
            columns: source.columns.clone(),
        };
        let readers = source::open(&source.name, &source.plan, &context)?;
        for (lane, reader) in readers.into_iter().enumerate() {
            let context = SinkContext {
                storage: options.storage.clone(),
                id: recovered.id.clone(),
                lane: format!("{}-{lane:02}", group.source),
                epoch: recovered.epoch.next(),
            };
            let stages = group.nodes.iter().map(|at| Ok((*at, shared.stage(*at, &context)?)));
            let stages = stages.collect::<Result<Vec<_>>>()?;
            let chain = Chain::new(plan, group.source, stages, metrics.clone());
            let (barriers, inbox) = bounded(1);
            let task = tasks.running.len();
            let reports = reports.clone();
            let work = move || supervise(task, reader, chain, &inbox, &reports);
            let thread = std::thread::Builder::new().name(format!("{}-{lane}", source.name));
            let handle = thread.spawn(work);
            let failed = |e| Error::unavailable("cannot start a thread").with(e);
            tasks.running.push(handle.map_err(failed)?);
            tasks.barriers.push(barriers);
            tasks.sources.push(source.name.clone());
        }
    }
    Ok(tasks)
}

/// Runs a task; an error or a panic ends in a report.
fn supervise(
    task: TaskId,
    source: Box<dyn source::Source>,
    chain: Chain,
    barriers: &Receiver<Barrier>,
    reports: &Sender<Report>,
) {
    let work = AssertUnwindSafe(|| task::run(task, source, chain, barriers, reports));
    let error = match catch_unwind(work) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
            Error::internal(format!("a task panicked: {text}"))
        }
    };
    // Without a coordinator the job is over.
    let _ = reports.send(Report::Failed { error });
}

struct Coordinator<'a> {
    plan: &'a Plan,
    store: &'a Store,
    publisher: Publisher,
    protocol: Protocol,
    sources: Vec<String>,
    barriers: Vec<Sender<Barrier>>,
    /// What the tasks have reported of the epoch that is being collected.
    collected: Commit,
    /// Output in sight, which the next commit notes.
    published: Vec<Published>,
    committed: Epoch,
    progressed: &'a mut bool,
}

impl Coordinator<'_> {
    fn run(
        &mut self,
        inbox: &Receiver<Report>,
        stop: &Receiver<()>,
        progress: &mut dyn FnMut(Epoch),
    ) -> Result<()> {
        let mut due = Instant::now() + FIRST_EPOCH.min(self.plan.checkpoint.interval);
        let mut told = Instant::now();
        let quiet = never();
        let mut stop = stop;
        loop {
            let wake = due.min(told + PROGRESS_EVERY);
            let event = select_biased! {
                recv(inbox) -> report => match report {
                    Ok(report) => Some(self.hear(report)?),
                    Err(_) => return Err(Error::internal("all tasks are gone")),
                },
                recv(stop) -> _ => {
                    stop = &quiet;
                    Some(Event::Stop)
                }
                default(wake.saturating_duration_since(Instant::now())) => {
                    let now = Instant::now();
                    let is_due = now >= due;
                    if is_due {
                        due = now + self.plan.checkpoint.interval;
                    }
                    is_due.then_some(Event::Due)
                }
            };
            let Some(event) = event else {
                told = Instant::now();
                progress(self.committed);
                continue;
            };
            let mut action = self.protocol.next(event);
            loop {
                match action {
                    Action::None => break,
                    Action::End => return self.end(),
                    Action::Barrier { epoch, last } => {
                        self.send(Barrier { epoch, last });
                        break;
                    }
                    Action::Commit { epoch, last } => {
                        let committed = self.commit(epoch, last)?;
                        if committed {
                            told = Instant::now();
                            progress(self.committed);
                        }
                        action = self.protocol.next(Event::Done { committed });
                    }
                }
            }
        }
    }

    fn hear(&mut self, report: Report) -> Result<Event> {
        match report {
            Report::Finished { task } => Ok(Event::Finished(task)),
            Report::Failed { error } => Err(error),
            Report::Staged { task, positions, staged } => {
                let source = &self.sources[task];
                let positions = positions.into_iter().map(|(name, at)| (source.clone(), name, at));
                self.collected.positions.extend(positions);
                self.collected.staged.extend(staged);
                Ok(Event::Staged(task))
            }
        }
    }

    fn send(&self, barrier: Barrier) {
        for task in &self.barriers {
            // A task that is gone has reported why.
            let _ = task.send(barrier);
        }
    }

    /// Whether there was anything to commit.
    fn commit(&mut self, epoch: Epoch, last: bool) -> Result<bool> {
        let mut commit = std::mem::take(&mut self.collected);
        let empty = commit.positions.is_empty() && commit.staged.is_empty();
        if empty && !(last && self.publisher.is_waiting()) {
            return Ok(false);
        }
        commit.epoch = epoch;
        commit.published = std::mem::take(&mut self.published);
        commit.digests = self.digests();
        self.store.commit(&commit)?;
        self.committed = epoch;
        *self.progressed = true;
        self.published = self.publisher.publish(epoch, commit.staged, last)?;
        Ok(true)
    }

    fn digests(&self) -> BTreeMap<String, String> {
        self.plan.digests().map(|(step, digest)| (step.to_owned(), digest.to_owned())).collect()
    }

    fn end(&mut self) -> Result<()> {
        self.store.forget_staged(&std::mem::take(&mut self.published))
    }
}
