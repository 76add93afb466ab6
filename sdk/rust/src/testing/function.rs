//! Runs functions for SQL natively.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};

use crate::{Aggregate, Errors, Failure, RowError, Scalar, StateColumn, guest};

/// Starts a scalar function with `config` (JSON) and evaluates it for rows of these arguments.
///
/// # Errors
/// What it says against its configuration or arguments, or the failure of the call.
pub fn scalar<T: Scalar>(
    config: &str,
    arguments: &[ArrayRef],
) -> Result<(ArrayRef, Vec<RowError>), Failure> {
    let batch = named(arguments)?;
    let config = guest::config(config).map_err(|e| Failure(e.to_string()))?;
    let (mut function, result) =
        T::start(config, &batch.schema()).map_err(|e| Failure(e.to_string()))?;
    let mut errors = Errors::default();
    let values = function.evaluate(&batch, &mut errors)?;
    check(&values, &result, batch.num_rows())?;
    Ok((values, errors.0))
}

/// Starts an aggregate function with `config` (JSON) and gives the result over all rows of these
/// arguments. It is evaluated in several ways, which must agree: over all rows at once, and with
/// each row in a state of its own, merged from the last to the first.
///
/// # Errors
/// What it says against its configuration or arguments, the failure of a call, or that the ways do
/// not agree.
pub fn aggregate<T: Aggregate>(config: &str, arguments: &[ArrayRef]) -> Result<ArrayRef, Failure> {
    let batch = named(arguments)?;
    let rows = batch.num_rows();
    let config = guest::config(config).map_err(|e| Failure(e.to_string()))?;
    let (mut function, result) =
        T::start(config, &batch.schema()).map_err(|e| Failure(e.to_string()))?;
    let mut whole = vec![T::State::default()];
    function.update(&mut whole, &vec![0; rows], &batch)?;
    let whole = function.evaluate(crossed::<T>(&whole)?)?;
    check(&whole, &result, 1)?;
    let mut apart: Vec<T::State> = (0..rows).map(|_| T::State::default()).collect();
    function.update(&mut apart, &(0..rows as u32).collect::<Vec<_>>(), &batch)?;
    let mut merged = T::State::default();
    for state in crossed::<T>(&apart)?.into_iter().rev() {
        function.merge(&mut merged, state)?;
    }
    let merged = function.evaluate(vec![merged])?;
    if *whole != *merged {
        let text = format!("all rows at once give {whole:?}, merged one by one {merged:?}");
        return Err(Failure(text));
    }
    Ok(whole)
}

/// States as they come back from the host.
fn crossed<T: Aggregate>(states: &[T::State]) -> Result<Vec<T::State>, Failure> {
    let mut column = StateColumn::default();
    states.iter().try_for_each(|state| column.push(Some(state)))?;
    let states = StateColumn::decode_all::<T::State>(&column.finish())?;
    Ok(states.into_iter().flatten().collect())
}

fn named(arguments: &[ArrayRef]) -> Result<RecordBatch, Failure> {
    let field = |(at, column): (usize, &ArrayRef)| {
        Field::new(format!("a{at}"), column.data_type().clone(), true)
    };
    let fields: Vec<Field> = arguments.iter().enumerate().map(field).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arguments.to_vec())?)
}

fn check(values: &ArrayRef, result: &Field, rows: usize) -> Result<(), Failure> {
    if values.data_type() != result.data_type() || values.len() != rows {
        let (is, length) = (values.data_type(), values.len());
        let wanted = result.data_type();
        return Err(Failure(format!(
            "returned {length} values of {is} where {rows} of {wanted} belong"
        )));
    }
    Ok(())
}
