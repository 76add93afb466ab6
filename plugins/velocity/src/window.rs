//! The rows of a key that are not older than the window.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// What is remembered of a key. Rows of one time are one entry, so that it grows with the distinct
/// times in the window and not with its rows.
///
/// It is kept as bytes, little-endian: how many rows there are (8) and their sum (16), then for
/// each time from the oldest on the time (8), the rows (4) and their sum (16). Entries are read
/// where they lie: most are only there to be forgotten later.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    count: u64,
    sum: Fixed,
    entries: Vec<u8>,
    /// So many bytes of entries are forgotten.
    forgotten: usize,
}

const HEAD_BYTES: usize = 24;
const ENTRY_BYTES: usize = 28;

struct Entry {
    time: i64,
    count: u32,
    sum: Fixed,
}

impl Entry {
    fn read(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let (mut time, mut count, mut sum) = ([0; 8], [0; 4], [0; 16]);
        time.copy_from_slice(&bytes[..8]);
        count.copy_from_slice(&bytes[8..12]);
        sum.copy_from_slice(&bytes[12..]);
        Self {
            time: i64::from_le_bytes(time),
            count: u32::from_le_bytes(count),
            sum: Fixed(i128::from_le_bytes(sum)),
        }
    }

    fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.time.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.sum.0.to_le_bytes());
        bytes
    }
}

impl Window {
    /// Forgets rows before `time`.
    pub fn forget(&mut self, time: i64) {
        while let Some(bytes) = self.entries[self.forgotten..].first_chunk() {
            let entry = Entry::read(bytes);
            if entry.time >= time {
                break;
            }
            self.count -= u64::from(entry.count);
            self.sum = self.sum.minus(entry.sum);
            self.forgotten += ENTRY_BYTES;
        }
    }

    /// Adds a row; times never go back.
    pub fn add(&mut self, time: i64, amount: f64) {
        let amount = Fixed::of(amount);
        self.count += 1;
        self.sum = self.sum.plus(amount);
        let mut entry = Entry { time, count: 1, sum: amount };
        let kept = &self.entries[self.forgotten..];
        if let Some(last) = kept.last_chunk().map(Entry::read)
            && last.time == time
        {
            entry = Entry { time, count: last.count + 1, sum: last.sum.plus(amount) };
            self.entries.truncate(self.entries.len() - ENTRY_BYTES);
        }
        self.entries.extend_from_slice(&entry.bytes());
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> f64 {
        self.sum.value()
    }

    /// The window as version 1 of the state had it.
    pub fn of_version_1(old: OldWindow) -> Self {
        let mut entries = Vec::with_capacity(old.entries.len() * ENTRY_BYTES);
        for OldEntry { time, count, sum } in old.entries {
            entries.extend_from_slice(&Entry { time, count, sum: Fixed(sum) }.bytes());
        }
        Self { count: old.count, sum: Fixed(old.sum), entries, forgotten: 0 }
    }
}

/// The state of version 1.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct OldWindow {
    pub entries: Vec<OldEntry>,
    pub count: u64,
    pub sum: i128,
}

/// The rows of one time in it.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct OldEntry {
    pub time: i64,
    pub count: u32,
    pub sum: i128,
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = &self.entries[self.forgotten..];
        let mut bytes = Vec::with_capacity(HEAD_BYTES + entries.len());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.sum.0.to_le_bytes());
        bytes.extend_from_slice(entries);
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Window;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the bytes of a window")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Window, E> {
                let wrong = || E::invalid_length(bytes.len(), &self);
                let (count, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
                let (sum, entries) = rest.split_first_chunk().ok_or_else(wrong)?;
                if entries.len() % ENTRY_BYTES != 0 {
                    return Err(wrong());
                }
                // A few rows more are likely to come with it.
                let mut own = Vec::with_capacity(entries.len() + 8 * ENTRY_BYTES);
                own.extend_from_slice(entries);
                Ok(Window {
                    count: u64::from_le_bytes(*count),
                    sum: Fixed(i128::from_le_bytes(*sum)),
                    entries: own,
                    forgotten: 0,
                })
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// A number with 64 binary places. A running sum of floating-point numbers would keep the rounding
/// errors of rows that have left; these come and go without a trace, in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Fixed(i128);

const PLACES: f64 = 18_446_744_073_709_551_616.0;

impl Fixed {
    /// The number nearest to `value` within +-9.2e18; what is no number counts as 0.
    fn of(value: f64) -> Self {
        Self((value * PLACES) as i128)
    }

    fn value(self) -> f64 {
        self.0 as f64 / PLACES
    }

    /// Sums that overflow on the way come back as the numbers that made them leave.
    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}
