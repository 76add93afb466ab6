//! Merging into the base: the only writing of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use redb::{ReadableTable, Table, WriteTransaction};

use super::counts::Counts;
use super::{
    Base, META, STATE, STEPS, StepBase, behind, decode_value, encode_value, savepoints, start,
    whole_key,
};
use crate::database;
use crate::epoch::Epoch;
use crate::error::Result;
use crate::state::key::{KEY_GROUPS, Key, NEVER};
use crate::state::merge::{Change, Merged};

/// For each entry that is merged so many others are looked at whether they have expired.
const SWEPT_PER_ENTRY: usize = 2;
const SWEPT_MIN: usize = 1024;

type StateTable<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// One thing to do to the base.
#[derive(Debug, Clone, Copy)]
enum Work<'a> {
    RemovePrefix { step: &'a str, group: u8, prefix: &'a [u8] },
    Change { step: &'a str, change: &'a Change<'a> },
}

impl Base {
    /// Does what `merged` tells, which brings the base from what it has to the epoch `to`, in
    /// transactions that change `entries_max` entries at most. Between them it holds a part of what is to come, which does
    /// no harm as long as the changes are read before the base. Afterwards one can still go back to
    /// `oldest`, and to what came after it. Returns whether it got to the end before `stop`.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`: nothing but what was committed before is in the base.
    pub fn merge(
        &self,
        merged: &Merged,
        to: Epoch,
        oldest: Epoch,
        entries_max: usize,
        stop: &AtomicBool,
    ) -> Result<bool> {
        let mut published = self.published().clone();
        prepare(merged, &mut published.steps);
        let mut is_first = true;
        let mut work = merged.steps.iter().flat_map(|(step, changes)| {
            let prefixes = changes.prefixes.iter().flat_map(|(groups, prefix)| {
                groups.clone().map(|group| Work::RemovePrefix { step, group, prefix })
            });
            prefixes.chain(changes.entries.iter().map(|change| Work::Change { step, change }))
        });
        let mut done = 0;
        let mut unfinished = None;
        loop {
            let transaction = self.begin()?;
            if std::mem::take(&mut is_first) {
                let (known, merged) = (&published.savepoints, published.merged);
                let kept = savepoints::keep(&transaction, known, merged, to, oldest);
                published.savepoints = kept.map_err(|e| self.broken(e))?;
            }
            let steps = &mut published.steps;
            let mut writer = Writer { steps, left: entries_max };
            let is_last = writer
                .write(&transaction, &mut work, &mut unfinished)
                .map_err(|e| self.broken(e))?;
            done += entries_max - writer.left;
            writer.left = SWEPT_MIN + SWEPT_PER_ENTRY * done;
            let mut end = || {
                if is_last {
                    let mut at = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
                    writer.sweep(&transaction, &mut at)?;
                }
                write_steps(&transaction, writer.steps)?;
                write_epoch(&transaction, to, is_last)
            };
            end().map_err(|e| self.broken(e))?;
            transaction.commit().map_err(|e| self.broken(e))?;
            published.reached = to;
            if is_last {
                published.merged = to;
            }
            self.publish(published.clone());
            if is_last || stop.load(Ordering::Acquire) {
                return Ok(is_last);
            }
        }
    }

    fn begin(&self) -> Result<WriteTransaction> {
        let mut transaction = self.database.begin_write().map_err(|e| self.broken(e))?;
        // Without it, an opening after a crash would read the whole file.
        transaction.set_quick_repair(true);
        Ok(transaction)
    }
}

/// Knows the steps of `merged` and how far their time has come.
fn prepare(merged: &Merged, steps: &mut BTreeMap<String, Arc<StepBase>>) {
    for (name, changes) in &merged.steps {
        let next_id = steps.values().map(|step| step.id + 1).max().unwrap_or(0);
        let step = steps.entry((*name).to_owned()).or_insert_with(|| {
            Arc::new(StepBase {
                id: next_id,
                expiring: false,
                nows: vec![i64::MIN; KEY_GROUPS],
                counts: Counts::default(),
            })
        });
        let step = Arc::make_mut(step);
        for (groups, now) in &changes.nows {
            for group in groups.clone() {
                let seen = &mut step.nows[usize::from(group)];
                *seen = (*seen).max(*now);
            }
        }
    }
}

fn write_steps(
    transaction: &WriteTransaction,
    steps: &BTreeMap<String, Arc<StepBase>>,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(STEPS)?;
    for (name, step) in steps {
        table.insert(name.as_str(), database::to_json(&**step)?.as_str())?;
    }
    Ok(())
}

/// Notes how far the base has come.
fn write_epoch(
    transaction: &WriteTransaction,
    to: Epoch,
    is_last: bool,
) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    if is_last {
        meta.insert("merged", to.0)?;
        meta.remove("merging")?;
    } else {
        meta.insert("merging", to.0)?;
    }
    Ok(())
}

/// What happens within one transaction.
struct Writer<'a> {
    steps: &'a mut BTreeMap<String, Arc<StepBase>>,
    /// How many entries may still be changed.
    left: usize,
}

impl Writer<'_> {
    /// Does as much as one transaction may; what was begun and not ended is left in `unfinished`.
    /// Returns whether there is no more.
    fn write<'w>(
        &mut self,
        transaction: &WriteTransaction,
        work: &mut impl Iterator<Item = Work<'w>>,
        unfinished: &mut Option<Work<'w>>,
    ) -> Result<bool, redb::Error> {
        let mut table = transaction.open_table(STATE)?;
        while self.left > 0 {
            let Some(next) = unfinished.take().or_else(|| work.next()) else { return Ok(true) };
            let is_done = match &next {
                Work::RemovePrefix { step, group, prefix } => {
                    self.remove_prefix(&mut table, step, *group, prefix)?
                }
                Work::Change { step, change } => {
                    self.change(&mut table, step, change)?;
                    true
                }
            };
            if !is_done {
                *unfinished = Some(next);
            }
        }
        Ok(false)
    }

    /// Returns whether it was done to the end.
    fn remove_prefix(
        &mut self,
        table: &mut StateTable,
        step: &str,
        group: u8,
        prefix: &[u8],
    ) -> Result<bool, redb::Error> {
        let Some(step) = self.steps.get_mut(step).map(Arc::make_mut) else { return Ok(true) };
        if !step.counts.may_hold_prefix(prefix) {
            return Ok(true);
        }
        let mut first = start(step.id, group);
        let key_at = first.len();
        first.extend_from_slice(prefix);
        let last = behind(first.clone()).unwrap_or_default();
        let mut removed = table.extract_from_if(&*first..&*last, |_, _| true)?;
        let mut is_done = false;
        while self.left > 0 && !is_done {
            match removed.next() {
                Some(entry) => {
                    step.counts.remove(&entry?.0.value()[key_at..]);
                    self.left -= 1;
                }
                None => is_done = true,
            }
        }
        removed.close()?;
        Ok(is_done)
    }

    fn change(
        &mut self,
        table: &mut StateTable,
        step: &str,
        change: &Change,
    ) -> Result<(), redb::Error> {
        let Some(step) = self.steps.get_mut(step).map(Arc::make_mut) else { return Ok(()) };
        let mut key = Vec::with_capacity(change.key.len() + 8);
        whole_key(step.id, Key { group: change.group, bytes: change.key }, &mut key);
        let now = step.nows[usize::from(change.group)];
        self.left -= 1;
        match change.value {
            Some((value, expires)) if expires > now => {
                step.expiring |= expires != NEVER;
                let mut stored = Vec::with_capacity(value.len() + 16);
                encode_value(&key, value, expires, &mut stored);
                if table.insert(&*key, &*stored)?.is_none() {
                    step.counts.add(change.key);
                }
            }
            _ if !step.counts.may_hold(change.key) => {}
            _ => {
                if table.remove(&*key)?.is_some() {
                    step.counts.remove(change.key);
                }
            }
        }
        Ok(())
    }

    /// Looks at the next entries of a step whose entries expire, from `at` on, and removes those
    /// that have.
    fn sweep(
        &mut self,
        transaction: &WriteTransaction,
        at: &mut Vec<u8>,
    ) -> Result<(), redb::Error> {
        let mut table = transaction.open_table(STATE)?;
        let expiring = self.steps.values_mut().filter(|step| step.expiring);
        let mut expiring: Vec<&mut StepBase> = expiring.map(Arc::make_mut).collect();
        expiring.sort_by_key(|step| step.id);
        let end = |step: &StepBase| (step.id + 1).to_be_bytes();
        let next = expiring.iter().position(|step| end(step)[..] > at[..]).unwrap_or(0);
        let Some(step) = expiring.get_mut(next) else { return Ok(()) };
        let end = end(step);
        let start = step.id.to_be_bytes();
        let first = if (&start[..]..&end[..]).contains(&&at[..]) { &at[..] } else { &start[..] };
        let mut expired = Vec::new();
        let mut next = end.to_vec();
        for entry in table.range(first..&end[..])? {
            let (key, stored) = entry?;
            let key = key.value();
            if self.left == 0 {
                next = key.to_vec();
                break;
            }
            self.left -= 1;
            // A damaged entry stays, and is reported when it is read.
            let value = decode_value(key, stored.value());
            if value.is_some_and(|(_, expires)| expires <= step.nows[usize::from(key[4])]) {
                expired.push(key.to_vec());
            }
        }
        for key in expired {
            table.remove(&*key)?;
            step.counts.remove(&key[5..]);
        }
        *at = next;
        Ok(())
    }
}
