//! How the memory that state may take is shared out.

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
