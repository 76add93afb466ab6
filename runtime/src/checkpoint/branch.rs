//! A copy of a checkpoint as it was at an earlier epoch, to go on from there beside the first.

use std::fs;
use std::path::Path;

use super::store::Store;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::sink::Published;
use crate::state::can_rewind;
use crate::storage::LocalStorage;

/// What belongs to the run and not to the checkpoint.
const LEFT_OUT: [&str; 3] = ["lock", "control.sock", "dead-letters"];

/// Copies the checkpoint of `pipeline` in `from` to `into`, as it was after the epoch `to`. Output
/// that waits to be published stays the business of the first. A copy that is already there goes
/// on as it is.
///
/// # Errors
/// `Config` if there is no such checkpoint or epoch, `Fenced` if a process is using it.
pub fn branch(from: &Path, into: &Path, pipeline: &str, to: Epoch) -> Result<()> {
    if into.exists() {
        return Ok(());
    }
    if !from.exists() {
        return Err(Error::config(format!(
            "there is no checkpoint in {}: the pipeline has not run yet",
            from.display()
        )));
    }
    // As long as it is open here, nobody else changes it.
    let first = Store::open(from, pipeline, &LocalStorage)?;
    let recovered = first.recover()?;
    if !recovered.history.contains_key(&to) {
        let kept: Vec<String> = recovered.history.keys().map(ToString::to_string).collect();
        return Err(Error::config(format!(
            "the checkpoint {} does not remember epoch {to}, only {}",
            from.display(),
            kept.join(", ")
        )));
    }
    if !can_rewind(from, &LocalStorage, &recovered.state(), to)? {
        return Err(Error::corrupt(format!("the state can't go back to epoch {to}")));
    }
    let unfinished = into.with_extension("new");
    copy(from, &unfinished)?;
    let copied = Store::open(&unfinished, pipeline, &LocalStorage)?;
    let staged = recovered.staged.iter().flat_map(|(epoch, staged)| {
        staged.iter().map(|staged| Published { epoch: *epoch, sink: staged.sink().to_owned() })
    });
    copied.forget_staged(&staged.collect::<Vec<_>>())?;
    copied.rewind(to)?;
    drop(copied);
    fs::rename(&unfinished, into).map_err(|e| Error::io("make", into, e))
}

fn copy(from: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into).map_err(|e| Error::io("make the directory", into, e))?;
    let entries = fs::read_dir(from).map_err(|e| Error::io("list", from, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", from, e))?;
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (path, to) = (entry.path(), into.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &to)?,
            false => {
                fs::copy(&path, &to).map_err(|e| Error::io("copy", &path, e))?;
            }
        }
    }
    Ok(())
}
