//! A request checked against what runs, and made ready beside it.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Change, Deployments, ITSELF, Part, end, in_charge, now_ms};
use crate::checkpoint::unreadable;
use crate::error::{Error, Result};
use crate::plan::{Candidate, Deployment, Program};
use crate::plugin::BY_DIGEST;
use crate::swap::{
    Bounds, Mode, OnTrial, Outcome, Placed, SwapRecord, SwapRequest, Trial, Verdict,
};

impl Deployments {
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
        let (before, running, generation) = self.snapshot(part);
        let target = self.target(request, part, in_charge(&before), said.as_ref().ok())?;
        // What the file has now; if it can't be read, what it had at the start.
        let file = said.ok().and_then(|said| self.version(part, &said.name, said.config).ok());
        let file = file.unwrap_or_else(|| before.file.clone());
        let program = self.program(part, &target)?;
        let mut records = self.make_room(part, (&before, &running), request)?;
        let mut bounds = request.bounds;
        let no_way_back = self.check_state(&request.part, &running, &program, request.mode)?;
        if no_way_back.is_some() {
            bounds.within_ms = 0;
        }
        self.warm(&program)?;
        if !matches!(part.program, Program::Table(_)) {
            // The one that runs, too: there must be a way back.
            for version in [in_charge(&before), &target] {
                self.keep_component(&version.digest)?;
            }
        }
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
            end: no_way_back.map(|why| end(ITSELF, &why, None)),
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
        Ok(Change { deployment, placed, records, reply: Some(reply), made_for, generation })
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
        let (before, running, generation) = self.snapshot(part);
        let (Some(on_trial), Some(candidate)) = (&before.candidate, &running.candidate) else {
            return Err(Error::config(format!("`{name}` has no candidate: swap it first")));
        };
        let record = self.history().into_iter().find(|record| record.id == on_trial.id);
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
            generation,
        })
    }

    /// The swap that a rollback comes to where there is no candidate: back to what ran before.
    ///
    /// # Errors
    /// `Config` if nothing ran before.
    pub fn way_back(&self, name: &str, verdict: Verdict, by: &str) -> Result<Option<SwapRequest>> {
        let part = self.part(name)?;
        let (placed, ..) = self.snapshot(part);
        if placed.candidate.is_some() || verdict == Verdict::Promote {
            return Ok(None);
        }
        let previous = placed.previous.ok_or_else(|| {
            Error::config(format!("`{name}` was not swapped: there is nothing to go back to"))
        })?;
        let component = match part.program {
            Program::Table(_) => previous.name.clone(),
            _ => format!("{BY_DIGEST}{}", previous.digest),
        };
        Ok(Some(SwapRequest {
            part: name.to_owned(),
            component: Some(component),
            config: Some(previous.config).filter(|config| !config.is_null()),
            mode: Mode::Full,
            bounds: Bounds { within_ms: 0, ..Default::default() },
            by: by.to_owned(),
        }))
    }

    /// Ends what is on trial, if it does all of the work, so that another swap may follow.
    ///
    /// # Errors
    /// `Config` if it is a canary or a shadow.
    fn make_room(
        &self,
        part: &Part,
        (before, running): (&Placed, &Deployment),
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
        let report = running.candidate.as_ref().map(|candidate| candidate.trial.report());
        if let Some(why) = report.as_ref().and_then(|report| report.withdrawn.clone()) {
            return Err(Error::config(format!(
                "`{}` is being rolled back ({why}): try again in a moment",
                part.name
            )));
        }
        let record = self.history().into_iter().find(|record| record.id == on_trial.id);
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
    ) -> Result<Option<String>> {
        let (Program::Keyed(new), Program::Keyed(old)) = (program, running.in_charge()) else {
            return Ok(None);
        };
        let mut versions = self.lock().state_versions.get(name).cloned().unwrap_or_default();
        versions.insert(old.state_version);
        if let Some(why) = unreadable(&versions, &new.readable()) {
            return Err(Error::config(format!("step `{name}`: {why}")));
        }
        if old.readable().contains(&new.state_version) {
            return Ok(None);
        }
        match mode {
            Mode::Shadow => Ok(None),
            Mode::Canary { .. } => Err(Error::config(format!(
                "step `{name}`: states of version {}, which the new plugin writes, can't be read by \
                 the old one, so that there would be no way back from a canary: try it with \
                 --shadow, or swap it as a whole",
                new.state_version
            ))),
            Mode::Full => Ok(Some(format!(
                "without a trial: the old version can't read states of version {}, so that it can't \
                 stand by",
                new.state_version
            ))),
        }
    }

    /// Makes instances for all tasks.
    fn warm(&self, program: &Program) -> Result<()> {
        let Some(plugin) = program.plugin() else { return Ok(()) };
        let loaded = self.plugins.planned(&plugin.digest)?;
        self.cool();
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

    /// Ends instances that were made for a swap and that no task has taken.
    pub fn cool(&self) {
        self.plugins.cool();
    }
}
