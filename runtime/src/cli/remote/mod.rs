//! Commands that ask a running pipeline, or tell it what to do, over its API.

mod status;
mod swap;
mod tap;
mod tell;
mod top;

pub use status::{StatusArguments, status};
pub use swap::{DecideArguments, SwapArguments, SwapsArguments, promote, rollback, swap, swaps};
pub use tap::{TapArguments, tap};
pub use tell::{StopArguments, checkpoint_now, stop};
pub use top::{TopArguments, top};

use std::path::PathBuf;

use clap::Args;

use crate::api::{Client, find};
use crate::error::Result;

/// Which pipeline.
#[derive(Args)]
pub struct Target {
    /// The running pipeline: its name, its file, or the address of its API (http://...).
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    #[command(flatten)]
    token: TokenArgument,
}

#[derive(Args)]
pub struct TokenArgument {
    /// A file with the API's token; MILLRACE_API_TOKEN counts where this is not given.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Target {
    /// # Errors
    /// As [`find`].
    pub fn client(&self) -> Result<Client> {
        find(&self.pipeline, self.token.token_file.as_deref())
    }
}

/// Who gives an order: the user, and where.
fn who() -> String {
    let variable = |names: [&str; 2]| names.into_iter().find_map(|name| std::env::var(name).ok());
    let user = variable(["USER", "LOGNAME"]).unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    match host.map(|host| host.trim().to_owned()) {
        Ok(host) if !host.is_empty() => format!("{user}@{host}"),
        _ => user,
    }
}

/// A number with commas.
fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
