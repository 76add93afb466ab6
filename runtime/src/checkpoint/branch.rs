//! A copy of a checkpoint as it was at an earlier epoch, to go on from there beside the first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::history::EpochRecord;
use super::store::Store;
use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::sink::Published;
use crate::source::Positions;
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
    let copied = copied(from, into, pipeline, to)?;
    go_back(&copied, into, to)?;
    drop(copied);
    finish(into)
}

/// The epoch that [`rerun`] makes ready.
pub struct Past {
    pub record: EpochRecord,
    /// How far each source had come at its end.
    pub positions: BTreeMap<String, Positions>,
}

/// Copies the checkpoint of `pipeline` in `from` to `into`, as it was before the epoch `epoch`.
/// Returns what it was after it.
///
/// # Errors
/// As [`branch`]; also `Config` if nothing is remembered of the time before.
pub fn rerun(from: &Path, into: &Path, pipeline: &str, epoch: Epoch) -> Result<Past> {
    let copied = copied(from, into, pipeline, epoch)?;
    let known = copied.recover()?.history;
    let before = known.range(..epoch).next_back().map(|(before, _)| *before);
    if let Some(before) = before {
        is_there(&copied, into, before)?;
    }
    copied.rewind(epoch)?;
    let mut after = copied.recover()?;
    let record = after.history.remove(&epoch);
    let record = record.ok_or_else(|| Error::internal("an epoch without its record"))?;
    match before {
        Some(before) => copied.rewind(before)?,
        // Before the first epoch there was nothing.
        None if epoch == Epoch::default().next() => {
            drop(copied);
            let unfinished = unfinished(into);
            fs::remove_dir_all(&unfinished).map_err(|e| Error::io("remove", &unfinished, e))?;
            return Ok(Past { record, positions: after.positions });
        }
        None => {
            return Err(Error::config(format!(
                "the checkpoint {} remembers nothing of the time before epoch {epoch}, so that it \
                 can't be run again: [checkpoint] keep says how many epochs are kept",
                from.display()
            )));
        }
    }
    drop(copied);
    finish(into)?;
    Ok(Past { record, positions: after.positions })
}

/// The first one's content at its last epoch, beside `into`. Output that waits to be published
/// stays the business of the first.
fn copied(from: &Path, into: &Path, pipeline: &str, to: Epoch) -> Result<Store> {
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
    let unfinished = unfinished(into);
    copy(from, &unfinished)?;
    let copied = Store::open(&unfinished, pipeline, &LocalStorage)?;
    let staged = recovered.staged.iter().flat_map(|(epoch, staged)| {
        staged.iter().map(|staged| Published { epoch: *epoch, sink: staged.sink().to_owned() })
    });
    copied.forget_staged(&staged.collect::<Vec<_>>())?;
    Ok(copied)
}

fn go_back(copied: &Store, into: &Path, to: Epoch) -> Result<()> {
    is_there(copied, into, to)?;
    copied.rewind(to)
}

/// Whether the state of an epoch is still there.
fn is_there(copied: &Store, into: &Path, epoch: Epoch) -> Result<()> {
    match can_rewind(&unfinished(into), &LocalStorage, &copied.recover()?.state(), epoch)? {
        true => Ok(()),
        false => Err(Error::corrupt(format!("the state can't go back to epoch {epoch}"))),
    }
}

fn unfinished(into: &Path) -> PathBuf {
    into.with_extension("new")
}

fn finish(into: &Path) -> Result<()> {
    fs::rename(unfinished(into), into).map_err(|e| Error::io("make", into, e))
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
