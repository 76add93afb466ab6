//! The command line.

/// As `println!`, but whoever has read enough, such as `head`, ends the command in peace.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::line(format_args!($($text)*)) };
}

mod check;
mod checkpoint;
mod dlq;
mod plugin;
mod progress;
mod query;
mod ready;
mod remote;
mod replay;
mod run;
mod state;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::error::Error;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped in good order
  1  a plugin's test or a replay found a difference
  2  the pipeline file, the command or what they point to must be changed
  3  a plugin can't be used, or fails on everything
  4  something outside is unavailable: try again later
  5  what was stored is damaged
  6  another process runs this pipeline
  70 a bug in Millrace

MILLRACE_LOG sets the log's level (error, warn, info, debug), or levels by module.
MILLRACE_PLUGIN_PATH names more directories with plugins, MILLRACE_STORE the store of plugins.
MILLRACE_API_TOKEN has the token of a pipeline's API.
MILLRACE_TOOLCHAINS is the directory for what compiles plugins. MILLRACE_PERF_MAP, set to anything,
writes the names of plugins' functions for `perf`.";

/// A stream runtime in one binary: exactly-once rows through sandboxed WebAssembly plugins.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a pipeline until its sources end or it is stopped (SIGINT, SIGTERM).
    Run(run::RunArguments),
    /// Ask whether the process that runs a pipeline does its work: exit code 0 if so, else 4.
    Ready(ready::ReadyArguments),
    /// Show which pipelines run, or how one is.
    Status(remote::StatusArguments),
    /// Watch a running pipeline at work.
    Top(remote::TopArguments),
    /// Show rows of a running pipeline as they pass by.
    Tap(remote::TapArguments),
    /// Stop a running pipeline in good order.
    Stop(remote::StopArguments),
    /// Run another version of a step or table in a running pipeline, from an epoch's barrier on.
    Swap(remote::SwapArguments),
    /// Let a candidate do all of the work.
    Promote(remote::DecideArguments),
    /// Take a candidate back or, without one, go back to the version before.
    Rollback(remote::DecideArguments),
    /// Show what was swapped, and how candidates are doing.
    Swaps(remote::SwapsArguments),
    /// Check a pipeline file, its plugins included, without starting anything.
    Check {
        /// The pipeline file.
        file: PathBuf,
    },
    /// Print the JSON schema of pipeline files, for editors.
    Schema,
    /// Make, build, inspect and test plugins, and keep them in a store.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// List and verify checkpoints, and go back to one.
    #[command(subcommand)]
    Checkpoint(checkpoint::CheckpointCommand),
    /// Show what steps remember, of a pipeline that runs or not.
    #[command(subcommand)]
    State(state::StateCommand),
    /// Run an epoch of the checkpoint once more, and compare its output with what was published.
    Replay(replay::ReplayArguments),
    /// List and replay dead letters: rows that could not go on.
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("MILLRACE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match arguments.command {
        Command::Run(run) => run::run(&run),
        Command::Ready(ready) => ready::ready(&ready),
        Command::Status(status) => remote::status(&status),
        Command::Top(top) => remote::top(&top),
        Command::Tap(tap) => remote::tap(&tap),
        Command::Stop(stop) => remote::stop(&stop),
        Command::Swap(swap) => remote::swap(&swap),
        Command::Promote(promote) => remote::promote(&promote),
        Command::Rollback(rollback) => remote::rollback(&rollback),
        Command::Swaps(swaps) => remote::swaps(&swaps),
        Command::Check { file } => check::check(&file),
        Command::Schema => schema(),
        Command::Plugin(command) => plugin::plugin(command),
        Command::Checkpoint(command) => checkpoint::checkpoint(command),
        Command::State(command) => state::state(command),
        Command::Replay(replay) => replay::replay(&replay),
        Command::Dlq(command) => dlq::dlq(command),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // A reader that has gone away is no reason for another exit code.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// Writes a line to standard output; ends the process if nobody reads it any more.
fn line(text: std::fmt::Arguments) {
    let mut out = std::io::stdout().lock();
    let written = out.write_fmt(text).and_then(|()| out.write_all(b"\n"));
    if written.is_err() {
        std::process::exit(0);
    }
}

fn schema() -> Result<ExitCode, Error> {
    let schema = serde_json::to_string_pretty(&crate::config::json_schema());
    out!("{}", schema.map_err(|e| Error::internal("cannot print the schema").with(e))?);
    Ok(ExitCode::SUCCESS)
}
