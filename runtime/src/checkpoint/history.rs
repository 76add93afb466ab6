//! What one epoch has changed in a checkpoint, so that it can be taken back.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::commit::{
    CLOCKS, Clock, Commit, HISTORY, META, POSITIONS, SEGMENTS, STAGED, SWAPS, WATERMARKS,
};
use crate::database::{json, to_json};
use crate::epoch::Epoch;
use crate::plan::Shapes;
use crate::sink::Staged;
use crate::source::Position;
use crate::swap::{Deployed, Outcome, SwapEnd, SwapRecord};

/// An epoch that was committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Milliseconds since 1970.
    pub committed_ms: i64,
    pub outputs: Vec<Output>,
    /// The digests of the plugins that made it.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    undo: Undo,
}

/// A file of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub sink: String,
    pub name: String,
    pub rows: u64,
}

/// What was there before the epoch; `None` for nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Undo {
    positions: Vec<(String, String, Option<Position>)>,
    clocks: Vec<Clock>,
    watermarks: Vec<(String, Option<i64>)>,
    /// Only if they have changed.
    shapes: Option<Shapes>,
    /// Only if it has changed.
    #[serde(default)]
    deployed: Option<Deployed>,
}

/// Writes the record of an epoch, before anything else of its commit, and forgets the records of
/// those that are too old.
pub(super) fn note(
    transaction: &WriteTransaction,
    commit: &Commit,
    committed_ms: i64,
) -> Result<(), redb::Error> {
    let output = |staged: &Staged| {
        let (sink, name) = (staged.sink().to_owned(), staged.name().into_owned());
        Output { sink, name, rows: staged.rows() }
    };
    let record = EpochRecord {
        committed_ms,
        outputs: commit.staged.iter().map(output).collect(),
        digests: commit.digests.clone(),
        undo: undo(transaction, commit)?,
    };
    let mut history = transaction.open_table(HISTORY)?;
    history.insert(commit.epoch.0, to_json(&record)?.as_str())?;
    let epochs = history.iter()?.map(|entry| Ok(entry?.0.value()));
    let epochs = epochs.collect::<Result<Vec<u64>, redb::Error>>()?;
    let old = epochs.len().saturating_sub(commit.keep + 1);
    for epoch in &epochs[..old] {
        history.remove(epoch)?;
    }
    Ok(())
}

fn undo(transaction: &WriteTransaction, commit: &Commit) -> Result<Undo, redb::Error> {
    let mut undo = Undo::default();
    let positions = transaction.open_table(POSITIONS)?;
    for (source, partition, _) in &commit.positions {
        let before = positions.get((source.as_str(), partition.as_str()))?;
        let before = before.map(|text| json(text.value())).transpose()?;
        undo.positions.push((source.clone(), partition.clone(), before));
    }
    let clocks = transaction.open_table(CLOCKS)?;
    for clock in &commit.clocks {
        let key = (clock.step.as_str(), clock.source.as_str(), clock.partition.as_str());
        let seen = clocks.get(key)?.map(|seen| seen.value());
        undo.clocks.push(Clock { seen, ..clock.clone() });
    }
    let watermarks = transaction.open_table(WATERMARKS)?;
    for (step, _) in &commit.watermarks {
        let before = watermarks.get(step.as_str())?.map(|watermark| watermark.value());
        undo.watermarks.push((step.clone(), before));
    }
    let meta = transaction.open_table(META)?;
    let shapes = meta.get("shapes")?.map(|text| json::<Shapes>(text.value())).transpose()?;
    undo.shapes = Some(shapes.unwrap_or_default()).filter(|before| *before != commit.shapes);
    let deployed = meta.get("deployed")?.map(|text| json::<Deployed>(text.value())).transpose()?;
    undo.deployed = Some(deployed.unwrap_or_default()).filter(|before| *before != commit.deployed);
    Ok(undo)
}

/// Makes the checkpoint what it was after `to`, one of the epochs in its history.
pub(super) fn rewind(transaction: &WriteTransaction, to: Epoch) -> Result<(), redb::Error> {
    let mut history = transaction.open_table(HISTORY)?;
    let mut later: BTreeMap<u64, EpochRecord> = BTreeMap::new();
    for entry in history.range(to.0 + 1..)? {
        let (epoch, record) = entry?;
        later.insert(epoch.value(), json(record.value())?);
    }
    for (_, record) in later.into_iter().rev() {
        take_back(transaction, record.undo)?;
    }
    history.retain_in(to.0 + 1.., |_, _| false)?;
    for table in [SEGMENTS, STAGED] {
        let mut table: Table<(u64, u32), &str> = transaction.open_table(table)?;
        table.retain_in((to.0 + 1, 0).., |_, _| false)?;
    }
    transaction.open_table(META)?.insert("state_epoch", to.0.to_string().as_str())?;
    forget_swaps(transaction, to)
}

/// Swaps after `to` are no longer in force; the history keeps them.
fn forget_swaps(transaction: &WriteTransaction, to: Epoch) -> Result<(), redb::Error> {
    let mut swaps = transaction.open_table(SWAPS)?;
    let mut undone: Vec<SwapRecord> = Vec::new();
    for entry in swaps.iter()? {
        let record: SwapRecord = json(entry?.1.value())?;
        undone.extend((record.epoch > to.0).then_some(record));
    }
    for mut record in undone {
        record.outcome = Outcome::Superseded;
        let reason = format!("the checkpoint went back to epoch {to}");
        let (epoch, at_ms, by) = (to.0, record.at_ms, "millrace".to_owned());
        record.end.get_or_insert(SwapEnd { epoch, at_ms, by, reason, report: None });
        swaps.insert(record.id, to_json(&record)?.as_str())?;
    }
    Ok(())
}

fn take_back(transaction: &WriteTransaction, undo: Undo) -> Result<(), redb::Error> {
    let mut positions = transaction.open_table(POSITIONS)?;
    for (source, partition, before) in undo.positions {
        let key = (source.as_str(), partition.as_str());
        match before {
            Some(before) => positions.insert(key, to_json(&before)?.as_str())?,
            None => positions.remove(key)?,
        };
    }
    let mut clocks = transaction.open_table(CLOCKS)?;
    for Clock { step, source, partition, seen } in undo.clocks {
        let key = (step.as_str(), source.as_str(), partition.as_str());
        match seen {
            Some(seen) => clocks.insert(key, seen)?,
            None => clocks.remove(key)?,
        };
    }
    let mut watermarks = transaction.open_table(WATERMARKS)?;
    for (step, before) in undo.watermarks {
        match before {
            Some(before) => watermarks.insert(step.as_str(), before)?,
            None => watermarks.remove(step.as_str())?,
        };
    }
    if let Some(shapes) = undo.shapes {
        transaction.open_table(META)?.insert("shapes", to_json(&shapes)?.as_str())?;
    }
    if let Some(deployed) = undo.deployed {
        transaction.open_table(META)?.insert("deployed", to_json(&deployed)?.as_str())?;
    }
    Ok(())
}
