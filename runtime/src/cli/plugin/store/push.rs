//! `millrace plugin push`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::{Timestamp, Unit};

use super::{StoreArguments, host};
use crate::error::{Error, Result};
use crate::plugin::PluginHost;
use crate::plugin::store::{Entry, Pushed, PushedAs, SecretKey, Signed, Store};

#[derive(Args)]
pub struct PushArguments {
    /// A `.wasm` file, a name in the plugin path, or what is in the store already, to sign it.
    component: String,
    /// Sign it with the key in this file, which `millrace plugin keygen` made.
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// Put it in the place of another component of the same name and version.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub fn push(arguments: &PushArguments) -> Result<ExitCode> {
    let store = arguments.store.store()?;
    let key = match &arguments.sign {
        Some(file) => {
            if SecretKey::is_exposed(file) {
                eprintln!("warning: others may read {}: chmod 600 it", file.display());
            }
            Some(SecretKey::read(file)?)
        }
        None => None,
    };
    let host = host(&store);
    let path = host.find(&arguments.component);
    let path = path.map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
    let beside = Signed::read_beside(&path)?;
    let signing = (beside.as_slice(), key.as_ref());
    let pushed = push_file(&host, &store, &path, signing, arguments.force)?;
    say(&store, &pushed);
    Ok(ExitCode::SUCCESS)
}

/// Puts the component at `path` into `store`, with those signatures of others that hold.
///
/// # Errors
/// If it is no plugin, or the store does not take it.
pub fn push_file(
    host: &PluginHost,
    store: &Store,
    path: &Path,
    signing: (&[Signed], Option<&SecretKey>),
    force: bool,
) -> Result<Pushed> {
    let loaded = host.load(path)?;
    let bytes = host.component_bytes(&loaded.digest)?;
    let now = Timestamp::now().round(Unit::Second);
    let now = now.map_err(|e| Error::internal("the clock is wrong").with(e))?;
    let entry = Entry::of(&loaded, now.to_string()).map_err(|why| {
        Error::plugin(format!("{} can't be put into a store: {why}", path.display()))
    })?;
    store.push(&bytes, entry, signing, force)
}

/// Says what became of a push.
pub fn say(store: &Store, pushed: &Pushed) {
    let Entry { name, version, digest, .. } = &pushed.entry;
    let was = match &pushed.was {
        PushedAs::New => String::new(),
        PushedAs::There => " (was there already)".to_owned(),
        PushedAs::InPlaceOf(old) => format!(" (in place of sha256:{old})"),
    };
    out!("pushed   {name}@{version}{was}");
    out!("digest   sha256:{digest}");
    out!("store    {}", store.root().display());
    for signature in &pushed.entry.signatures {
        out!("signed   {}", signature.key);
    }
}
