//! `millrace swap`, `promote`, `rollback` and `swaps`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{Target, who};
use crate::error::{Error, Result};
use crate::swap::{Bounds, Mode, Outcome, SwapRecord, SwapRequest, TrialReport};

/// What others have written is shown up to this length.
const TEXT_BYTES_MAX: usize = 300;

#[derive(Args)]
pub struct SwapArguments {
    #[command(flatten)]
    target: Target,
    /// The plugin step, or the table.
    #[arg(value_name = "STEP")]
    part: String,
    /// What runs from now on: a component's name, NAME@VERSION, a digest or a path; of a table the
    /// path of a file. Without it: what the pipeline file says now.
    component: Option<String>,
    /// The step's config: JSON, or @FILE with JSON or TOML in it. Default: as it runs.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Give it this share of the rows or, of a keyed step, of the keys; `promote` or `rollback`
    /// decides.
    #[arg(long, value_name = "PERCENT", value_parser = share, conflicts_with = "shadow")]
    canary: Option<f64>,
    /// Let it run beside the current version, without effect, and compare.
    #[arg(long)]
    shadow: bool,
    /// Roll it back if more calls than this fail on rows that the old version can process.
    #[arg(long, value_name = "CALLS")]
    max_failures: Option<u64>,
    /// Roll it back if it refuses more of its rows than the old version, by this share.
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    max_errors: Option<f64>,
    /// Roll it back if it takes so many times as long as the old version for a row.
    #[arg(long, value_name = "TIMES")]
    max_slowdown: Option<f64>,
    /// Watch it for so long, the old version standing by. 0s: not at all.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    watch: Option<Duration>,
    /// Who does it, for the history. Default: USER@HOST.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print the record as a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct DecideArguments {
    #[command(flatten)]
    target: Target,
    /// The plugin step, or the table.
    #[arg(value_name = "STEP")]
    part: String,
    /// Who does it, for the history. Default: USER@HOST.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print the record as a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct SwapsArguments {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// `10%`, or `0.1`.
fn share(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent).map(|percent| percent / 100.0),
        None => number(text),
    };
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share from 0% to 100%, such as 10% or 0.1".to_owned())
}

/// Swaps a part, and says what runs.
pub fn swap(arguments: &SwapArguments) -> Result<ExitCode> {
    let usual = Bounds::default();
    let within = arguments.watch.map_or(usual.within_ms, |watch| watch.as_millis() as u64);
    let request = SwapRequest {
        part: arguments.part.clone(),
        component: arguments.component.as_deref().map(component),
        config: arguments.config.as_deref().map(config).transpose()?,
        mode: match (arguments.canary, arguments.shadow) {
            (Some(share), _) => Mode::Canary { share },
            (None, true) => Mode::Shadow,
            (None, false) => Mode::Full,
        },
        bounds: Bounds {
            failures: arguments.max_failures.unwrap_or(usual.failures),
            errors: arguments.max_errors.unwrap_or(usual.errors),
            slowdown: arguments.max_slowdown.unwrap_or(usual.slowdown),
            within_ms: within,
        },
        by: arguments.by.clone().unwrap_or_else(who),
    };
    let record: SwapRecord = arguments.target.client()?.post("/v1/swap", &request)?;
    show(&record, arguments.json)
}

/// A path as it is from the root on: the pipeline's process may be somewhere else.
fn component(text: &str) -> String {
    let path = std::path::Path::new(text);
    match path.is_file() {
        true => std::path::absolute(path)
            .map_or_else(|_| text.to_owned(), |path| path.display().to_string()),
        false => text.to_owned(),
    }
}

fn config(text: &str) -> Result<Value> {
    let wrong = |e: &dyn std::fmt::Display, from: &str| {
        Error::config(format!("the config {from} can't be read: {e}"))
    };
    let Some(file) = text.strip_prefix('@') else {
        return serde_json::from_str(text).map_err(|e| wrong(&e, "of --config"));
    };
    let path = PathBuf::from(file);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    match path.extension().is_some_and(|end| end == "toml") {
        true => toml::from_str(&text).map_err(|e| wrong(&e, &format!("in {file}"))),
        false => serde_json::from_str(&text).map_err(|e| wrong(&e, &format!("in {file}"))),
    }
}

/// Lets a candidate do all of the work.
pub fn promote(arguments: &DecideArguments) -> Result<ExitCode> {
    decide(arguments, "/v1/promote")
}

/// Takes a candidate back, or goes back to the version before.
pub fn rollback(arguments: &DecideArguments) -> Result<ExitCode> {
    decide(arguments, "/v1/rollback")
}

fn decide(arguments: &DecideArguments, path: &str) -> Result<ExitCode> {
    let by = arguments.by.clone().unwrap_or_else(who);
    let decision = json!({ "part": arguments.part, "by": by });
    let record: SwapRecord = arguments.target.client()?.post(path, &decision)?;
    show(&record, arguments.json)
}

/// Shows the history, and how candidates are doing.
pub fn swaps(arguments: &SwapsArguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    let swaps: Vec<SwapRecord> = client.get("/v1/swaps")?;
    if swaps.is_empty() {
        eprintln!("nothing was ever swapped");
    }
    for record in &swaps {
        show(record, arguments.json)?;
    }
    let trials: Vec<TrialReport> = client.get("/v1/trials")?;
    for trial in trials.iter().filter(|_| !arguments.json) {
        out!("{}", trial_text(trial));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(record: &SwapRecord, json: bool) -> Result<ExitCode> {
    if json {
        let text = serde_json::to_string(record);
        out!("{}", text.map_err(|e| Error::internal("cannot print a swap").with(e))?);
    } else {
        out!("{}", record_text(record));
    }
    Ok(ExitCode::SUCCESS)
}

/// Text that somebody else has written, on one line and without what moves a terminal's cursor.
fn plain(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let more = if cut.len() < text.len() { "..." } else { "" };
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    cut.chars().map(escape).collect::<String>() + more
}

fn record_text(record: &SwapRecord) -> String {
    let at = jiff::Timestamp::from_millisecond(record.at_ms);
    let at = at.map(|at| format!("{at:.0}")).unwrap_or_default();
    let version = |version: &crate::swap::Version| {
        let digest: String = version.digest.chars().take(12).collect();
        match digest.is_empty() {
            true => plain(&version.name),
            false => format!("{} ({digest})", plain(&version.name)),
        }
    };
    let outcome = match record.outcome {
        Outcome::OnTrial => "on trial",
        Outcome::Done => "done",
        Outcome::RolledBack => "rolled back",
        Outcome::Superseded => "superseded by the pipeline file",
    };
    let config = if record.from.config == record.to.config { "" } else { ", another config" };
    let mut text = format!(
        "#{} {at} {} by {}: {} -> {}{config}; {} from epoch {}: {outcome}",
        record.id,
        record.part,
        plain(&record.by),
        version(&record.from),
        version(&record.to),
        record.mode.text(),
        record.epoch
    );
    if let Some(end) = &record.end {
        text.push_str(&format!(
            " at epoch {} by {}: {}",
            end.epoch,
            plain(&end.by),
            plain(&end.reason)
        ));
    }
    text
}

/// How a candidate is doing, in some lines.
pub fn trial_text(trial: &TrialReport) -> String {
    let side = |name: &str, counted: &crate::swap::Counted| {
        let per_row = match counted.rows {
            0 => "-".to_owned(),
            rows => format!("{} ns", counted.nanos / rows),
        };
        format!(
            "\n  {name:<10} {:>12} rows in {:>12} out {:>8} refused {:>6} calls failed {per_row:>9} \
             a row {:>9}",
            super::count(counted.rows),
            super::count(counted.rows_out),
            super::count(counted.refused),
            super::count(counted.failures),
            indicatif::BinaryBytes(counted.memory_bytes).to_string()
        )
    };
    let mut text = format!("{} on trial ({}, swap #{})", trial.part, trial.mode.text(), trial.id);
    text.push_str(&side("current", &trial.current));
    text.push_str(&side("candidate", &trial.candidate));
    if trial.mode == Mode::Shadow {
        text.push_str(&format!("\n  {} rows differ", super::count(trial.differing_rows)));
    }
    for example in &trial.examples {
        text.push_str(&format!(
            "\n    {} on {}: {} -> {}",
            plain(&example.row),
            example.port,
            plain(&example.current),
            plain(&example.candidate)
        ));
    }
    if let Some(why) = &trial.withdrawn {
        text.push_str(&format!("\n  withdrawn: {}", plain(why)));
    }
    text
}
