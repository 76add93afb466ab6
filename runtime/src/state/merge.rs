//! Many epochs' changes as one: what of them is left to be done to the base.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use super::changes::{Record, Section};
use crate::error::Result;

/// What epochs have changed, the later ones' word being the last.
#[derive(Debug, Default)]
pub(super) struct Merged<'a> {
    pub steps: BTreeMap<&'a str, StepChanges<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct StepChanges<'a> {
    /// How far time has come, the latest last.
    pub nows: Vec<(RangeInclusive<u8>, i64)>,
    /// To be removed from the base before anything is set.
    pub prefixes: Vec<(RangeInclusive<u8>, &'a [u8])>,
    /// By group and key, each key once.
    pub entries: Vec<Change<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub group: u8,
    pub key: &'a [u8],
    /// The value and when it expires; `None` if the key was removed.
    pub value: Option<(&'a [u8], i64)>,
    /// Which section of the step it is from.
    order: u32,
}

impl<'a> Merged<'a> {
    /// Collapses the bytes of segments, which are in the order of their epochs.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not those of changes.
    pub fn new(segments: impl Iterator<Item = &'a [u8]>) -> Result<Self> {
        let mut merged = Self::default();
        let mut orders: HashMap<&str, Prefixes> = HashMap::new();
        for bytes in segments {
            for section in Section::all(bytes) {
                let section = section?;
                let prefixes = orders.entry(section.step).or_default();
                merged.steps.entry(section.step).or_default().add(&section, prefixes)?;
            }
        }
        for (step, changes) in &mut merged.steps {
            changes.collapse(&orders[step]);
        }
        Ok(merged)
    }
}

impl<'a> StepChanges<'a> {
    fn add(&mut self, section: &Section<'a>, prefixes: &mut Prefixes<'a>) -> Result<()> {
        self.nows.extend(section.nows());
        let order = prefixes.sections;
        prefixes.sections += 1;
        for record in section.records() {
            let (key, value) = match record? {
                Record::Put { key, value, expires } => (key, Some((value, expires))),
                Record::Remove(key) => (key, None),
                Record::RemovePrefix(prefix) => {
                    self.prefixes.push((section.groups.clone(), prefix));
                    prefixes.add(prefix, section.groups.clone(), order);
                    continue;
                }
            };
            self.entries.push(Change { group: key.group, key: key.bytes, value, order });
        }
        Ok(())
    }

    /// Drops what was changed again, or removed with a prefix, in a later epoch.
    fn collapse(&mut self, prefixes: &Prefixes) {
        // Stable: of a key's changes the last stays the last.
        self.entries.sort_by(|a, b| (a.group, a.key).cmp(&(b.group, b.key)));
        self.entries.reverse();
        self.entries
            .dedup_by(|earlier, later| (earlier.group, earlier.key) == (later.group, later.key));
        self.entries.reverse();
        if prefixes.sections_of.is_empty() {
            return;
        }
        self.entries.retain(|change| !prefixes.cover(change));
    }
}

/// Which prefixes were removed, in which sections of a step.
#[derive(Debug, Default)]
struct Prefixes<'a> {
    sections: u32,
    sections_of: HashMap<&'a [u8], Vec<(RangeInclusive<u8>, u32)>>,
    lengths: Vec<usize>,
}

impl<'a> Prefixes<'a> {
    fn add(&mut self, prefix: &'a [u8], groups: RangeInclusive<u8>, order: u32) {
        if !self.lengths.contains(&prefix.len()) {
            self.lengths.push(prefix.len());
        }
        self.sections_of.entry(prefix).or_default().push((groups, order));
    }

    /// Whether a later section than the change's own has removed it.
    fn cover(&self, change: &Change) -> bool {
        let prefixes = self.lengths.iter().filter_map(|length| change.key.get(..*length));
        let mut sections = prefixes.filter_map(|prefix| self.sections_of.get(prefix)).flatten();
        sections.any(|(groups, order)| *order > change.order && groups.contains(&change.group))
    }
}
