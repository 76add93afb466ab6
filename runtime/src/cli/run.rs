//! `millrace run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use crossbeam_channel::{Receiver, bounded};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::check::load;
use super::progress::Terminal;
use crate::api::{Api, Logged, Running, Served};
use crate::checkpoint::branch;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::job::{self, JobOptions, Status, Summary};
use crate::plan::{ApiPlan, Plan};
use crate::plugin::PluginHost;
use crate::sink::Outcome;

#[derive(Args)]
pub struct RunArguments {
    /// The pipeline file.
    file: PathBuf,
    /// Print progress as JSON lines on standard error.
    #[arg(long)]
    json: bool,
    /// Print nothing but warnings and errors.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Forget how far a source was read that is no longer in the pipeline, or the state of a step.
    #[arg(long, value_name = "NAME")]
    forget: Vec<String>,
    /// Read the input once more, with a checkpoint of its own, and write all output below this
    /// directory.
    #[arg(long, value_name = "DIRECTORY")]
    into: Option<PathBuf>,
    /// With --into: leave out rows whose event time is before this one (RFC 3339).
    #[arg(long, value_name = "TIME", requires = "into")]
    since: Option<jiff::Timestamp>,
    /// With --into: go on from this epoch of the checkpoint, with the state and the positions that
    /// it had then. The pipeline must not be running.
    #[arg(long, value_name = "NUMBER", requires = "into", conflicts_with = "since")]
    epoch: Option<u64>,
    /// What is known of a sink's committed epoch that the broker has forgotten: NAME=published or
    /// NAME=unpublished.
    #[arg(long, value_name = "SINK=OUTCOME", value_parser = outcome)]
    outcome: Vec<(String, Outcome)>,
    /// Where the API listens: a port of this machine, or an address with a port. Port 0 is any that
    /// is free, which is the default. It counts before [api] in the file.
    #[arg(long, value_name = "ADDRESS", value_parser = ApiPlan::address)]
    listen: Option<SocketAddr>,
    /// A file with the token that every request to the API must have.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Run without an API: nobody can ask or tell the pipeline anything.
    #[arg(long, conflicts_with_all = ["listen", "token_file"])]
    no_api: bool,
}

fn outcome(text: &str) -> Result<(String, Outcome), String> {
    match text.split_once('=') {
        Some((sink, "published")) => Ok((sink.to_owned(), Outcome::Published)),
        Some((sink, "unpublished")) => Ok((sink.to_owned(), Outcome::Unpublished)),
        _ => Err("write SINK=published or SINK=unpublished".to_owned()),
    }
}

pub fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let mut pipeline = match load(&arguments.file)? {
        Ok(pipeline) => pipeline,
        Err(code) => return Ok(code),
    };
    if let Some(into) = &arguments.into {
        let into = std::path::absolute(into).map_err(|e| Error::io("find", into, e))?;
        let checkpoint = pipeline.plan.checkpoint.directory.clone();
        if let Some(sink) = pipeline.plan.beyond_files().next() {
            return Err(Error::config(format!(
                "--into writes below a directory, and `{sink}` writes to Kafka: copy the pipeline \
                 file, and give it another topic and another `name`"
            )));
        }
        pipeline.plan.redirect(&into);
        if let Some(epoch) = arguments.epoch {
            let (plan, epoch) = (&pipeline.plan, Epoch(epoch));
            branch(&checkpoint, &plan.checkpoint.directory, &plan.name, epoch)?;
        }
    }
    if let Some(since) = &arguments.since
        && !pipeline.plan.leave_out_before(since.as_microsecond())
    {
        return Err(Error::config(
            "--since needs to know when a row happened, and the pipeline has no event time: add \
             event_time = { column = \"...\", delay = \"...\" } to a source or step",
        ));
    }
    let mut options = JobOptions::new(stop_on_signal()?);
    options.forget_sources = arguments.forget.clone();
    options.outcomes = arguments.outcome.iter().cloned().collect();
    options.replan = Some(pipeline.blueprint.clone());
    let plan = Arc::new(pipeline.plan);
    let api = serve(arguments, &plan, &mut options)?;
    let mut terminal = Terminal::new(arguments.json, arguments.quiet);
    let ended = match &api {
        Some(api) => {
            let mut logged = Logged { log: &api.log, other: &mut terminal };
            job::run(&plan, &pipeline.plugins, &options, &mut logged)
        }
        None => job::run(&plan, &pipeline.plugins, &options, &mut terminal),
    };
    // Whoever looks at the end sees all of it.
    drop(api);
    report(&plan, ended, &terminal)
}

/// Lets the pipeline be asked, unless it should not be.
fn serve(
    arguments: &RunArguments,
    plan: &Arc<Plan>,
    options: &mut JobOptions,
) -> Result<Option<Running>> {
    let mut wanted = plan.api.clone();
    wanted.listen = arguments.listen.unwrap_or(wanted.listen);
    wanted.token_file = arguments.token_file.clone().or(wanted.token_file);
    let asked_for = arguments.listen.is_some() || arguments.token_file.is_some();
    if arguments.no_api || !(wanted.enabled || asked_for) {
        return Ok(None);
    }
    let api = match Api::bind(&wanted) {
        Ok(api) => api,
        // A machine without a loopback runs pipelines all the same.
        Err(error) if wanted.listen.port() == 0 && wanted.listen.ip().is_loopback() => {
            if wanted.token_file.is_some() {
                return Err(error);
            }
            tracing::warn!(%error, "no API");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match (arguments.json, arguments.quiet) {
        (true, _) => eprintln!("{}", json!({ "event": "api", "url": api.url })),
        (false, true) => {}
        (false, false) => eprintln!("{}: API at {} (`millrace top {0}`)", plan.name, api.url),
    }
    let status = Arc::new(Status::new(plan));
    options.status = Some(status.clone());
    let (plan, file) = (plan.clone(), arguments.file.clone());
    Ok(Some(api.serve(Served { plan, status, remote: options.remote.0.clone(), file })?))
}

/// Runs a plan and reports how it ended.
pub fn execute(
    plan: &Plan,
    plugins: &Arc<PluginHost>,
    options: &JobOptions,
    terminal: &mut Terminal,
) -> Result<ExitCode> {
    let ended = job::run(plan, plugins, options, terminal);
    report(plan, ended, terminal)
}

fn report(plan: &Plan, ended: Result<Summary>, terminal: &Terminal) -> Result<ExitCode> {
    terminal.clear();
    terminal.summary(plan, &ended?);
    Ok(ExitCode::SUCCESS)
}

/// A message at the first SIGINT or SIGTERM; the second ends the process at once.
pub fn stop_on_signal() -> Result<Receiver<()>> {
    let (sender, stop) = bounded(1);
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|e| Error::unavailable("cannot wait for signals").with(e))?;
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked {
                std::process::exit(128 + signal);
            }
            asked = true;
            // A job that is already over needs no message. The sender stays: its end would be one.
            let _ = sender.try_send(());
        }
    });
    Ok(stop)
}
