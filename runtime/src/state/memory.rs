//! The memory that state may take, and how the maps of all steps and tasks share it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::merger::Merger;

/// Of the memory for state: what the base caches, and what one merge reads of segments, which
/// takes up to three times its size.
const CACHE_SHARE: usize = 8;
const MERGE_SHARE: usize = 16;
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
    /// Segments that are merged at once, in bytes.
    pub merge: u64,
    /// Entries that one transaction of the base changes: they are in memory until it is committed.
    pub transaction: usize,
}

impl Limits {
    pub fn new(memory_max: usize) -> Self {
        let cache = (memory_max / CACHE_SHARE).max(CACHE_MIN);
        let maps = memory_max - memory_max / CACHE_SHARE - memory_max / MERGE_SHARE * 3;
        let transaction = (memory_max / BYTES_PER_CHANGE).clamp(16, 1 << 17);
        Self { cache, maps, merge: (memory_max / MERGE_SHARE) as u64, transaction }
    }
}

/// One map's part of the memory.
pub(super) struct Share {
    pub merger: Arc<Merger>,
    /// What the map takes, as far as the others know.
    told: usize,
}

impl Share {
    pub fn new(merger: Arc<Merger>) -> Self {
        merger.maps.fetch_add(1, Ordering::Relaxed);
        Self { merger, told: 0 }
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
        self.merger.maps.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.told)
    }
}
