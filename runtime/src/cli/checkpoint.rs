//! `millrace checkpoint`: the epochs that were committed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::check::load_or_fail;
use super::query::{answer, open, print};
use super::remote::{Target, checkpoint_now};
use crate::checkpoint::Recovered;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::query::Query;
use crate::state::can_rewind;
use crate::storage::LocalStorage;

#[derive(Subcommand)]
pub enum CheckpointCommand {
    /// End an epoch of a running pipeline now, and wait until it is durable.
    Now(Target),
    /// Show the epochs that one can go back to.
    List {
        /// The pipeline file.
        file: PathBuf,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Read everything that belongs to the checkpoint, and say what is damaged.
    Verify {
        /// The pipeline file.
        file: PathBuf,
        /// Print one JSON object per part.
        #[arg(long)]
        json: bool,
    },
    /// Go back to an earlier epoch: sources are read again from there. What was published since
    /// stays published.
    Rewind {
        /// The pipeline file. The pipeline must not be running.
        file: PathBuf,
        /// The epoch. Default: the one before the last.
        #[arg(long)]
        to: Option<u64>,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub fn checkpoint(command: CheckpointCommand) -> Result<ExitCode> {
    match command {
        CheckpointCommand::Now(target) => checkpoint_now(&target),
        CheckpointCommand::List { file, json } => {
            let plan = load_or_fail(&file)?.plan;
            answer(&plan, &Query::Epochs, &mut |epoch| {
                print(&epoch, json);
                Ok(())
            })?;
            Ok(ExitCode::SUCCESS)
        }
        CheckpointCommand::Verify { file, json } => verify(&file, json),
        CheckpointCommand::Rewind { file, to, json } => {
            rewind(&load_or_fail(&file)?.plan, to.map(Epoch), json)
        }
    }
}

fn verify(file: &Path, json: bool) -> Result<ExitCode> {
    let plan = load_or_fail(file)?.plan;
    let (mut parts, mut damaged) = (0, 0);
    answer(&plan, &Query::Verify, &mut |part| {
        let is_damaged = !part["damage"].is_null();
        parts += 1;
        damaged += usize::from(is_damaged);
        if json || is_damaged {
            print(&part, json);
        }
        Ok(())
    })?;
    if damaged == 0 {
        eprintln!("all {parts} parts of the checkpoint are as they were written");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{damaged} of {parts} parts are damaged. A start goes back to the last epoch that is good, \
         if there is one; else restore {} from a backup",
        plan.checkpoint.directory.display()
    );
    Ok(ExitCode::from(ErrorKind::Corrupt.exit_code()))
}

fn rewind(plan: &Plan, to: Option<Epoch>, json: bool) -> Result<ExitCode> {
    let store = open(plan)?;
    let recovered = store.recover()?;
    let current = recovered.state_epoch;
    let before = || recovered.history.keys().rev().find(|epoch| **epoch < current).copied();
    let to = to.or_else(before).ok_or_else(|| {
        Error::config("the checkpoint remembers no earlier epoch ([checkpoint] keep)")
    })?;
    let directory = &plan.checkpoint.directory;
    let possible = can_rewind(directory, &LocalStorage, &recovered.state(), to)?;
    if recovered.history.contains_key(&to) && !possible {
        return Err(Error::corrupt(format!("the state can't go back to epoch {to}")));
    }
    store.rewind(to)?;
    report(&recovered, to, json);
    Ok(ExitCode::SUCCESS)
}

/// Says what was published and will come again.
fn report(recovered: &Recovered, to: Epoch, json: bool) {
    let later = recovered.history.range(to.next()..);
    let outputs: Vec<_> = later.flat_map(|(_, record)| &record.outputs).collect();
    let rows: u64 = outputs.iter().map(|output| output.rows).sum();
    if json {
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        out!("{}", json!({ "from": recovered.state_epoch.0, "to": to.0, "published": names }));
        return;
    }
    out!("went back from epoch {} to epoch {to}", recovered.state_epoch);
    if rows > 0 {
        out!(
            "{rows} rows in {} files of later epochs are published and will come again: where that \
             matters, remove these files or write to a new output",
            outputs.len()
        );
        for output in outputs {
            out!("    {} {} ({} rows)", output.sink, output.name, output.rows);
        }
    }
}
