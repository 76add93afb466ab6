//! When entries are to be looked at because they may have expired.

use std::collections::BTreeMap;

use super::entries::{Entry, Slot};
use super::key::NEVER;

/// Entries that expire within so many bits of a microsecond, about a second, wait together.
const BUCKET_BITS: u32 = 20;

/// Slots by the time at which they are looked at. Each waits once, however often the end of its
/// entry is put off.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    buckets: BTreeMap<i64, Vec<Slot>>,
}

impl Wakes {
    /// The entry in `slot` has got its time of expiry.
    pub fn add(&mut self, slot: Slot, entry: &mut Entry) {
        let Some(bucket) = bucket(entry.expires) else { return };
        // An earlier waiting finds out that the entry lives on.
        if bucket < entry.wake {
            entry.wake = bucket;
            self.buckets.entry(bucket).or_default().push(slot);
        }
    }

    /// The next slots that are to be looked at now, with the bucket in which they waited.
    pub fn due(&mut self, now: i64) -> Option<(i64, Vec<Slot>)> {
        let first = self.buckets.first_entry()?;
        (*first.key() <= now >> BUCKET_BITS).then(|| first.remove_entry())
    }
}

/// The first bucket that is due once an entry has expired.
fn bucket(expires: i64) -> Option<i64> {
    let never = expires > NEVER - (1 << BUCKET_BITS);
    (!never).then(|| (expires + (1 << BUCKET_BITS) - 1) >> BUCKET_BITS)
}
