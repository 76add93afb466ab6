//! Publishing, which may have to wait for what is outside.

use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::epoch::Epoch;
use crate::error::{Error, Result};
use crate::sink::{Published, Publisher, Staged};

/// How often progress is told of.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Publishes, and tells of progress as long as a sink waits for its other side.
///
/// # Errors
/// As [`Publisher::publish`].
pub fn publish(
    publisher: &mut Publisher,
    epoch: Epoch,
    staged: Vec<Staged>,
    last: bool,
    progress: &mut dyn FnMut(Epoch),
) -> Result<Vec<Published>> {
    let (done, outcome) = bounded(1);
    std::thread::scope(|scope| {
        let work = move || done.send(publisher.publish(epoch, staged, last));
        let thread = std::thread::Builder::new().name("publish".to_owned());
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
        loop {
            match outcome.recv_timeout(PROGRESS_EVERY) {
                Ok(published) => return published,
                Err(RecvTimeoutError::Timeout) => progress(epoch),
                Err(RecvTimeoutError::Disconnected) => {
                    // What it panicked with was printed.
                    drop(thread.join());
                    return Err(Error::internal("publishing panicked"));
                }
            }
        }
    })
}
