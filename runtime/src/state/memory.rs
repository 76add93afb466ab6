//! How the maps of all steps and tasks share their memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::merger::Merger;

/// A change of less is hardly news.
const NEWS_BYTES: usize = 64 << 10;

/// One map's part of the memory.
pub(super) struct Share {
    pub merger: Arc<Merger>,
    /// What the map takes, as far as the others know.
    told: usize,
    /// What has changed since the last freeze, as far as the others know.
    uncommitted: usize,
}

/// Tells when so much has changed that the epoch should end before more is read.
#[derive(Clone)]
pub struct Pressure(pub(super) Arc<Merger>);

impl Pressure {
    pub fn is_high(&self) -> bool {
        self.0.uncommitted.load(Ordering::Relaxed) > self.0.limits.uncommitted
    }
}

impl Share {
    pub fn new(merger: Arc<Merger>) -> Self {
        merger.maps.fetch_add(1, Ordering::Relaxed);
        Self { merger, told: 0, uncommitted: 0 }
    }

    /// Tells that the map takes `bytes` now, unless that is hardly news. Returns by how much all
    /// maps together are above their bound.
    pub fn tell(&mut self, bytes: usize) -> usize {
        let max = self.merger.limits.maps;
        if bytes.abs_diff(self.told) <= (max >> 10).min(1 << 20) {
            return 0;
        }
        let used = &self.merger.used;
        let now = if bytes > self.told {
            used.fetch_add(bytes - self.told, Ordering::Relaxed) + bytes - self.told
        } else {
            used.fetch_sub(self.told - bytes, Ordering::Relaxed) - (self.told - bytes)
        };
        self.told = bytes;
        now.saturating_sub(max)
    }

    /// Tells how many bytes of entries have changed since the last freeze.
    pub fn tell_uncommitted(&mut self, bytes: usize) {
        if bytes > 0 && bytes.abs_diff(self.uncommitted) < NEWS_BYTES {
            return;
        }
        let total = &self.merger.uncommitted;
        if bytes > self.uncommitted {
            total.fetch_add(bytes - self.uncommitted, Ordering::Relaxed);
        } else {
            total.fetch_sub(self.uncommitted - bytes, Ordering::Relaxed);
        }
        self.uncommitted = bytes;
    }

    /// By how much all maps together are above their bound.
    pub fn above(&self) -> usize {
        self.merger.used.load(Ordering::Relaxed).saturating_sub(self.merger.limits.maps)
    }

    /// Whether the map takes less than an equal part.
    pub fn is_small(&self) -> bool {
        let maps = self.merger.maps.load(Ordering::Relaxed).max(1);
        self.told < self.merger.limits.maps / maps
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.merger.used.fetch_sub(self.told, Ordering::Relaxed);
        self.merger.uncommitted.fetch_sub(self.uncommitted, Ordering::Relaxed);
        self.merger.maps.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.told)
    }
}
