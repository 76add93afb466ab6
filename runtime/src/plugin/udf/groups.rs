//! The states of the groups of an aggregate function.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::super::function::{evaluate_aggregate, merge, update};
use super::{Described, PluginFunction};
use crate::config::BATCH_ROWS_MAX;

/// The groups' states, as the plugin wrote them.
#[derive(Debug)]
pub struct PluginGroups {
    function: Arc<PluginFunction>,
    types: Vec<DataType>,
    described: Described,
    states: Vec<Option<Vec<u8>>>,
    /// For each group its number within the call that runs, if it has one.
    numbers: Vec<u32>,
    bytes: usize,
}

const NO_NUMBER: u32 = u32::MAX;

impl PluginGroups {
    pub fn new(function: Arc<PluginFunction>, types: Vec<DataType>) -> Result<Self> {
        let described = function.describe(&types)?;
        let (states, numbers) = (Vec::new(), Vec::new());
        Ok(Self { function, types, described, states, numbers, bytes: 0 })
    }

    /// There are at least so many groups.
    pub fn reserve(&mut self, groups: usize) {
        if self.states.len() < groups {
            self.states.resize(groups, None);
            self.numbers.resize(groups, NO_NUMBER);
        }
    }

    /// Numbers the groups of some rows in the order in which they are seen: the groups, and the
    /// number of each row's.
    fn number(&mut self, groups: &[usize]) -> (Vec<usize>, Vec<u32>) {
        let mut seen = Vec::new();
        let numbered = groups.iter().map(|group| {
            if self.numbers[*group] == NO_NUMBER {
                self.numbers[*group] = seen.len() as u32;
                seen.push(*group);
            }
            self.numbers[*group]
        });
        let numbered = numbered.collect();
        seen.iter().for_each(|group| self.numbers[*group] = NO_NUMBER);
        (seen, numbered)
    }

    fn states_of(&self, groups: &[usize]) -> BinaryArray {
        groups.iter().map(|group| self.states[*group].as_deref()).collect()
    }

    fn put(&mut self, groups: &[usize], states: &BinaryArray) {
        for (at, group) in groups.iter().enumerate() {
            let new = states.is_valid(at).then(|| states.value(at).to_vec());
            self.bytes += new.as_ref().map_or(0, Vec::len);
            let old = std::mem::replace(&mut self.states[*group], new);
            self.bytes -= old.map_or(0, |old| old.len());
        }
    }

    fn take_states(&mut self, emit_to: EmitTo) -> BinaryArray {
        let states = emit_to.take_needed(&mut self.states);
        self.numbers.truncate(self.states.len());
        let states: BinaryArray = states.iter().map(Option::as_deref).collect();
        self.bytes -= states.value_data().len().min(self.bytes);
        states
    }

    fn update_rows(&mut self, values: &[ArrayRef], groups: &[usize]) -> Result<()> {
        for start in (0..groups.len()).step_by(BATCH_ROWS_MAX) {
            let count = BATCH_ROWS_MAX.min(groups.len() - start);
            let (seen, numbered) = self.number(&groups[start..start + count]);
            let part: Vec<ArrayRef> = values.iter().map(|v| v.slice(start, count)).collect();
            let old = self.states_of(&seen);
            let new = self
                .function
                .call(&self.types, |instance| update(instance, &numbered, &part, old))?;
            self.put(&seen, &new);
        }
        Ok(())
    }
}

impl GroupsAccumulator for PluginGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.reserve(total);
        let Some(filter) = filter else { return self.update_rows(values, groups) };
        let is_kept = |row: &usize| filter.is_valid(*row) && filter.value(*row);
        let kept: Vec<usize> = (0..groups.len()).filter(is_kept).collect();
        let at: UInt32Array = kept.iter().map(|row| *row as u32).collect::<Vec<_>>().into();
        let values = values.iter().map(|values| Ok(take(values, &at, None)?));
        let groups: Vec<usize> = kept.iter().map(|row| groups[*row]).collect();
        self.update_rows(&values.collect::<Result<Vec<_>>>()?, &groups)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.reserve(total);
        let [states] = values else { return exec_err!("an aggregate has one column of states") };
        let Some(states) = states.as_binary_opt::<i32>() else {
            return exec_err!("the states of an aggregate are {}", states.data_type());
        };
        // A call merges one state into each group, so a group that comes twice needs two calls.
        let mut left: Vec<usize> = (0..groups.len()).filter(|row| states.is_valid(*row)).collect();
        while !left.is_empty() {
            let (mut now, mut later) = (Vec::new(), Vec::new());
            for row in left {
                let is_free = self.numbers[groups[row]] == NO_NUMBER && now.len() < BATCH_ROWS_MAX;
                if is_free {
                    self.numbers[groups[row]] = 0;
                    now.push(row);
                } else {
                    later.push(row);
                }
            }
            now.iter().for_each(|row| self.numbers[groups[*row]] = NO_NUMBER);
            let seen: Vec<usize> = now.iter().map(|row| groups[*row]).collect();
            let others: BinaryArray = now.iter().map(|row| Some(states.value(*row))).collect();
            let old = self.states_of(&seen);
            let new = self.function.call(&self.types, |instance| merge(instance, old, others))?;
            self.put(&seen, &new);
            left = later;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = self.take_states(emit_to);
        let mut parts: Vec<ArrayRef> = Vec::new();
        for start in (0..states.len()).step_by(BATCH_ROWS_MAX) {
            let part = states.slice(start, BATCH_ROWS_MAX.min(states.len() - start));
            parts.push(self.function.call(&self.types, |instance| {
                evaluate_aggregate(instance, part, &self.described.result)
            })?);
        }
        match parts.as_slice() {
            [] => Ok(arrow::array::new_empty_array(self.described.result[0].data_type())),
            [only] => Ok(only.clone()),
            _ => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(self.take_states(emit_to))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut apart = Self::new(self.function.clone(), self.types.clone())?;
        let rows = values.first().map_or(0, |values| values.len());
        apart.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        apart.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes + self.states.len() * size_of::<Option<Vec<u8>>>()
    }
}
