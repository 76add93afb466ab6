//! `millrace plugin pull`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::push::{push_file, say};
use super::{StoreArguments, exists};
use crate::error::{Error, Result};
use crate::plugin::PluginHost;
use crate::plugin::store::{Signed, Store, write_whole};
use crate::storage::{Directories, LocalStorage};

#[derive(Args)]
pub struct PullArguments {
    /// `NAME`, `NAME@1.2` or `sha256:DIGEST`.
    component: String,
    /// The directory of the store to copy from. Default: this store.
    #[arg(long, value_name = "DIR", required_unless_present = "output")]
    from: Option<PathBuf>,
    /// Write the component into this file, and its signatures beside it as FILE.sig, instead of
    /// into this store.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Put it in the place of another component of the same name and version.
    #[arg(long, conflicts_with = "output")]
    force: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub fn pull(arguments: &PullArguments) -> Result<ExitCode> {
    let from = match &arguments.from {
        Some(root) => Store::at(root),
        None => arguments.store.store()?,
    };
    exists(&from)?;
    // Of that store alone: a plugin path would come before it.
    let host = PluginHost::of_store(from.clone());
    let path = host.find(&arguments.component);
    let path = path.map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
    let loaded = host.load(&path)?;
    let signed = from.entry(&loaded.digest)?.map(|entry| entry.signed());
    let Some(output) = &arguments.output else {
        let store = arguments.store.store()?;
        // What it is, it is asked again: the other store's word counts for nothing but signatures,
        // which are checked.
        let pushed = push_file(&host, &store, &path, (signed.as_slice(), None), arguments.force)?;
        say(&store, &pushed);
        return Ok(ExitCode::SUCCESS);
    };
    let mut directories = Directories::default();
    let bytes = host.component_bytes(&loaded.digest)?;
    let beside = Signed::beside(output);
    match Signed::merged(signed) {
        Some(signed) => {
            write_whole(&LocalStorage, &mut directories, &beside, &signed.to_json())?;
        }
        // Those of another component would be taken for its own.
        None if beside.exists() => {
            std::fs::remove_file(&beside).map_err(|e| Error::io("remove", &beside, e))?;
        }
        None => {}
    }
    write_whole(&LocalStorage, &mut directories, output, &bytes)?;
    out!("path     {}\ndigest   sha256:{}", output.display(), loaded.digest);
    Ok(ExitCode::SUCCESS)
}
