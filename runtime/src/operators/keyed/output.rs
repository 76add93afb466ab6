//! What the plugin returned, as batches with their carried-over columns and origins.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat, take};

use super::work::{KeyTable, Work};
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::operator::Outputs;
use crate::plan::{KeyedPlan, PortColumn};
use crate::plugin::PortRows;
use crate::state::RowCodec;

/// Where the rows of a call came from.
pub struct Sources<'a> {
    pub plan: &'a KeyedPlan,
    pub refuser: &'a Refuser,
    pub codec: &'a RowCodec,
    /// The partition of rows that belong to no row of the input.
    pub own: &'a Arc<Partition>,
    pub work: &'a Work,
    /// The rows of the call.
    pub rows: &'a RecordBatch,
    /// Their numbers within the work.
    pub at: &'a [u32],
    /// The keys of the call within the work's.
    pub keys: &'a [u32],
}

impl Sources<'_> {
    /// Emits the rows of a port.
    ///
    /// # Errors
    /// If they can't be put together.
    pub fn emit(&self, returned: PortRows, out: &mut Outputs) -> Result<()> {
        let port = &self.plan.plugin.ports[returned.port];
        let count = self.rows.num_rows();
        let picked = returned.rows.filter(|rows| !is_all(rows, count));
        let has_keys = picked.iter().any(|rows| rows.values().iter().any(|r| *r as usize >= count));
        let mut columns = Vec::with_capacity(port.columns.len());
        let keys = if has_keys { Some(self.key_columns(self.keys)?) } else { None };
        for column in &port.columns {
            columns.push(match column {
                PortColumn::Added(at) => returned.columns[*at].clone(),
                PortColumn::Input(at) => {
                    let carried = match &keys {
                        Some(keys) => concat(&[self.rows.column(*at), &keys[*at]])?,
                        None => self.rows.column(*at).clone(),
                    };
                    match &picked {
                        Some(rows) => take(&carried, rows, None)?,
                        None => carried,
                    }
                }
            });
        }
        let length = picked.as_ref().map_or(count, Array::len);
        let rows = record_batch(port.schema.clone(), columns, length)?;
        let picked = picked.map(|rows| rows.values().to_vec());
        let picked = picked.unwrap_or_else(|| (0..count as u32).collect());
        for (batch, _) in self.by_partition(&rows, &picked)? {
            out.emit(returned.port, batch);
        }
        Ok(())
    }

    /// Emits rows that were refused.
    ///
    /// # Errors
    /// If they can't be written down.
    pub fn refuse(&self, refusals: &[Refusal], out: &mut Outputs) -> Result<()> {
        if refusals.is_empty() {
            return Ok(());
        }
        let picked: Vec<u32> = refusals.iter().map(|refusal| refusal.row).collect();
        let at = UInt32Array::from(picked.clone());
        let rows = arrow::compute::take_record_batch(self.rows, &at)?;
        for (batch, which) in self.by_partition(&rows, &picked)? {
            let renumbered = which.iter().enumerate().map(|(row, which)| {
                let refusal = refusals[*which as usize].clone();
                Refusal { row: row as u32, ..refusal }
            });
            let letters = letters(self.refuser, &batch, &renumbered.collect::<Vec<_>>())?;
            out.emit(self.plan.plugin.errors, letters);
        }
        Ok(())
    }

    /// Emits a key on whose timers the plugin failed: the timers are gone.
    ///
    /// # Errors
    /// If it can't be written down.
    pub fn refuse_key(&self, key: u32, refusal: Refusal, out: &mut Outputs) -> Result<()> {
        let columns = self.key_columns(&[key])?;
        let own: Vec<ArrayRef> = self.plan.key.iter().map(|at| columns[*at].clone()).collect();
        let schema = arrow::datatypes::Schema::new(self.plan.key_fields.clone());
        let rows = record_batch(Arc::new(schema), own, 1)?;
        let batch = Batch::new(rows, Origin::derived(self.own.clone()));
        out.emit(self.plan.plugin.errors, letters(self.refuser, &batch, &[refusal])?);
        Ok(())
    }

    /// The input's columns for keys alone: null but for those of the key.
    fn key_columns(&self, keys: &[u32]) -> Result<Vec<ArrayRef>> {
        let values = key_values(self.codec, &self.work.keys, keys)?;
        let input = self.plan.plugin.input.fields().iter().enumerate();
        Ok(input
            .map(|(at, field)| match self.plan.key.iter().position(|key| *key == at) {
                Some(part) => values[part].clone(),
                None => new_null_array(field.data_type(), keys.len()),
            })
            .collect())
    }

    /// Rows that came from the call's rows `picked`, or from keys, in batches of one partition
    /// each, with their places in `rows`.
    fn by_partition(&self, rows: &RecordBatch, picked: &[u32]) -> Result<Vec<(Batch, Vec<u32>)>> {
        let count = self.rows.num_rows();
        let origin = |row: u32| -> Option<(&Origin, usize)> {
            let at = self.at.get(row as usize).filter(|_| (row as usize) < count)?;
            let (batch, row) = self.work.from[*at as usize];
            Some((&self.work.origins[batch as usize], row as usize))
        };
        let mut parts: Vec<(Option<&Arc<Partition>>, Vec<u32>)> = Vec::new();
        for (place, row) in picked.iter().enumerate() {
            let partition = origin(*row).map(|(origin, _)| &origin.partition);
            let is_same = |known: &Option<&Arc<Partition>>| match (known, partition) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == &b,
                (None, None) => true,
                _ => false,
            };
            match parts.iter_mut().rev().find(|(known, _)| is_same(known)) {
                Some((_, places)) => places.push(place as u32),
                None => parts.push((partition, vec![place as u32])),
            }
        }
        let only = parts.len() == 1;
        let mut batches = Vec::with_capacity(parts.len());
        for (_, places) in parts {
            let origins: Option<Vec<(&Origin, usize)>> =
                places.iter().map(|place| origin(picked[*place as usize])).collect();
            let origin = match origins {
                Some(origins) => Origin::gather(&origins),
                None => Origin::derived(self.own.clone()),
            };
            let part = match only {
                true => rows.clone(),
                false => {
                    arrow::compute::take_record_batch(rows, &UInt32Array::from(places.clone()))?
                }
            };
            batches.push((Batch::new(part, origin), places));
        }
        Ok(batches)
    }
}

/// The columns of keys.
///
/// # Errors
/// If the bytes of a key are damaged.
pub fn key_values(codec: &RowCodec, table: &KeyTable, keys: &[u32]) -> Result<Vec<ArrayRef>> {
    codec.decode(keys.iter().map(|key| table.key(*key).bytes))
}

fn is_all(rows: &UInt32Array, count: usize) -> bool {
    rows.len() == count && rows.values().iter().enumerate().all(|(at, row)| *row as usize == at)
}
