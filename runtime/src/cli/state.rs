//! `millrace state`: what steps remember.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::check::load_or_fail;
use super::query::{answer, print};
use crate::error::Result;
use crate::query::Query;

#[derive(Subcommand)]
pub enum StateCommand {
    /// Show the steps with state, or the entries of one.
    List {
        /// The pipeline file.
        file: PathBuf,
        /// The step's name.
        step: Option<String>,
        /// Show so many entries.
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// Show all entries.
        #[arg(long, conflicts_with = "limit")]
        all: bool,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show what is stored for a key.
    Get {
        /// The pipeline file.
        file: PathBuf,
        /// The step's name.
        step: String,
        /// The value of the key's only column, or a JSON array of the values of all.
        key: String,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Count entries and bytes, of one step or of each.
    Stats {
        /// The pipeline file.
        file: PathBuf,
        /// The step's name.
        step: Option<String>,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
}

pub fn state(command: StateCommand) -> Result<ExitCode> {
    let (file, query, json) = match command {
        StateCommand::List { file, step: None, json, .. } => (file, Query::Steps, json),
        StateCommand::List { file, step: Some(step), limit, all, json } => {
            (file, Query::Entries { step, limit: (!all).then_some(limit) }, json)
        }
        StateCommand::Get { file, step, key, json } => (file, Query::Get { step, key }, json),
        StateCommand::Stats { file, step, json } => (file, Query::Stats { step }, json),
    };
    let plan = load_or_fail(&file)?.plan;
    let mut count = 0;
    answer(&plan, &query, &mut |value| {
        count += 1;
        print(&value, json);
        Ok(())
    })?;
    if count == 0 {
        eprintln!("there is nothing");
    }
    Ok(ExitCode::SUCCESS)
}
