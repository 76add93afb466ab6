//! Swaps of a running job: prepared and checked beside what runs, remembered once committed.
//!
//! *Invariant:* what is refused has changed nothing; what took effect is in the checkpoint of the
//! epoch at whose barrier it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;
use serde_json::Value;

use super::part::Part;
use crate::checkpoint::{Store, unreadable};
use crate::diagnostic::suggest;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::operators::Lookups;
use crate::plan::{Candidate, Deployment, Plan, Program, Replan, Shapes};
use crate::plugin::PluginHost;
use crate::storage::{Directories, Storage};
use crate::swap::{
    Deployed, Mode, OnTrial, Outcome, Placed, SwapEnd, SwapRecord, SwapRequest, Trial, TrialReport,
    Verdict, Version,
};

/// Beside the checkpoint: every component that was swapped in, by its digest.
const COMPONENTS: &str = "components";
/// Who decides where nobody asked.
pub const ITSELF: &str = "millrace";

/// What runs of each part that can be swapped, from the opening of a checkpoint to its closing.
pub struct Deployments {
    parts: BTreeMap<String, Part>,
    replan: Option<Arc<dyn Replan>>,
    plugins: Arc<PluginHost>,
    lookups: Arc<Lookups>,
    store: Arc<Store>,
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
    /// Records to be written with the next epoch.
    noted: Vec<SwapRecord>,
    next_id: u64,
}

/// A swap, or the end of a trial, that takes effect at the next barrier.
pub struct Change {
    pub deployment: Arc<Deployment>,
    placed: Placed,
    /// The last one is what the requester hears.
    records: Vec<SwapRecord>,
    reply: Option<Sender<Result<SwapRecord>>>,
    /// Of the deployments that it was made for.
    made_for: Arc<()>,
}

impl Change {
    /// Tells whoever asked how it ended.
    pub fn answer(&mut self, answer: Result<()>) {
        let Some(reply) = self.reply.take() else { return };
        let record = self.records.last().cloned();
        let record = record.ok_or_else(|| Error::internal("a change without a record"));
        // Whoever asked may be gone.
        let _ = reply.send(answer.and(record));
    }
}

/// What deployments are opened with.
pub struct Opening<'a> {
    pub plan: &'a Plan,
    pub replan: Option<Arc<dyn Replan>>,
    pub plugins: Arc<PluginHost>,
    pub lookups: Arc<Lookups>,
    pub store: Arc<Store>,
    pub storage: Arc<dyn Storage>,
    pub deployed: &'a Deployed,
    pub shapes: &'a Shapes,
}

impl Deployments {
    /// Brings back what the checkpoint says. Where the pipeline file has another version of a part
    /// than it had at the swap, the file counts.
    ///
    /// # Errors
    /// If a component that was swapped in is gone or damaged, or the pipeline has changed so that
    /// it does not fit any more.
    pub fn open(opening: Opening) -> Result<Self> {
        let Opening { plan, replan, plugins, lookups, store, storage, deployed, shapes } = opening;
        let history = store.swaps()?;
        let state_versions =
            shapes.iter().map(|(step, shape)| (step.clone(), shape.versions.clone())).collect();
        let mut this = Self {
            parts: Part::all(plan),
            replan,
            plugins,
            lookups,
            store,
            storage,
            components: plan.checkpoint.directory.join(COMPONENTS),
            tasks: plan.parallelism,
            mark: Arc::default(),
            board: Mutex::new(Board {
                deployed: Deployed::new(),
                running: BTreeMap::new(),
                state_versions,
                noted: Vec::new(),
                next_id: history.iter().map(|record| record.id + 1).max().unwrap_or(1),
            }),
        };
        for (name, placed) in deployed {
            this.restore(name, placed, &history)?;
        }
        Ok(this)
    }

    fn restore(&mut self, name: &str, placed: &Placed, history: &[SwapRecord]) -> Result<()> {
        // A replay of dead letters may leave a step out.
        let Some(part) = self.parts.get(name) else {
            self.lock().deployed.insert(name.to_owned(), placed.clone());
            return Ok(());
        };
        if !placed.file.is_same(&part.version) {
            tracing::info!(part = name, "the pipeline file has another version since the swap");
            let ended = history.iter().filter(|record| record.part == name).filter(|record| {
                record.outcome == Outcome::OnTrial
                    || record.to == placed.current && record.outcome == Outcome::Done
            });
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
                if e.kind == ErrorKind::Config { e.kind } else { ErrorKind::Plugin },
                message,
            )
        };
        let current = self.program(part, &placed.current).map_err(wrong)?;
        let candidate = placed.candidate.as_ref().map(|on_trial| {
            let program = self.program(part, &on_trial.version).map_err(wrong)?;
            let trial = Trial::new(on_trial.id, name, on_trial.mode, on_trial.bounds);
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

    /// Checks a swap, and makes everything ready that takes time.
    ///
    /// # Errors
    /// `Config` if it is refused: the text says why. Nothing has changed then.
    pub fn prepare(
        &self,
        request: &SwapRequest,
        reply: Sender<Result<SwapRecord>>,
    ) -> Result<Change> {
        let part = self.part(&request.part)?;
        if let Mode::Canary { share } = request.mode
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(Error::config("the share of a canary is above 0% and up to 100%"));
        }
        if let (Mode::Canary { .. } | Mode::Shadow, Program::Table(_)) =
            (request.mode, &part.program)
        {
            let text = "a table has no canary and no shadow: swap it as a whole";
            return Err(Error::config(text));
        }
        let said = self.replan()?.said(&request.part);
        let before = self.placed(&request.part, part);
        let target = self.target(request, part, in_charge(&before), said.as_ref().ok())?;
        // What the file has now; if it can't be read, what it had at the start.
        let file = said.ok().and_then(|said| self.version(part, &said.name, said.config).ok());
        let file = file.unwrap_or_else(|| before.file.clone());
        if !matches!(part.program, Program::Table(_)) {
            // The one that runs, too: there must be a way back.
            for version in [in_charge(&before), &target] {
                self.keep_component(&version.digest)?;
            }
        }
        let program = self.program(part, &target)?;
        let mut records = self.make_room(part, &before, request)?;
        let mut bounds = request.bounds;
        let running = self.in_force(&request.part, part);
        self.check_state(&request.part, &running, &program, request.mode, &mut bounds)?;
        self.warm(&program)?;
        let id = self.next_id();
        let in_trial = !matches!(program, Program::Table(_))
            && request.mode.promotes_after(&bounds).is_none_or(|after| !after.is_zero());
        records.push(SwapRecord {
            id,
            part: request.part.clone(),
            by: request.by.clone(),
            at_ms: now_ms(),
            from: in_charge(&before).clone(),
            to: target.clone(),
            mode: request.mode,
            bounds,
            epoch: 0,
            outcome: if in_trial { Outcome::OnTrial } else { Outcome::Done },
            end: None,
        });
        let current = running.in_charge().clone();
        let from = in_charge(&before).clone();
        let (deployment, placed) = match in_trial {
            true => {
                let trial = Arc::new(Trial::new(id, &request.part, request.mode, bounds));
                let on_trial =
                    OnTrial { id, version: target, mode: request.mode, bounds, since_ms: now_ms() };
                let candidate = Some(Candidate { program, trial });
                // What was on trial until now was promoted by this.
                let previous = match records.len() {
                    1 => before.previous.clone(),
                    _ => Some(before.current.clone()),
                };
                (
                    Deployment { part: request.part.clone(), current, candidate },
                    Placed { file, current: from, previous, candidate: Some(on_trial) },
                )
            }
            false => (
                Deployment { part: request.part.clone(), current: program, candidate: None },
                Placed { file, current: target, previous: Some(from), candidate: None },
            ),
        };
        let made_for = self.mark.clone();
        let deployment = Arc::new(deployment);
        Ok(Change { deployment, placed, records, reply: Some(reply), made_for })
    }

    /// What ends a candidate's trial.
    ///
    /// # Errors
    /// `Config` if there is none.
    pub fn decide(
        &self,
        name: &str,
        verdict: Verdict,
        (by, reason): (&str, &str),
        reply: Option<Sender<Result<SwapRecord>>>,
    ) -> Result<Change> {
        let part = self.part(name)?;
        let before = self.placed(name, part);
        let running = self.in_force(name, part);
        let (Some(on_trial), Some(candidate)) = (&before.candidate, &running.candidate) else {
            return Err(Error::config(format!("`{name}` has no candidate: swap it first")));
        };
        let record = self.history()?.into_iter().find(|record| record.id == on_trial.id);
        let record = record.ok_or_else(|| Error::internal("a candidate without a record"))?;
        let report = Some(candidate.trial.report());
        let end = Some(end(by, reason, report));
        let (program, placed, outcome) = match verdict {
            Verdict::Promote => {
                let (current, previous) = (on_trial.version.clone(), Some(before.current.clone()));
                let placed = Placed { current, previous, candidate: None, ..before.clone() };
                (candidate.program.clone(), placed, Outcome::Done)
            }
            Verdict::Rollback => {
                let placed = Placed { candidate: None, ..before.clone() };
                (running.current.clone(), placed, Outcome::RolledBack)
            }
        };
        let deployment = Deployment { part: name.to_owned(), current: program, candidate: None };
        Ok(Change {
            deployment: Arc::new(deployment),
            placed,
            records: vec![SwapRecord { outcome, end, ..record }],
            reply,
            made_for: self.mark.clone(),
        })
    }

    /// The swap that a rollback comes to where there is no candidate: back to what ran before.
    ///
    /// # Errors
    /// `Config` if nothing ran before.
    pub fn way_back(&self, name: &str, verdict: Verdict, by: &str) -> Result<Option<SwapRequest>> {
        let part = self.part(name)?;
        let placed = self.placed(name, part);
        if placed.candidate.is_some() || verdict == Verdict::Promote {
            return Ok(None);
        }
        let previous = placed.previous.ok_or_else(|| {
            Error::config(format!("`{name}` was not swapped: there is nothing to go back to"))
        })?;
        let component = match part.program {
            Program::Table(_) => previous.name.clone(),
            _ => self.component_path(&previous.digest).display().to_string(),
        };
        Ok(Some(SwapRequest {
            part: name.to_owned(),
            component: Some(component),
            config: Some(previous.config).filter(|config| !config.is_null()),
            mode: Mode::Full,
            bounds: crate::swap::Bounds { within_ms: 0, ..Default::default() },
            by: by.to_owned(),
        }))
    }

    /// Whether the change was prepared for what runs now.
    pub fn is_own(&self, change: &Change) -> bool {
        Arc::ptr_eq(&self.mark, &change.made_for)
    }

    /// What the commit of an epoch says of swaps, with the change that takes effect at its barrier.
    pub fn commit(&self, epoch: Epoch, change: Option<&mut Change>) -> (Deployed, Vec<SwapRecord>) {
        let mut board = self.lock();
        let mut records = std::mem::take(&mut board.noted);
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

    /// The change is in the checkpoint.
    pub fn committed(&self, change: &Change) {
        let mut board = self.lock();
        let deployment = &*change.deployment;
        let programs =
            [Some(&deployment.current), deployment.candidate.as_ref().map(|c| &c.program)];
        for program in programs.into_iter().flatten() {
            if let Program::Keyed(plan) = program {
                let versions = board.state_versions.entry(deployment.part.clone()).or_default();
                versions.insert(plan.state_version);
            }
        }
        if let Program::Table(table) = &deployment.current {
            self.lookups.keep(&table.name, &table.path);
        }
        board.deployed.insert(deployment.part.clone(), change.placed.clone());
        board.running.insert(deployment.part.clone(), deployment.clone());
    }

    /// What the shapes of a checkpoint say of the versions of states.
    pub fn note_versions(&self, shapes: &mut Shapes, change: Option<&Change>) {
        let coming = change.and_then(|change| {
            let candidate = change.deployment.candidate.as_ref().map(|c| &c.program);
            match candidate.unwrap_or(&change.deployment.current) {
                Program::Keyed(plan) => Some((&change.deployment.part, plan.state_version)),
                _ => None,
            }
        });
        let board = self.lock();
        for (step, shape) in shapes {
            shape.versions.extend(board.state_versions.get(step).into_iter().flatten());
            shape.versions.extend(coming.filter(|(part, _)| *part == step).map(|(_, v)| v));
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
    ///
    /// # Errors
    /// If they can't be read.
    pub fn history(&self) -> Result<Vec<SwapRecord>> {
        self.store.swaps()
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

    /// What the checkpoint has of a part, or would have.
    fn placed(&self, name: &str, part: &Part) -> Placed {
        self.lock().deployed.get(name).cloned().unwrap_or_else(|| Placed {
            file: part.version.clone(),
            current: part.version.clone(),
            previous: None,
            candidate: None,
        })
    }

    fn in_force(&self, name: &str, part: &Part) -> Deployment {
        self.lock().running.get(name).cloned().unwrap_or_else(|| Deployment {
            part: name.to_owned(),
            current: part.program.clone(),
            candidate: None,
        })
    }

    /// The version that a request asks for.
    fn target(
        &self,
        request: &SwapRequest,
        part: &Part,
        current: &Version,
        said: Option<&crate::plan::Said>,
    ) -> Result<Version> {
        let config = request.config.clone();
        let is_table = matches!(part.program, Program::Table(_));
        if is_table && config.is_some() {
            return Err(Error::config(format!("`{}` is a table and has no config", request.part)));
        }
        let (name, config) = match (&request.component, config) {
            (Some(name), config) => {
                (name.clone(), config.unwrap_or_else(|| current.config.clone()))
            }
            // Another config for what runs.
            (None, Some(config)) => return Ok(Version { config, ..current.clone() }),
            (None, None) => {
                let said = said.ok_or_else(|| {
                    Error::config(format!("the pipeline file has no `{}` any more", request.part))
                })?;
                (said.name.clone(), said.config.clone())
            }
        };
        self.version(part, &name, config)
    }

    /// What a name stands for now.
    fn version(&self, part: &Part, name: &str, config: Value) -> Result<Version> {
        let name = name.to_owned();
        if let Program::Table(_) = &part.program {
            let path = part.directory.join(&name);
            let digest = crate::table::digest(&path)?;
            return Ok(Version { name, digest, config: Value::Null });
        }
        let path = self
            .plugins
            .find(&name)
            .map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
        let loaded = self.plugins.load(&path).map_err(|e| Error::config(e.to_string()))?;
        Ok(Version { name, digest: loaded.digest.clone(), config })
    }

    fn component_path(&self, digest: &str) -> PathBuf {
        self.components.join(format!("{digest}.wasm"))
    }

    /// Writes a loaded component beside the checkpoint, so that it is there after a restart.
    fn keep_component(&self, digest: &str) -> Result<()> {
        let path = self.component_path(digest);
        let storage = &*self.storage;
        let failed = |e| Error::io("keep the component", &path, e);
        if storage.exists(&path).map_err(failed)? {
            return Ok(());
        }
        let loaded = self.plugins.planned(digest)?;
        Directories::default().make(storage, &self.components).map_err(failed)?;
        let unfinished = path.with_extension("new");
        let mut file = storage.create(&unfinished).map_err(failed)?;
        std::io::Write::write_all(&mut file, &loaded.component).map_err(failed)?;
        file.sync().map_err(failed)?;
        drop(file);
        storage.rename(&unfinished, &path).map_err(failed)?;
        storage.sync_dir(&self.components).map_err(failed)
    }

    /// What a version of a part does, checked against what runs.
    fn program(&self, part: &Part, version: &Version) -> Result<Program> {
        if part.version.is_same(version) {
            if let Program::Table(table) = &part.program {
                self.lookups.read(table)?;
            }
            return Ok(part.program.clone());
        }
        let replan = self.replan()?;
        let plan = match &part.program {
            Program::Table(_) => replan.with_table(&part.name, &version.name)?,
            Program::Transform(_) | Program::Keyed(_) => {
                let path = self.component_path(&version.digest);
                if !path.is_file() {
                    return Err(Error::plugin(format!("there is no {}", path.display())));
                }
                replan.with_step(&part.name, &path.display().to_string(), &version.config)?
            }
        };
        let program = part.fitting(&plan, &version.name)?;
        if let Program::Table(table) = &program {
            self.lookups.read(table)?;
        }
        if let Some(plugin) = program.plugin()
            && plugin.digest != version.digest
        {
            let path = self.component_path(&version.digest);
            return Err(Error::corrupt(format!("{} is damaged", path.display())));
        }
        Ok(program)
    }

    /// Ends what is on trial, if it does all of the work, so that another swap may follow.
    ///
    /// # Errors
    /// `Config` if it is a canary or a shadow.
    fn make_room(
        &self,
        part: &Part,
        before: &Placed,
        request: &SwapRequest,
    ) -> Result<Vec<SwapRecord>> {
        let Some(on_trial) = &before.candidate else { return Ok(Vec::new()) };
        if on_trial.mode != Mode::Full || request.mode != Mode::Full {
            return Err(Error::config(format!(
                "`{}` has {} on trial ({}): promote it or roll it back first",
                part.name,
                on_trial.version.name,
                on_trial.mode.text()
            )));
        }
        let running = self.in_force(&part.name, part);
        let report = running.candidate.map(|candidate| candidate.trial.report());
        if let Some(why) = report.as_ref().and_then(|report| report.withdrawn.clone()) {
            return Err(Error::config(format!(
                "`{}` is being rolled back ({why}): try again in a moment",
                part.name
            )));
        }
        let record = self.history()?.into_iter().find(|record| record.id == on_trial.id);
        let end = end(&request.by, "another swap followed", report);
        let ended = |record| SwapRecord { outcome: Outcome::Done, end: Some(end), ..record };
        Ok(record.map(ended).into_iter().collect())
    }

    /// Whether the states that there are can be read by those who may have to.
    fn check_state(
        &self,
        name: &str,
        running: &Deployment,
        program: &Program,
        mode: Mode,
        bounds: &mut crate::swap::Bounds,
    ) -> Result<()> {
        let (Program::Keyed(new), Program::Keyed(old)) = (program, running.in_charge()) else {
            return Ok(());
        };
        let mut versions = self.lock().state_versions.get(name).cloned().unwrap_or_default();
        versions.insert(old.state_version);
        if let Some(why) = unreadable(&versions, &new.readable()) {
            return Err(Error::config(format!("step `{name}`: {why}")));
        }
        if old.readable().contains(&new.state_version) {
            return Ok(());
        }
        match mode {
            Mode::Shadow => Ok(()),
            Mode::Canary { .. } => Err(Error::config(format!(
                "step `{name}`: states of version {}, which the new plugin writes, can't be read by \
                 the old one, so that there would be no way back from a canary: try it with \
                 --shadow, or swap it as a whole",
                new.state_version
            ))),
            // There is no way back: the old version can't stand by.
            Mode::Full => {
                bounds.within_ms = 0;
                Ok(())
            }
        }
    }

    /// Makes instances for all tasks.
    fn warm(&self, program: &Program) -> Result<()> {
        let Some(plugin) = program.plugin() else { return Ok(()) };
        let loaded = self.plugins.planned(&plugin.digest)?;
        let sandbox = self.plugins.sandbox(plugin);
        let warmed = match program {
            Program::Transform(plan) => loaded.warm(plan, &sandbox, self.tasks),
            Program::Keyed(plan) => loaded.warm_keyed(plan, &sandbox, self.tasks),
            Program::Table(_) => Ok(()),
        };
        warmed.map_err(|failure| {
            Error::config(format!("plugin `{}` can't start: {}", plugin.plugin, failure.message))
        })
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
