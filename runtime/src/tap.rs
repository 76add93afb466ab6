//! Looking at rows as they pass by. Where nobody looks, a batch costs one relaxed load; whoever
//! looks never makes the stream wait: what they do not keep up with, or did not ask for, passes
//! unseen and is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::batch::Batch;
use crate::plan::Input;

/// So many parts of batches wait for whoever looks.
const GLIMPSES_MAX: usize = 64;

/// Where the rows of one node can be looked at.
#[derive(Debug, Default)]
pub struct Tap {
    watched: AtomicBool,
    viewers: Mutex<Vec<Viewer>>,
}

/// Rows of one port of one node.
#[derive(Debug)]
pub struct Glimpse {
    pub from: Input,
    pub batch: Batch,
}

/// A tap's end of a [`Look`].
#[derive(Debug)]
struct Viewer {
    from: Input,
    counts: Arc<Counts>,
    glimpses: Sender<Glimpse>,
}

#[derive(Debug, Default)]
struct Counts {
    /// So many more rows may be shown for now.
    room: AtomicU64,
    /// Rows that passed and were not shown, since this was told last.
    missed: AtomicU64,
}

impl Tap {
    /// Rows pass by on their way from `port`.
    pub fn pass(&self, port: usize, batch: &Batch) {
        if self.watched.load(Ordering::Relaxed) {
            self.show(port, batch);
        }
    }

    #[cold]
    fn show(&self, port: usize, batch: &Batch) {
        for viewer in self.lock().iter().filter(|viewer| viewer.from.port == port) {
            viewer.see(batch);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Viewer>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    fn see(&self, batch: &Batch) {
        let rows = batch.len() as u64;
        let take = |room: u64| Some(room - room.min(rows));
        let room = self.counts.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let mut shown = room.unwrap_or_default().min(rows);
        if shown > 0 {
            let glimpse = Glimpse { from: self.from, batch: batch.slice(0, shown as usize) };
            if self.glimpses.try_send(glimpse).is_err() {
                shown = 0;
            }
        }
        self.counts.missed.fetch_add(rows - shown, Ordering::Relaxed);
    }
}

/// One look at some ports, until it is dropped.
pub struct Look {
    taps: Vec<Arc<Tap>>,
    counts: Arc<Counts>,
    glimpses: Receiver<Glimpse>,
}

impl Look {
    /// Begins to look at these ports, each with its node's tap. Nothing is shown before there is
    /// [`room`](Self::make_room).
    pub fn new(ports: Vec<(Input, Arc<Tap>)>) -> Self {
        let (sender, glimpses) = bounded(GLIMPSES_MAX);
        let counts = Arc::new(Counts::default());
        for (from, tap) in &ports {
            let viewer = Viewer { from: *from, counts: counts.clone(), glimpses: sender.clone() };
            let mut viewers = tap.lock();
            viewers.push(viewer);
            tap.watched.store(true, Ordering::Relaxed);
        }
        Self { taps: ports.into_iter().map(|(_, tap)| tap).collect(), counts, glimpses }
    }

    /// So many more rows may be shown from now on. Room that was not used is gone.
    pub fn make_room(&self, rows: u64) {
        self.counts.room.store(rows, Ordering::Relaxed);
    }

    /// The next rows; `None` if none came within the time.
    pub fn next(&self, wait: Duration) -> Option<Glimpse> {
        self.glimpses.recv_timeout(wait).ok()
    }

    /// How many rows passed unseen since the last call.
    pub fn missed(&self) -> u64 {
        self.counts.missed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        for tap in &self.taps {
            let mut viewers = tap.lock();
            viewers.retain(|viewer| !Arc::ptr_eq(&viewer.counts, &self.counts));
            tap.watched.store(!viewers.is_empty(), Ordering::Relaxed);
        }
    }
}
