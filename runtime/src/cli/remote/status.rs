//! `millrace status`: which pipelines run, and how one is.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::TokenArgument;
use super::top::screen;
use crate::api::{find, running};
use crate::error::{Error, Result};

#[derive(Args)]
pub struct StatusArguments {
    /// The running pipeline: its name, its file, or the address of its API (http://...). Without
    /// it: all of this user.
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<String>,
    #[command(flatten)]
    token: TokenArgument,
    /// Print what the API answers.
    #[arg(long)]
    json: bool,
}

pub fn status(arguments: &StatusArguments) -> Result<ExitCode> {
    match &arguments.pipeline {
        Some(pipeline) => {
            let client = find(pipeline, arguments.token.token_file.as_deref())?;
            let status: Value = client.get("/v1/status")?;
            match arguments.json {
                true => out!("{status}"),
                false => out!("{}", screen(&status, None)),
            }
        }
        None => all(arguments.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn all(json: bool) -> Result<()> {
    let running = running();
    if json {
        let text = serde_json::to_string(&running);
        out!("{}", text.map_err(|e| Error::internal("cannot print pipelines").with(e))?);
        return Ok(());
    }
    if running.is_empty() {
        eprintln!("no pipeline of this user is running");
    }
    let width = running.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    for entry in running {
        let (name, file) = (&entry.name, entry.file.display());
        out!(
            "{name:<width$}  {}  process {}  since {}  {file}",
            entry.url,
            entry.pid,
            entry.started
        );
    }
    Ok(())
}
