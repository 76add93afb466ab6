//! Swaps of a running job: prepared and checked beside what runs, remembered once committed.
//!
//! *Invariant:* what is refused has changed nothing; what took effect is in the checkpoint of the
//! epoch at whose barrier it did.

mod change;
mod part;
mod prepare;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use change::Change;
use part::Part;

use crate::checkpoint::{Store, components, unreadable};
use crate::diagnostic::suggest;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::operators::Lookups;
use crate::plan::{Candidate, Deployment, Plan, Program, Replan, Shapes};
use crate::plugin::PluginHost;
use crate::storage::Storage;
use crate::swap::{
    Bounds, Deployed, Mode, Outcome, Placed, SwapEnd, SwapRecord, Trial, TrialReport, Verdict,
    Version,
};

/// Who decides where nobody asked.
pub const ITSELF: &str = "millrace";

/// What runs of each part that can be swapped, from the opening of a checkpoint to its closing.
pub struct Deployments {
    parts: BTreeMap<String, Part>,
    replan: Option<Arc<dyn Replan>>,
    plugins: Arc<PluginHost>,
    lookups: Arc<Lookups>,
    storage: Arc<dyn Storage>,
    components: PathBuf,
    /// Instances of a plugin that are made before it takes effect.
    tasks: usize,
    /// Changes that were made for these deployments have it too.
    mark: Arc<()>,
    board: Mutex<Board>,
}

/// What is in force, as of the last committed epoch.
struct Board {
    deployed: Deployed,
    /// Parts that run something else than the plan has.
    running: BTreeMap<String, Deployment>,
    /// The versions that the states of keyed steps may be of.
    state_versions: BTreeMap<String, BTreeSet<u32>>,
    /// All swaps, as of the last epoch. The store itself may be closed any time, while somebody
    /// still prepares a swap.
    history: BTreeMap<u64, SwapRecord>,
    /// Records to be written with the next epoch.
    noted: Vec<SwapRecord>,
    /// How often what runs of a part has changed.
    generations: BTreeMap<String, u64>,
    next_id: u64,
}

/// What deployments are opened with.
pub struct Opening<'a> {
    pub plan: &'a Plan,
    pub replan: Option<Arc<dyn Replan>>,
    pub plugins: Arc<PluginHost>,
    pub lookups: Arc<Lookups>,
    pub store: &'a Store,
    pub storage: Arc<dyn Storage>,
    pub deployed: &'a Deployed,
    pub shapes: &'a Shapes,
    /// An epoch that is run once more: what was on trial is, and nobody judges it by a clock.
    pub is_replay: bool,
}

impl Deployments {
    /// Brings back what the checkpoint says. Where the pipeline file has another version of a part
    /// than it had at the swap, the file counts.
    ///
    /// # Errors
    /// If a component that was swapped in is gone or damaged, or the pipeline has changed so that
    /// it does not fit any more.
    pub fn open(opening: Opening) -> Result<Self> {
        let Opening { plan, replan, plugins, lookups, store, storage, deployed, shapes, is_replay } =
            opening;
        let history = store.swaps()?;
        let state_versions =
            shapes.iter().map(|(step, shape)| (step.clone(), shape.versions.clone())).collect();
        let this = Self {
            parts: Part::all(plan),
            replan,
            plugins,
            lookups,
            storage,
            components: components(&plan.checkpoint.directory),
            tasks: plan.parallelism,
            mark: Arc::default(),
            board: Mutex::new(Board {
                deployed: Deployed::new(),
                running: BTreeMap::new(),
                state_versions,
                noted: Vec::new(),
                generations: BTreeMap::new(),
                next_id: history.iter().map(|record| record.id + 1).max().unwrap_or(1),
                history: history.iter().map(|record| (record.id, record.clone())).collect(),
            }),
        };
        this.plugins.look_in(&this.components);
        for (name, placed) in deployed {
            this.restore(name, placed, (&history, is_replay))?;
        }
        this.parts.values().try_for_each(|part| this.reads_state(part))?;
        Ok(this)
    }

    /// Whether what runs can read the states that there are.
    fn reads_state(&self, part: &Part) -> Result<()> {
        let (_, running, _) = self.snapshot(part);
        let Program::Keyed(plan) = running.in_charge() else { return Ok(()) };
        let versions = self.lock().state_versions.get(&part.name).cloned().unwrap_or_default();
        match unreadable(&versions, &plan.readable()) {
            None => Ok(()),
            Some(why) => Err(Error::config(format!(
                "the state of the step `{0}` can't be used any more: {why}. Or go back to the \
                 plugin that wrote it, or drop its state with --forget {0}",
                part.name
            ))),
        }
    }

    fn restore(
        &self,
        name: &str,
        placed: &Placed,
        (history, is_replay): (&[SwapRecord], bool),
    ) -> Result<()> {
        // A replay of dead letters may leave a step out.
        let Some(part) = self.parts.get(name) else {
            self.lock().deployed.insert(name.to_owned(), placed.clone());
            return Ok(());
        };
        if !placed.file.is_same(&part.version) {
            tracing::warn!(
                part = name,
                swapped_in = placed.current.name,
                "what the pipeline file names has changed since the swap: the file counts"
            );
            let own = history.iter().rev().filter(|record| record.part == name);
            let ended = own.filter(|record| match &placed.candidate {
                Some(on_trial) => record.id == on_trial.id,
                None => record.outcome == Outcome::Done && record.to == placed.current,
            });
            let ended = ended.take(1);
            let reason = "the pipeline file has another version";
            let ended = ended.map(|record| {
                let end = end(ITSELF, reason, None);
                SwapRecord { outcome: Outcome::Superseded, end: Some(end), ..record.clone() }
            });
            let ended: Vec<SwapRecord> = ended.collect();
            self.lock().noted.extend(ended);
            return Ok(());
        }
        let wrong = |e: Error| {
            let message = format!(
                "`{name}` was swapped to {}, which can't be brought back: {e}. Put it back, or \
                 change what the pipeline file has for `{name}`: then the file counts",
                placed.current.name
            );
            Error::new(
                match e.kind {
                    ErrorKind::Unavailable | ErrorKind::Corrupt => e.kind,
                    _ => ErrorKind::Plugin,
                },
                message,
            )
        };
        let current = self.program(part, &placed.current).map_err(wrong)?;
        let candidate = placed.candidate.as_ref().map(|on_trial| {
            let program = self.program(part, &on_trial.version).map_err(wrong)?;
            let bounds = if is_replay { Bounds::NONE } else { on_trial.bounds };
            let trial = Trial::new(on_trial.id, name, on_trial.mode, bounds);
            Ok::<_, Error>(Candidate { program, trial: Arc::new(trial) })
        });
        let candidate = candidate.transpose()?;
        let deployment = Deployment { part: name.to_owned(), current, candidate };
        let mut board = self.lock();
        board.running.insert(name.to_owned(), deployment);
        board.deployed.insert(name.to_owned(), placed.clone());
        Ok(())
    }

    /// The parts that run something else than the plan has.
    pub fn running(&self) -> Vec<Deployment> {
        self.lock().running.values().cloned().collect()
    }

    /// Whether the change was prepared for what runs now.
    pub fn is_own(&self, change: &Change) -> bool {
        let generation = self.lock().generations.get(&change.deployment.part).copied();
        Arc::ptr_eq(&self.mark, &change.made_for)
            && generation.unwrap_or_default() == change.generation
    }

    /// What the commit of an epoch says of swaps, with the change that takes effect at its barrier.
    pub fn commit(&self, epoch: Epoch, change: Option<&mut Change>) -> (Deployed, Vec<SwapRecord>) {
        let board = self.lock();
        let mut records = board.noted.clone();
        for end in records.iter_mut().filter_map(|record| record.end.as_mut()) {
            end.epoch = epoch.0;
        }
        let mut deployed = board.deployed.clone();
        if let Some(change) = change {
            for record in &mut change.records {
                match &mut record.end {
                    Some(end) => end.epoch = epoch.0,
                    None => record.epoch = epoch.0,
                }
            }
            records.extend(change.records.iter().cloned());
            deployed.insert(change.deployment.part.clone(), change.placed.clone());
        }
        (deployed, records)
    }

    /// These records, and maybe a change, are in the checkpoint.
    pub fn committed(&self, records: &[SwapRecord], change: Option<&Change>) {
        let mut board = self.lock();
        board.noted.clear();
        board.history.extend(records.iter().map(|record| (record.id, record.clone())));
        let Some(change) = change else { return };
        *board.generations.entry(change.deployment.part.clone()).or_default() += 1;
        let deployment = &*change.deployment;
        let versions = board.state_versions.entry(deployment.part.clone()).or_default();
        versions.extend(written(deployment));
        if let Program::Table(table) = &deployment.current {
            self.lookups.keep(&table.name, &table.path);
        }
        board.deployed.insert(deployment.part.clone(), change.placed.clone());
        board.running.insert(deployment.part.clone(), deployment.clone());
    }

    /// What the shapes of a checkpoint say of the versions of states.
    pub fn note_versions(&self, shapes: &mut Shapes, change: Option<&Change>) {
        let board = self.lock();
        for (step, shape) in shapes {
            shape.versions.extend(board.state_versions.get(step).into_iter().flatten());
            let coming = change.filter(|change| change.deployment.part == *step);
            shape
                .versions
                .extend(coming.into_iter().flat_map(|change| written(&change.deployment)));
        }
    }

    /// Candidates that should be promoted or taken back now, with the reason.
    pub fn verdicts(&self) -> Vec<(String, Verdict, String)> {
        let board = self.lock();
        let verdict = |deployment: &Deployment| {
            let trial = &deployment.candidate.as_ref()?.trial;
            if let Some(why) = trial.judge() {
                return Some((deployment.part.clone(), Verdict::Rollback, why));
            }
            let why = "it kept within its bounds for as long as it was watched";
            trial.is_over().then(|| (deployment.part.clone(), Verdict::Promote, why.to_owned()))
        };
        board.running.values().filter_map(verdict).collect()
    }

    /// Whether anything is on trial.
    pub fn has_trials(&self) -> bool {
        self.lock().running.values().any(|deployment| deployment.candidate.is_some())
    }

    pub fn reports(&self) -> Vec<TrialReport> {
        let board = self.lock();
        let candidates = board.running.values().filter_map(|d| d.candidate.as_ref());
        candidates.map(|candidate| candidate.trial.report()).collect()
    }

    /// All swaps, the oldest first.
    pub fn history(&self) -> Vec<SwapRecord> {
        self.lock().history.values().cloned().collect()
    }

    /// The digests of what runs, by part.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let board = self.lock();
        let digest = |deployment: &Deployment| {
            Some((deployment.part.clone(), deployment.current.plugin()?.digest.clone()))
        };
        board.running.values().filter_map(digest).collect()
    }

    fn part(&self, name: &str) -> Result<&Part> {
        self.parts.get(name).ok_or_else(|| {
            let help = suggest(name, self.parts.keys().map(String::as_str));
            let help = help.unwrap_or_else(|| {
                let names: Vec<&str> = self.parts.keys().map(String::as_str).collect();
                match names.is_empty() {
                    true => "this pipeline has no plugin step and no table".to_owned(),
                    false => format!("what can be swapped is `{}`", names.join("`, `")),
                }
            });
            Error::config(format!("`{name}` is no plugin step or table of the pipeline; {help}"))
        })
    }

    fn replan(&self) -> Result<&Arc<dyn Replan>> {
        let none = || Error::config("this run has no pipeline file: nothing can be swapped");
        self.replan.as_ref().ok_or_else(none)
    }

    /// What the checkpoint has of a part, or would have; what runs of it; and how often that has
    /// changed.
    fn snapshot(&self, part: &Part) -> (Placed, Deployment, u64) {
        let board = self.lock();
        let running = board.running.get(&part.name).cloned();
        let placed = board.deployed.get(&part.name).cloned().unwrap_or_else(|| Placed {
            file: part.version.clone(),
            current: part.version.clone(),
            previous: None,
            candidate: None,
        });
        let generation = board.generations.get(&part.name).copied().unwrap_or_default();
        let running = running.unwrap_or_else(|| part.planned());
        (placed, running, generation)
    }

    fn next_id(&self) -> u64 {
        let mut board = self.lock();
        board.next_id += 1;
        board.next_id - 1
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The versions of the states that are written: a shadow writes none.
fn written(deployment: &Deployment) -> impl Iterator<Item = u32> {
    let candidate = deployment.candidate.as_ref();
    let candidate = candidate.filter(|candidate| candidate.trial.mode != Mode::Shadow);
    let programs = std::iter::once(&deployment.current).chain(candidate.map(|c| &c.program));
    programs.filter_map(|program| match program {
        Program::Keyed(plan) => Some(plan.state_version),
        Program::Transform(_) | Program::Table(_) => None,
    })
}

/// The version that does the work.
fn in_charge(placed: &Placed) -> &Version {
    match &placed.candidate {
        Some(on_trial) if on_trial.mode == Mode::Full => &on_trial.version,
        _ => &placed.current,
    }
}

fn end(by: &str, reason: &str, report: Option<TrialReport>) -> SwapEnd {
    let (by, reason) = (by.to_owned(), reason.to_owned());
    SwapEnd { epoch: 0, at_ms: now_ms(), by, reason, report }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
