//! `millrace plugin`.

mod inspect;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Result;

#[derive(Subcommand)]
pub enum PluginCommand {
    /// Say what a component is: name, version, size, digest, imports.
    Inspect {
        /// A `.wasm` file, or a name in the plugin path.
        plugin: String,
    },
}

pub fn plugin(command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::Inspect { plugin } => inspect::inspect(&plugin),
    }
}
