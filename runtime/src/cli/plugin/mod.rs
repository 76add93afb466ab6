//! `millrace plugin`.

mod build;
mod golden;
mod inspect;
mod language;
mod new;
mod project;
mod store;
mod test;
mod toolchain;
mod vendor;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use language::Language;
use new::NewWorld;
use store::{PullArguments, PushArguments, StoreArguments};

use crate::error::Result;

#[derive(Subcommand)]
pub enum PluginCommand {
    /// Make a plugin, with tests, that builds at once.
    New {
        /// The plugin's name: a lower-case letter, then lower-case letters, digits, underscores.
        name: String,
        /// The language that it is written in.
        #[arg(long, value_enum, default_value = "rust")]
        lang: Language,
        /// What it is to be.
        #[arg(long, value_enum, default_value = "transform")]
        world: NewWorld,
        /// The directory to make. Default: NAME.
        #[arg(long, value_name = "PATH")]
        dir: Option<PathBuf>,
    },
    /// Build a plugin into the component NAME.wasm, and say what it is. Installs what compiles its
    /// language where that is missing.
    Build {
        /// The plugin's directory.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Where to put the component. Default: DIR/NAME.wasm.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Install what builds plugins in a language, if it is missing, and print the directory of its
    /// programs: compilers, formatters, what an editor asks for.
    Toolchain {
        /// The language.
        #[arg(value_enum)]
        lang: Language,
    },
    /// Run the cases in golden/ through the built component and compare what comes out; then say how
    /// large it is and what a row costs.
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
        /// A `.wasm` file, a name in the plugin path or the store, `NAME@1.2` or `sha256:DIGEST`.
        plugin: String,
    },
    /// Put a component into the store, under its name, version and digest.
    Push(PushArguments),
    /// Copy a component from another store, or from this one into a file.
    Pull(PullArguments),
    /// List the components in the store.
    List {
        /// Only those of this name.
        name: Option<String>,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Compute all digests of the store again, check its signatures, and say what is wrong: exit
    /// code 5.
    Verify {
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Make a pair of keys to sign components with, and print the public one.
    Keygen {
        /// The file for the secret key.
        file: PathBuf,
    },
}

pub fn plugin(command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::New { name, lang, world, dir } => {
            new::new(&name, (lang, world), dir.as_deref())
        }
        PluginCommand::Build { dir, output } => build::build(&dir, output.as_deref()),
        PluginCommand::Toolchain { lang } => build::toolchain(lang),
        PluginCommand::Test { dir, component, bless } => {
            test::test(&dir, component.as_deref(), bless)
        }
        PluginCommand::Inspect { plugin } => inspect::inspect(&plugin),
        PluginCommand::Push(arguments) => store::push(&arguments),
        PluginCommand::Pull(arguments) => store::pull(&arguments),
        PluginCommand::List { name, json, store } => store::list(name.as_deref(), json, &store),
        PluginCommand::Verify { store } => store::verify(&store),
        PluginCommand::Keygen { file } => store::keygen(&file),
    }
}
