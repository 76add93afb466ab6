//! What is stored for a key: its state with the version of who wrote it, and its timers.

use crate::error::{Error, Result};
use crate::plugin::Clock;

/// A timer that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    pub id: u32,
    pub clock: Clock,
    /// Microseconds since 1970.
    pub at: i64,
}

/// An entry as it is stored: a byte of flags, the version, the time from which on it no longer
/// counts, the number of timers, the timers, and the state. Numbers are little-endian.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub version: u32,
    pub expires: i64,
    timers: &'a [u8],
    pub state: Option<&'a [u8]>,
}

const HAS_STATE: u8 = 1;
const HEAD_BYTES: usize = 1 + 4 + 8 + 4;
const TIMER_BYTES: usize = 4 + 1 + 8;

impl<'a> Entry<'a> {
    /// # Errors
    /// `Corrupt` if the bytes are no entry.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        Self::parse(bytes).ok_or_else(|| Error::corrupt("the stored state of a key is damaged"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let count = u32::from_le_bytes(head[13..17].try_into().ok()?) as usize;
        let (timers, state) = rest.split_at_checked(count.checked_mul(TIMER_BYTES)?)?;
        Some(Self {
            version: u32::from_le_bytes(head[1..5].try_into().ok()?),
            expires: i64::from_le_bytes(head[5..13].try_into().ok()?),
            timers,
            state: (head[0] & HAS_STATE != 0).then_some(state),
        })
    }

    pub fn timers(&self) -> impl Iterator<Item = Timer> + use<'a> {
        self.timers.chunks_exact(TIMER_BYTES).map(|bytes| {
            let mut id = [0; 4];
            id.copy_from_slice(&bytes[..4]);
            let mut at = [0; 8];
            at.copy_from_slice(&bytes[5..]);
            let clock = if bytes[4] == 0 { Clock::Event } else { Clock::Processing };
            Timer { id: u32::from_le_bytes(id), clock, at: i64::from_le_bytes(at) }
        })
    }
}

/// Writes an entry in place of what `out` held.
pub fn write(
    version: u32,
    expires: i64,
    timers: &[Timer],
    state: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    out.clear();
    out.push(if state.is_some() { HAS_STATE } else { 0 });
    out.extend(version.to_le_bytes());
    out.extend(expires.to_le_bytes());
    out.extend((timers.len() as u32).to_le_bytes());
    for timer in timers {
        out.extend(timer.id.to_le_bytes());
        out.push(u8::from(timer.clock == Clock::Processing));
        out.extend(timer.at.to_le_bytes());
    }
    out.extend(state.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let timers = [
            Timer { id: 7, clock: Clock::Event, at: -1 },
            Timer { id: u32::MAX, clock: Clock::Processing, at: i64::MAX },
        ];
        let mut bytes = vec![9; 3];
        for state in [None, Some(&b""[..]), Some(&b"state"[..])] {
            for timers in [&timers[..], &[]] {
                write(3, 42, timers, state, &mut bytes);
                let entry = Entry::read(&bytes).unwrap();
                assert_eq!((entry.version, entry.expires, entry.state), (3, 42, state));
                assert_eq!(entry.timers().collect::<Vec<_>>(), timers);
            }
        }
    }

    /// Whatever is on the disk, a job ends with an error and no panic.
    #[test]
    fn damage_is_an_error() {
        let mut bytes = Vec::new();
        write(1, 2, &[Timer { id: 1, clock: Clock::Event, at: 5 }], None, &mut bytes);
        for length in 0..bytes.len() {
            assert!(Entry::read(&bytes[..length]).is_err(), "{length}");
        }
        bytes[13..17].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Entry::read(&bytes).is_err());
    }
}
