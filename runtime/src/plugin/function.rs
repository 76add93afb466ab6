//! Calls of functions for SQL: arguments and states to the guest and back, checked.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::Fields;

use super::bindings::millrace::plugin::types as wit;
use super::boundary::{Flat, check_errors, from_flat};
use super::instance::{CallFailure, Instance, said};
use super::keyed::states;
use crate::dead_letter::Refusal;
use crate::error::Result;

/// What a scalar function returned for a batch: the values, and the rows that have none.
pub type Evaluated = (ArrayRef, Vec<Refusal>);

/// Evaluates a scalar function for `rows` rows, at most as many as may cross. `result` is the one
/// field of its result.
///
/// # Errors
/// The outer one if a column can't cross, which planning rules out; the inner one is why the call
/// came to nothing. So in all functions here.
pub fn evaluate_scalar(
    instance: &mut Instance,
    arguments: &[ArrayRef],
    rows: usize,
    result: &Fields,
) -> Result<Result<Evaluated, CallFailure>> {
    let flat = Flat::of(arguments)?;
    let flat = flat.parts();
    let batch = wit::Batch { rows: rows as u32, columns: flat.param() };
    let returned = instance.evaluate_scalar(batch).and_then(said);
    Ok(instance.settle(returned.and_then(|returned| {
        let values = from_flat(returned.values, result, rows).map_err(CallFailure::lie)?;
        let errors = check_errors(returned.errors, &[], rows, 0).map_err(CallFailure::lie)?;
        Ok((values[0].clone(), errors))
    })))
}

/// Adds rows to states: `groups` has for each row the number of its state.
///
/// # Errors
/// As [`evaluate_scalar`].
pub fn update(
    instance: &mut Instance,
    groups: &[u32],
    arguments: &[ArrayRef],
    old: BinaryArray,
) -> Result<Result<BinaryArray, CallFailure>> {
    let count = old.len();
    let (flat, old) = (Flat::of(arguments)?, one(old)?);
    let (flat, old) = (flat.parts(), old.parts());
    let batch = wit::Batch { rows: groups.len() as u32, columns: flat.param() };
    let returned = instance.update(groups, batch, old.param()).and_then(said);
    Ok(instance.settle(returned.and_then(|columns| {
        let new = states(columns, count).map_err(CallFailure::lie)?;
        match new.null_count() {
            0 => Ok(new),
            n => Err(CallFailure::lie(format!("{n} states are null after an update"))),
        }
    })))
}

/// Adds states to states.
///
/// # Errors
/// As [`evaluate_scalar`].
pub fn merge(
    instance: &mut Instance,
    old: BinaryArray,
    others: BinaryArray,
) -> Result<Result<BinaryArray, CallFailure>> {
    let count = old.len();
    let (old, others) = (one(old)?, one(others)?);
    let (old, others) = (old.parts(), others.parts());
    let returned = instance.merge(old.param(), others.param()).and_then(said);
    let checked = returned.and_then(|columns| states(columns, count).map_err(CallFailure::lie));
    Ok(instance.settle(checked))
}

/// The results of states. `result` is the one field of the result.
///
/// # Errors
/// As [`evaluate_scalar`].
pub fn evaluate_aggregate(
    instance: &mut Instance,
    old: BinaryArray,
    result: &Fields,
) -> Result<Result<ArrayRef, CallFailure>> {
    let count = old.len();
    let old = one(old)?;
    let returned = instance.evaluate_aggregate(old.parts().param()).and_then(said);
    Ok(instance.settle(returned.and_then(|columns| {
        let columns = from_flat(columns, result, count).map_err(CallFailure::lie)?;
        Ok(columns[0].clone())
    })))
}

fn one(states: BinaryArray) -> Result<Flat> {
    Flat::of(&[Arc::new(states) as ArrayRef])
}
