//! How many entries a step has in the base, so that what can't be there is not looked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// So many beginnings of keys are counted each for itself: windows are few, users are many.
const BEGINNINGS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Counts {
    /// By the first eight bytes of the keys, with zeros behind those that are shorter.
    Few(BTreeMap<u64, u64>),
    Many(u64),
}

impl Default for Counts {
    fn default() -> Self {
        Self::Few(BTreeMap::new())
    }
}

impl Counts {
    pub fn total(&self) -> u64 {
        match self {
            Self::Few(counts) => counts.values().sum(),
            Self::Many(total) => *total,
        }
    }

    /// Whether a key, or one that begins so, may be in the base.
    pub fn may_hold_prefix(&self, prefix: &[u8]) -> bool {
        match self {
            Self::Few(counts) => {
                let last = beginning(prefix, 0xff);
                counts.range(beginning(prefix, 0)..=last).next().is_some()
            }
            Self::Many(_) => true,
        }
    }

    pub fn may_hold(&self, key: &[u8]) -> bool {
        match self {
            Self::Few(counts) => counts.contains_key(&beginning(key, 0)),
            Self::Many(_) => true,
        }
    }

    pub fn add(&mut self, key: &[u8]) {
        match self {
            Self::Few(counts) => {
                *counts.entry(beginning(key, 0)).or_default() += 1;
                if counts.len() > BEGINNINGS_MAX {
                    *self = Self::Many(self.total());
                }
            }
            Self::Many(total) => *total += 1,
        }
    }

    /// # Panics
    /// In debug builds, if the key was not counted.
    pub fn remove(&mut self, key: &[u8]) {
        match self {
            Self::Few(counts) => {
                let beginning = beginning(key, 0);
                let count = counts.get_mut(&beginning);
                debug_assert!(count.is_some());
                if let Some(count) = count {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(&beginning);
                    }
                }
            }
            Self::Many(1) => *self = Self::default(),
            Self::Many(total) => *total -= 1,
        }
    }
}

fn beginning(key: &[u8], fill: u8) -> u64 {
    let mut bytes = [fill; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}
