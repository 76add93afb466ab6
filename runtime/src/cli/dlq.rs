//! `millrace dlq`: rows that could not go on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Deserialize;

use super::check::load_or_fail;
use super::progress::Terminal;
use super::run::{execute, stop_on_signal};
use crate::checkpoint::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::job::JobOptions;
use crate::plan::{Plan, REPLAY_PREFIX};
use crate::planner::plan_replay;
use crate::source::Positions;
use crate::storage::LocalStorage;

#[derive(Subcommand)]
pub enum DlqCommand {
    /// Show dead letters that were not replayed yet.
    List {
        /// The pipeline file.
        file: PathBuf,
        /// Only those of this step.
        #[arg(long)]
        step: Option<String>,
        /// Only those with this code, such as `malformed`.
        #[arg(long)]
        code: Option<String>,
        /// Show so many; the counts are always of all.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print the dead letters as they are stored, one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Give dead letters to their steps again, once each; what fails again is a dead letter again.
    Replay {
        /// The pipeline file, with the step mended.
        file: PathBuf,
        /// Only those of these steps.
        #[arg(long)]
        step: Vec<String>,
    },
}

/// What a list shows of a dead letter.
#[derive(Debug, Deserialize)]
struct Letter {
    step: String,
    code: String,
    column: Option<String>,
    message: String,
    partition: String,
    row: u64,
    payload: String,
}

pub fn dlq(command: DlqCommand) -> Result<ExitCode> {
    match command {
        DlqCommand::List { file, step, code, limit, json } => {
            let plan = load_or_fail(&file)?.plan;
            let wanted = |letter: &Letter| {
                step.as_ref().is_none_or(|s| *s == letter.step)
                    && code.as_ref().is_none_or(|c| *c == letter.code)
            };
            list(&plan, wanted, limit, json)
        }
        DlqCommand::Replay { file, step } => replay(&file, &step),
    }
}

fn list(
    plan: &Plan,
    wanted: impl Fn(&Letter) -> bool,
    limit: usize,
    json: bool,
) -> Result<ExitCode> {
    let replayed = replayed(plan)?;
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut shown = 0;
    for path in files(plan)? {
        for (line, letter) in letters(&path)? {
            let source = format!("{REPLAY_PREFIX}{}", letter.step);
            let done = replayed
                .get(&source)
                .is_some_and(|done| done.get(&name(&path)).is_some_and(|at| at.done));
            if done || !wanted(&letter) {
                continue;
            }
            if shown < limit {
                shown += 1;
                if json { out!("{line}") } else { print_letter(&letter) }
            }
            *counts.entry((letter.step, letter.code)).or_default() += 1;
        }
    }
    let total: u64 = counts.values().sum();
    eprintln!("{total} dead letters");
    for ((step, code), count) in counts {
        eprintln!("{count:>8} {step}: {code}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_letter(letter: &Letter) {
    let column = letter.column.as_ref().map(|c| format!(" in `{c}`")).unwrap_or_default();
    out!(
        "{}: {}{column}: {}\n    row {} of {}\n    {}",
        letter.step,
        letter.code,
        letter.message,
        letter.row,
        letter.partition,
        letter.payload
    );
}

fn replay(file: &Path, only: &[String]) -> Result<ExitCode> {
    let pipeline = load_or_fail(file)?;
    let files = files(&pipeline.plan)?;
    let mut steps = BTreeSet::new();
    for path in &files {
        steps.extend(letters(path)?.into_iter().map(|(_, letter)| letter.step));
    }
    if let Some(unknown) = only.iter().find(|step| !steps.contains(*step)) {
        return Err(Error::config(format!("there are no dead letters of a step `{unknown}`")));
    }
    let steps: Vec<String> =
        steps.into_iter().filter(|s| only.is_empty() || only.contains(s)).collect();
    let (plan, unknown) = plan_replay(pipeline.plan, &steps, &files);
    for step in unknown {
        eprintln!("warning: the pipeline has no step `{step}`; its dead letters stay");
    }
    if plan.source_names().next().is_none() {
        eprintln!("there are no dead letters to replay");
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = JobOptions::new(stop_on_signal()?);
    options.replan = Some(pipeline.blueprint.clone());
    execute(&plan, &pipeline.plugins, &options, &mut Terminal::new(false, false))
}

/// What was replayed, by source; nothing where there is no checkpoint yet, or where it can't be
/// looked into because the pipeline runs.
fn replayed(plan: &Plan) -> Result<BTreeMap<String, Positions>> {
    let directory = &plan.checkpoint.directory;
    if !directory.exists() {
        return Ok(BTreeMap::new());
    }
    match Store::open(directory, &plan.name, &LocalStorage) {
        Ok(store) => Ok(store.recover()?.positions),
        Err(error) if error.kind == ErrorKind::Fenced => {
            eprintln!("the pipeline is running: dead letters that were replayed are listed too");
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error),
    }
}

fn files(plan: &Plan) -> Result<Vec<PathBuf>> {
    let directory = plan.checkpoint.dead_letters();
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", &directory, e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("list", &directory, e))?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn letters(path: &Path) -> Result<Vec<(String, Letter)>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let letter = |line: &str| {
        let letter = serde_json::from_str(line).map_err(|e| {
            Error::corrupt(format!("{} holds no dead letters", path.display())).with(e)
        })?;
        Ok((line.to_owned(), letter))
    };
    text.lines().map(letter).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
