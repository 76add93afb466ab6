//! `millrace plugin`.

mod build;
mod golden;
mod inspect;
mod manifest;
mod new;
mod test;
mod toolchain;
mod vendor;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use new::NewWorld;

use crate::error::Result;

#[derive(Subcommand)]
pub enum PluginCommand {
    /// Make a plugin in Rust, with tests, that builds at once.
    New {
        /// The plugin's name: a lower-case letter, then lower-case letters, digits, underscores.
        name: String,
        /// What it is to be.
        #[arg(long, value_enum, default_value = "transform")]
        world: NewWorld,
        /// The directory to make. Default: NAME.
        #[arg(long, value_name = "PATH")]
        dir: Option<PathBuf>,
    },
    /// Build a plugin in Rust into the component NAME.wasm, and say what it is.
    Build {
        /// The plugin's directory.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Where to put the component. Default: DIR/NAME.wasm.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Run the cases in golden/ through the built component and compare what comes out.
    Test {
        /// The plugin's directory.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// The component. Default: DIR/NAME.wasm, then NAME.wasm in the directory `dist` beside DIR.
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
        /// Write what came out into the expected files of the cases that differ.
        #[arg(long)]
        bless: bool,
    },
    /// Say what a component is: name, version, size, digest, imports.
    Inspect {
        /// A `.wasm` file, or a name in the plugin path.
        plugin: String,
    },
}

pub fn plugin(command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::New { name, world, dir } => new::new(&name, world, dir.as_deref()),
        PluginCommand::Build { dir, output } => build::build(&dir, output.as_deref()),
        PluginCommand::Test { dir, component, bless } => {
            test::test(&dir, component.as_deref(), bless)
        }
        PluginCommand::Inspect { plugin } => inspect::inspect(&plugin),
    }
}
