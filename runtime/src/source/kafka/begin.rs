//! Where a partition is read from, and whether records are gone that should have been read. Pure.

use super::cluster::Bounds;
use crate::config::OnDataLoss;
use crate::source::{Identity, Position};

/// Why what comes next can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Retention, or somebody, has deleted records before they were read.
    Deleted { first: u64 },
    /// The partition ends before: it has lost records, or was made anew.
    Short { end: u64 },
    /// The topic was deleted and made anew under its name.
    Recreated,
    /// There is no such partition any more.
    Vanished,
}

/// Whether reading can go on at `position`. `id`: the topic's, now.
pub fn check(position: &Position, id: Option<Identity>, bounds: Bounds) -> Result<(), Loss> {
    match (position.id, id) {
        (Some(known), Some(id)) if known != id => Err(Loss::Recreated),
        _ if position.offset < bounds.first => Err(Loss::Deleted { first: bounds.first }),
        _ if position.offset > bounds.end => Err(Loss::Short { end: bounds.end }),
        _ => Ok(()),
    }
}

impl Loss {
    /// Where to go on; `None`: not at all.
    pub fn next(self, policy: OnDataLoss, bounds: Bounds) -> Option<u64> {
        match policy {
            OnDataLoss::Stop => None,
            OnDataLoss::Earliest => Some(bounds.first),
            OnDataLoss::Latest => Some(bounds.end),
        }
    }

    /// How many records are gone: those between `offset`, where reading stood, and what is known
    /// to have been there. `end`: the partition's end when it was last seen, if it was.
    pub fn records(self, offset: u64, end: Option<u64>) -> Option<u64> {
        match self {
            Self::Deleted { first } => Some(first.saturating_sub(offset)),
            // What came after was never seen.
            Self::Short { .. } | Self::Recreated | Self::Vanished => {
                end.map(|end| end.saturating_sub(offset))
            }
        }
    }

    /// What has happened to `partition`, of which `offset` was to be read next.
    pub fn text(self, partition: &str, offset: u64) -> String {
        match self {
            Self::Deleted { first } => format!(
                "`{partition}` was to be read on from offset {offset}, but its first record has \
                 offset {first}: up to {} records were deleted before they were read",
                first.saturating_sub(offset)
            ),
            Self::Short { end } => format!(
                "`{partition}` was to be read on from offset {offset}, but it ends at offset \
                 {end}: records were lost, or the topic was made anew"
            ),
            Self::Recreated => format!(
                "the topic of `{partition}` was deleted and made anew: the old one was read up to \
                 offset {offset}, and what came after it is gone"
            ),
            Self::Vanished => format!(
                "`{partition}` is no longer there: it was read up to offset {offset}, and what \
                 came after it is gone"
            ),
        }
    }
}

/// What can be done about a loss.
pub const REMEDIES: &str = "to go on without what is gone, set on_data_loss = \"earliest\" (at the first record that there \
     is) or \"latest\" (at what comes next); to read and compute all anew, set another [checkpoint] \
     path; if the records can be restored, restore them and start again";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every position against every state of the partition: reading goes on where the topic is the
    /// same and the record that comes next is there or still to come, and nowhere else.
    #[test]
    fn reading_goes_on_where_nothing_is_missing() {
        for offset in 0..8 {
            for first in 0..6 {
                for end in first..8 {
                    let bounds = Bounds { first, end };
                    for known in [None, Some(Identity(1)), Some(Identity(2))] {
                        let position = Position { rows: offset, offset, done: false, id: known };
                        let checked = check(&position, Some(Identity(1)), bounds);
                        let same = known != Some(Identity(2));
                        assert_eq!(checked.is_ok(), same && (first..=end).contains(&offset));
                        let Err(loss) = checked else { continue };
                        assert_eq!(loss == Loss::Recreated, !same);
                        assert_eq!(loss.next(OnDataLoss::Stop, bounds), None);
                        assert_eq!(loss.next(OnDataLoss::Earliest, bounds), Some(first));
                        assert_eq!(loss.next(OnDataLoss::Latest, bounds), Some(end));
                    }
                }
            }
        }
    }
}
