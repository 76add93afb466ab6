//! Prefixes whose entries were removed, and which the base may not know of yet.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;

use super::entries::Generation;
use super::key::Key;

#[derive(Debug, Default)]
pub(super) struct Covers {
    /// The groups and the generation in which each prefix was removed last.
    prefixes: HashMap<Vec<u8>, Vec<(RangeInclusive<u8>, Generation)>>,
    /// By generation.
    order: VecDeque<(Generation, Vec<u8>)>,
    /// The lengths that prefixes have.
    lengths: Vec<usize>,
}

impl Covers {
    pub fn add(&mut self, prefix: &[u8], groups: RangeInclusive<u8>, generation: Generation) {
        if !self.lengths.contains(&prefix.len()) {
            self.lengths.push(prefix.len());
        }
        self.prefixes.entry(prefix.to_vec()).or_default().push((groups, generation));
        self.order.push_back((generation, prefix.to_vec()));
    }

    /// Whether what the base has of a key is no longer true.
    pub fn cover(&self, key: Key) -> bool {
        if self.prefixes.is_empty() {
            return false;
        }
        let prefixes = self.lengths.iter().filter_map(|length| key.bytes.get(..*length));
        let mut removed = prefixes.filter_map(|prefix| self.prefixes.get(prefix)).flatten();
        removed.any(|(groups, _)| groups.contains(&key.group))
    }

    /// Forgets what the base knows.
    pub fn clean(&mut self, clean: Generation) {
        while self.order.front().is_some_and(|(generation, _)| *generation <= clean) {
            let Some((_, prefix)) = self.order.pop_front() else { return };
            if let Some(removed) = self.prefixes.get_mut(&prefix) {
                removed.retain(|(_, generation)| *generation > clean);
                if removed.is_empty() {
                    self.prefixes.remove(&prefix);
                }
            }
        }
        if self.prefixes.is_empty() {
            self.lengths.clear();
        }
    }
}
