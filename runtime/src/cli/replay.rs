//! `millrace replay`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::check::load;
use super::progress::Terminal;
use super::run::stop_on_signal;
use crate::again::{self, Comparison, Verdict};
use crate::checkpoint::{EpochRecord, Past, Store, rerun};
use crate::config::Trigger;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::job::{self, JobOptions};
use crate::pipeline::Pipeline;
use crate::plan::{FileSinkPlan, NodeKind, Plan, SinkPlan};
use crate::source::Until;
use crate::storage::LocalStorage;

/// The epoch that is run again ends when all is read, and not before.
const NO_INTERVAL: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
/// Rows are shown up to this length.
const SHOWN_CHARS: usize = 400;
const DIFFERS: u8 = 1;

#[derive(Args)]
pub struct ReplayArguments {
    /// The pipeline file.
    file: PathBuf,
    /// The epoch: one of those that `millrace checkpoint list` shows.
    epoch: u64,
    /// Where to write the output of the second run, and the copy of the checkpoint. Default: a
    /// directory beside the checkpoint, which goes if nothing differs.
    #[arg(long, value_name = "DIRECTORY")]
    into: Option<PathBuf>,
}

/// Runs an epoch again from the state and positions before it, and compares its output.
pub fn replay(arguments: &ReplayArguments) -> Result<ExitCode> {
    let mut pipeline = match load(&arguments.file)? {
        Ok(pipeline) => pipeline,
        Err(code) => return Ok(code),
    };
    let refusals = again::refusals(&pipeline.plan);
    if !refusals.is_empty() {
        return Err(Error::config(refusals.join("\n")));
    }
    let checkpoint = pipeline.plan.checkpoint.directory.clone();
    let into = target(arguments, &checkpoint)?;
    for limit in again::limits(&pipeline.plan) {
        eprintln!("note: {limit}");
    }
    let published = directories(&pipeline.plan);
    pipeline.plan.redirect(&into);
    silence(&mut pipeline.plan);
    let epoch = Epoch(arguments.epoch);
    let directory = pipeline.plan.checkpoint.directory.clone();
    let past = rerun(&checkpoint, &directory, &pipeline.plan.name, epoch)?;
    run(&pipeline, &past)?;
    let again = records(&pipeline.plan, &past)?;
    let compared = compare(&pipeline.plan, &published, &past.record, &again)?;
    let same = tell(epoch, &past.record, &again, &compared);
    if same && arguments.into.is_none() {
        std::fs::remove_dir_all(&into).map_err(|e| Error::io("remove", &into, e))?;
    } else {
        out!("the output of the second run is in {}", into.display());
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// A directory that holds nothing yet.
fn target(arguments: &ReplayArguments, checkpoint: &Path) -> Result<PathBuf> {
    let own = || {
        let name = checkpoint.file_name().unwrap_or_default().to_string_lossy().into_owned();
        checkpoint.with_file_name(format!("{name}.replay-{}", arguments.epoch))
    };
    let into = arguments.into.clone().unwrap_or_else(own);
    let into = std::path::absolute(&into).map_err(|e| Error::io("find", &into, e))?;
    if !into.exists() {
        return Ok(into);
    }
    match arguments.into.is_none() {
        // Of an earlier replay.
        true => std::fs::remove_dir_all(&into).map_err(|e| Error::io("remove", &into, e))?,
        false => {
            let text = format!("{} is there already: name another directory", into.display());
            return Err(Error::config(text));
        }
    }
    Ok(into)
}

/// The sinks whose files are compared, with their directories.
fn directories(plan: &Plan) -> BTreeMap<String, FileSinkPlan> {
    let sink = |node: &crate::plan::Node| match &node.kind {
        NodeKind::Sink(SinkPlan::File(sink)) if sink.every.is_none() => {
            Some((node.name.clone(), sink.clone()))
        }
        _ => None,
    };
    plan.nodes.iter().filter_map(sink).collect()
}

/// What was sent out once is not sent again.
fn silence(plan: &mut Plan) {
    for node in &mut plan.nodes {
        if let NodeKind::Sink(sink @ (SinkPlan::Kafka(_) | SinkPlan::Console(_))) = &mut node.kind {
            *sink = SinkPlan::Null;
        }
    }
    plan.checkpoint.interval = NO_INTERVAL;
    if let Trigger::Interval(_) = plan.trigger {
        plan.trigger = Trigger::Continuous;
    }
}

fn run(pipeline: &Pipeline, past: &Past) -> Result<()> {
    let at_ms = past.record.committed_ms;
    let until = past
        .positions
        .iter()
        .map(|(source, positions)| (source.clone(), Until { positions: positions.clone(), at_ms }));
    let mut options = JobOptions::new(stop_on_signal()?);
    options.until = Some(until.collect());
    options.replan = Some(pipeline.blueprint.clone());
    let mut quiet = Terminal::new(false, true);
    job::run(&pipeline.plan, &pipeline.plugins, &options, &mut quiet).map(drop)
}

/// What the second run has committed.
fn records(plan: &Plan, past: &Past) -> Result<Vec<EpochRecord>> {
    let store = Store::open(&plan.checkpoint.directory, &plan.name, &LocalStorage)?;
    let history = store.recover()?.history;
    Ok(history.into_values().filter(|r| r.committed_ms > past.record.committed_ms).collect())
}

fn compare(
    plan: &Plan,
    published: &BTreeMap<String, FileSinkPlan>,
    record: &EpochRecord,
    again: &[EpochRecord],
) -> Result<Vec<Comparison>> {
    let redirected = directories(plan);
    let mut compared = Vec::new();
    for (sink, first) in published {
        let Some(second) = redirected.get(sink) else { continue };
        let before: Vec<_> = record.outputs.iter().filter(|o| o.sink == *sink).collect();
        let now = again.iter().flat_map(|record| &record.outputs);
        let now: Vec<_> = now.filter(|output| output.sink == *sink).collect();
        if before.is_empty() && now.is_empty() {
            continue;
        }
        let places = (first.directory.as_path(), second.directory.as_path());
        let name = sink.trim_start_matches("sink.");
        compared.push(again::compare(name, first.format, (&before, &now), places)?);
    }
    Ok(compared)
}

/// Prints what was found. Whether nothing differs.
fn tell(epoch: Epoch, before: &EpochRecord, again: &[EpochRecord], all: &[Comparison]) -> bool {
    for record in again {
        for (part, digest) in &record.digests {
            if let Some(was) = before.digests.get(part).filter(|was| *was != digest) {
                out!("note: `{part}` ran {} then, and runs {} now", short(was), short(digest));
            }
        }
    }
    let mut same = true;
    for Comparison { sink, rows, verdict } in all {
        match verdict {
            Verdict::Same => out!("{sink}: {rows} rows, the same bit for bit"),
            Verdict::OtherOrder => {
                out!("{sink}: the same {rows} rows, in other files or in another order");
            }
            Verdict::Gone(file) => {
                same = false;
                out!("{sink}: {file} is gone: there is nothing to compare with");
            }
            Verdict::Differs(found) => {
                same = false;
                out!("{sink}: differs, first in {} row {}", found.file.display(), found.row);
                out!("  published: {}", shown(found.published.as_deref()));
                out!("  again:     {}", shown(found.again.as_deref()));
            }
        }
    }
    if all.is_empty() {
        out!("epoch {epoch} has published nothing that can be compared");
    } else if same {
        out!("epoch {epoch} gives the same output again");
    }
    same
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn shown(row: Option<&str>) -> String {
    match row {
        None => "(no such row)".to_owned(),
        Some(row) if row.chars().count() > SHOWN_CHARS => {
            format!("{}...", row.chars().take(SHOWN_CHARS).collect::<String>())
        }
        Some(row) => row.to_owned(),
    }
}
