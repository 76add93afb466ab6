//! The memory that state may take, and how the maps of all steps and tasks share it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::merger::Merger;

/// Of the bound so much is shared out. The rest is for what nobody counts: what the allocator keeps,
/// and columns on their way to the state. With 10 million keys the process then stays within its
/// bound and a fifth.
const COUNTED_TENTHS: usize = 7;
/// Of the memory for state: what the base caches, and what one merge reads of segments, which
/// takes up to three times its size.
const CACHE_SHARE: usize = 8;
const MERGE_SHARE: usize = 16;
/// What steps hold beside their maps until an epoch ends: rows that are not yet in the state, and
/// changes on their way to the disk.
const EPOCH_SHARE: usize = 16;
/// Entries that may change in one epoch before sources wait for its end.
const UNCOMMITTED_SHARE: usize = 5;
/// A change of less is hardly news.
const NEWS_BYTES: usize = 64 << 10;
/// The base's cache is at least as large, even in a test that gives state a few bytes.
const CACHE_MIN: usize = 1 << 20;

/// One entry may be changed per transaction for so many bytes of memory: each may take a page of
/// 4 KiB, of which the base's cache holds some.
const BYTES_PER_CHANGE: usize = 1 << 10;

/// How the memory for state is shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The base's cache.
    pub cache: usize,
    /// The maps of all steps.
    pub maps: usize,
    /// Entries that may have changed since the last freeze, in bytes.
    pub uncommitted: usize,
    /// Segments that are merged at once, in bytes.
    pub merge: u64,
    /// Entries that one transaction of the base changes: they are in memory until it is committed.
    pub transaction: usize,
}

impl Limits {
    pub fn new(memory_max: usize) -> Self {
        let memory_max = memory_max / 10 * COUNTED_TENTHS;
        let cache = (memory_max / CACHE_SHARE).max(CACHE_MIN);
        let others = memory_max / CACHE_SHARE + memory_max / EPOCH_SHARE;
        let maps = memory_max - others - memory_max / MERGE_SHARE * 3;
        let uncommitted = memory_max / UNCOMMITTED_SHARE;
        let transaction = (memory_max / BYTES_PER_CHANGE).clamp(16, 1 << 17);
        let merge = (memory_max / MERGE_SHARE) as u64;
        Self { cache, maps, uncommitted, merge, transaction }
    }
}

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
