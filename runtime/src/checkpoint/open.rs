//! A checkpoint and its state, opened together: at the last epoch of which everything is good.

use std::path::Path;
use std::sync::Arc;

use super::lock::Lock;
use super::store::{Recovered, Store};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::state::{self, StateBackend, StateOptions};
use crate::storage::Storage;

/// A checkpoint that only this process writes.
pub struct Checkpoint {
    pub store: Store,
    pub recovered: Recovered,
    pub state: StateBackend,
}

/// Opens or makes the checkpoint of `pipeline` in `directory`. If changes of state are damaged it
/// goes back to the last epoch before them, and [`Recovered::warnings`] says so.
///
/// # Errors
/// `Config` if it belongs to another pipeline, `Fenced` if another process has it, `Corrupt` if
/// it is damaged and can't go back, `Unavailable` if the disk does not do its work.
pub fn open(
    directory: &Path,
    pipeline: &str,
    storage: &Arc<dyn Storage>,
    options: StateOptions,
) -> Result<Checkpoint> {
    open_locked(Lock::take(directory, &**storage)?, directory, pipeline, storage, options)
}

/// As [`open`], by whoever has the lock.
///
/// # Errors
/// As [`open`], but for `Fenced`.
pub fn open_locked(
    lock: Lock,
    directory: &Path,
    pipeline: &str,
    storage: &Arc<dyn Storage>,
    options: StateOptions,
) -> Result<Checkpoint> {
    let store = Store::open_locked(lock, directory, pipeline, &**storage)?;
    let mut warnings = Vec::new();
    loop {
        let mut recovered = store.recover()?;
        match StateBackend::open(directory, storage.clone(), recovered.state(), options) {
            Ok(state) => {
                recovered.warnings = warnings;
                return Ok(Checkpoint { store, recovered, state });
            }
            Err(error) if error.kind == ErrorKind::Corrupt => {
                let Some(good) = last_good(directory, &**storage, &recovered)? else {
                    return Err(hopeless(error));
                };
                warnings.push(went_back(&error, recovered.state_epoch, good));
                store.rewind(good)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The last epoch that one can go back to and before which nothing is damaged. `None` if it is no
/// segment that is damaged, or if there is no such epoch.
fn last_good(
    directory: &Path,
    storage: &dyn Storage,
    recovered: &Recovered,
) -> Result<Option<Epoch>> {
    let committed = recovered.state();
    let Some(damaged) = state::first_damaged(directory, storage, &committed)? else {
        return Ok(None);
    };
    let earlier = committed.kept.iter().rev().filter(|epoch| **epoch < damaged).copied();
    for epoch in earlier {
        if state::can_rewind(directory, storage, &committed, epoch)? {
            return Ok(Some(epoch));
        }
    }
    Ok(None)
}

fn went_back(error: &Error, from: Epoch, to: Epoch) -> String {
    format!(
        "{error}. Went back from epoch {from} to epoch {to}: output of later epochs is already \
         published and will come again"
    )
}

fn hopeless(error: Error) -> Error {
    let message = format!(
        "{error}. No epoch before it is kept: restore the checkpoint's directory from a backup, or \
         start with a new checkpoint and a new output"
    );
    Error::corrupt(message)
}
