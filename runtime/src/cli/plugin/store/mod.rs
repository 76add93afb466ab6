//! `millrace plugin push`, `pull`, `list`, `verify` and `keygen`.

mod keygen;
mod list;
mod pull;
mod push;
mod verify;

use std::path::{Path, PathBuf};

use clap::Args;

pub use keygen::keygen;
pub use list::list;
pub use pull::{PullArguments, pull};
pub use push::{PushArguments, push};
pub use verify::verify;

use crate::error::{Error, Result};
use crate::plugin::PluginHost;
use crate::plugin::store::{STORE_VARIABLE, Store};

/// Which store a command is about.
#[derive(Args)]
pub struct StoreArguments {
    /// The store's directory. Default: $MILLRACE_STORE, else $XDG_DATA_HOME/millrace/plugins, else
    /// ~/.local/share/millrace/plugins.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl StoreArguments {
    fn store(&self) -> Result<Store> {
        if let Some(root) = &self.store {
            return Ok(Store::at(root));
        }
        Store::of_user().ok_or_else(|| {
            let message =
                format!("there is no home directory for a store: set {STORE_VARIABLE} or --store");
            Error::config(message)
        })
    }

    /// A store to read from, which is there.
    fn existing(&self) -> Result<Store> {
        let store = self.store()?;
        exists(&store)?;
        Ok(store)
    }
}

/// # Errors
/// If there is no such store: a mistyped directory would pass for an empty one.
fn exists(store: &Store) -> Result<()> {
    if store.root().is_dir() {
        return Ok(());
    }
    let message = format!(
        "there is no store {}: `millrace plugin push COMPONENT` makes it, or name another with \
         --store or {STORE_VARIABLE}",
        store.root().display()
    );
    Err(Error::config(message))
}

/// Finds components as a pipeline in the working directory would, and in `store`.
fn host(store: &Store) -> PluginHost {
    PluginHost::new(Path::new(""), &[PathBuf::from("plugins")]).with_store(store.clone())
}

/// A digest for people: more than a pipeline must write of it.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
