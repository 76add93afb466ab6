//! `millrace tap`: rows as they pass by.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{Target, count};
use crate::error::{Error, Result};

#[derive(Args)]
pub struct TapArguments {
    #[command(flatten)]
    target: Target,
    /// What to look at: a step, STEP.PORT, a source, or a sink for the rows that it takes.
    #[arg(value_name = "STEP[.PORT]")]
    port: String,
    /// End after so many rows.
    #[arg(long, short = 'n', value_name = "ROWS")]
    limit: Option<u64>,
    /// Show so many rows a second at most; the rest is counted.
    #[arg(long, value_name = "ROWS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Print the columns alone, without where each row came from.
    #[arg(long)]
    values: bool,
}

/// Prints rows until it is interrupted, or the pipeline ends.
pub fn tap(arguments: &TapArguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    let mut path = format!("/v1/tap/{}?rate={}", arguments.port, arguments.rate);
    if let Some(limit) = arguments.limit {
        path.push_str(&format!("&limit={limit}"));
    }
    let (mut shown, mut missed) = (0_u64, 0_u64);
    client.lines(&path, &mut |line| {
        let row: Value = serde_json::from_str(line)
            .map_err(|e| Error::internal("a line of the tap is no JSON").with(e))?;
        match row.get("missed").and_then(Value::as_u64) {
            Some(rows) => {
                missed += rows;
                eprintln!("... {} rows passed unseen", count(rows));
            }
            None => {
                shown += 1;
                match row.get("values").filter(|_| arguments.values) {
                    Some(values) => out!("{values}"),
                    None => out!("{line}"),
                }
            }
        }
        Ok(true)
    })?;
    let unseen = match missed {
        0 => String::new(),
        missed => format!(", {} passed unseen", count(missed)),
    };
    eprintln!("{} rows shown{unseen}", count(shown));
    Ok(ExitCode::SUCCESS)
}
