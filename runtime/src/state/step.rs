//! The state of one step in one task, and the changes of an epoch.

use std::collections::BTreeMap;

use crate::error::Result;

/// An entry that never expires.
pub const NEVER: i64 = i64::MAX;

/// A key with its group. Window operators put the window before the user's key in `bytes`; the
/// group is always that of the user's key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    pub group: u8,
    pub bytes: &'a [u8],
}

/// What changed in an epoch, in the order in which it was written.
#[derive(Debug, Default)]
pub struct Changes {}

/// Keys and values of one step, for the key groups of one task.
#[derive(Debug, Default)]
pub struct StepState {
    entries: BTreeMap<(u8, Vec<u8>), (Vec<u8>, i64)>,
}

impl StepState {
    /// The value of a key.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` if the disk does not give it.
    pub fn get(&mut self, key: Key) -> Result<Option<&[u8]>> {
        let found = self.entries.get(&(key.group, key.bytes.to_vec()));
        Ok(found.map(|(value, _)| value.as_slice()))
    }

    /// Sets a value. From the time `expires` on ([`NEVER`] for none) it counts as removed.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put(&mut self, key: Key, value: &[u8], expires: i64) -> Result<()> {
        self.entries.insert((key.group, key.bytes.to_vec()), (value.to_vec(), expires));
        Ok(())
    }

    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove(&mut self, key: Key) -> Result<()> {
        self.entries.remove(&(key.group, key.bytes.to_vec()));
        Ok(())
    }

    /// Visits every entry whose key begins with `prefix`, in any order.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `visit`.
    pub fn scan(
        &mut self,
        prefix: &[u8],
        visit: &mut dyn FnMut(Key, &[u8]) -> Result<()>,
    ) -> Result<()> {
        for ((group, bytes), (value, _)) in &self.entries {
            if bytes.starts_with(prefix) {
                visit(Key { group: *group, bytes }, value)?;
            }
        }
        Ok(())
    }

    /// Removes every entry whose key begins with `prefix`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn remove_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        self.entries.retain(|(_, bytes), _| !bytes.starts_with(prefix));
        Ok(())
    }

    /// Time has come to `now`: entries that expire at or before it are gone.
    pub fn expire(&mut self, now: i64) {
        self.entries.retain(|_, (_, expires)| *expires > now);
    }

    /// Writes what has changed since the last call.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn freeze(&mut self, _: &mut Changes) -> Result<()> {
        Ok(())
    }
}
