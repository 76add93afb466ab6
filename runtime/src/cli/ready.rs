//! `millrace ready`: whether the process that runs a pipeline does its work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::checkpoint::Lock;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline;
use crate::query::{DownNode, Query, Readiness, ask};

/// How long it is from one question to the next.
const EVERY: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct ReadyArguments {
    /// The pipeline file.
    file: PathBuf,
    /// Ask again and again for so long, until the answer is yes.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
    /// Print the answer as a JSON object.
    #[arg(long)]
    json: bool,
}

pub fn ready(arguments: &ReadyArguments) -> Result<ExitCode> {
    let checkpoint = pipeline::checkpoint_directory(&arguments.file)?;
    let started = Instant::now();
    let answer = loop {
        let answer = readiness(&checkpoint)?;
        let wait = arguments.wait.unwrap_or_default();
        if answer.as_ref().is_ok_and(|answer| answer.ready) || started.elapsed() >= wait {
            break answer;
        }
        std::thread::sleep(EVERY);
    };
    let is_ready = answer.as_ref().is_ok_and(|answer| answer.ready);
    match answer {
        Ok(answer) if arguments.json => {
            let text = serde_json::to_string(&answer);
            out!("{}", text.map_err(|e| Error::internal("cannot print the answer").with(e))?);
        }
        Err(why) if arguments.json => {
            out!("{}", serde_json::json!({ "ready": false, "phase": null, "reason": why }));
        }
        Ok(answer) => out!("{}", text(&answer)),
        Err(why) => out!("not ready: {why}"),
    }
    Ok(match is_ready {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(ErrorKind::Unavailable.exit_code()),
    })
}

/// What the process says, or why there is none that could.
fn readiness(checkpoint: &Path) -> Result<Result<Readiness, String>> {
    let mut said = None;
    let asked = ask(checkpoint, &Query::Ready, &mut |answer| {
        said = serde_json::from_value(answer).ok();
        Ok(())
    });
    match (asked, said) {
        (Ok(()), Some(readiness)) => Ok(Ok(readiness)),
        (Err(error), _) if !matches!(error.kind, ErrorKind::Fenced | ErrorKind::Unavailable) => {
            Err(error)
        }
        _ if Lock::is_taken(checkpoint) => Ok(Err("its process does not answer".to_owned())),
        _ => Ok(Err("the pipeline is not running".to_owned())),
    }
}

fn text(answer: &Readiness) -> String {
    if answer.ready {
        return "ready".to_owned();
    }
    let down = |down: &DownNode| {
        let node = down.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
        let since = humantime::format_duration(Duration::from_secs(down.down_ms / 1000));
        format!("{node}{} (for {since})", down.reason)
    };
    let mut parts: Vec<String> = answer.down.iter().map(down).collect();
    if let Some(delay) = answer.delay_ms {
        let delay = humantime::format_duration(Duration::from_millis(delay));
        parts.push(format!("trying again in {delay}"));
    }
    if parts.is_empty() {
        parts.push(answer.phase.clone());
    }
    format!("not ready: {}", parts.join("; "))
}
