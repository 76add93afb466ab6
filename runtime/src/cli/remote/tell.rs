//! `millrace stop` and `millrace checkpoint now`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::Target;
use crate::checkpoint::Lock;
use crate::error::{Error, Result};

/// How often it is looked whether the pipeline has ended.
const EVERY: Duration = Duration::from_millis(20);

#[derive(Args)]
pub struct StopArguments {
    #[command(flatten)]
    target: Target,
    /// Wait for its end for so long at most.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Do not wait for its end.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
}

/// Stops a pipeline after one more epoch, and waits for its end.
pub fn stop(arguments: &StopArguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    let _: Value = client.post("/v1/stop", &json!({}))?;
    let name = client.entry.as_ref().map_or(client.url.as_str(), |entry| &entry.name);
    if arguments.no_wait {
        out!("{name} is stopping");
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    // A pipeline on this machine has ended when its checkpoint is free for the next one.
    let runs = || match &client.entry {
        Some(entry) => Lock::is_taken(&entry.checkpoint),
        None => client.get::<Value>("/health").is_ok(),
    };
    while runs() {
        if started.elapsed() >= arguments.wait {
            let wait = humantime::format_duration(arguments.wait);
            return Err(Error::unavailable(format!(
                "{name} is told to stop and has not ended within {wait}: `millrace status` says \
                 what it waits for"
            )));
        }
        std::thread::sleep(EVERY);
    }
    out!("{name} has stopped");
    Ok(ExitCode::SUCCESS)
}

/// Ends an epoch now.
pub fn checkpoint_now(target: &Target) -> Result<ExitCode> {
    let answer: Value = target.client()?.post("/v1/checkpoint", &json!({}))?;
    out!("epoch {} is committed", answer["epoch"]);
    Ok(ExitCode::SUCCESS)
}
