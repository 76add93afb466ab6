//! An [`Aggregate`] or a [`Scalar`] as a component.

use std::sync::Arc;

use arrow_schema::Schema;

use super::cross;
use crate::bindings::aggregate::exports::millrace::plugin::aggregator;
use crate::bindings::millrace::plugin::types as wit;
use crate::bindings::scalar::exports::millrace::plugin::scalar_function;
use crate::{Aggregate, Errors, Scalar, StateColumn};

/// A started function with what it needs to read its arguments.
pub struct AggregateInstance<T> {
    function: T,
    arguments: Arc<Schema>,
}

pub fn start_aggregate<T: Aggregate>(
    config: &str,
    arguments: Vec<wit::Field>,
) -> Result<(AggregateInstance<T>, aggregator::AggregateDescription), Vec<wit::ConfigError>> {
    cross::report_panics();
    let arguments = cross::schema(arguments)?;
    let config = super::config(config).map_err(cross::config_errors)?;
    let (function, result) = T::start(config, &arguments).map_err(cross::config_errors)?;
    let described = aggregator::AggregateDescription {
        result: cross::result(&result)?,
        state_version: T::STATE_VERSION,
    };
    Ok((AggregateInstance { function, arguments: Arc::new(arguments) }, described))
}

pub fn update<T: Aggregate>(
    instance: &mut AggregateInstance<T>,
    groups: &[u32],
    rows: wit::Batch,
    states: wit::Columns,
) -> Result<wit::Columns, String> {
    let rows = cross::batch(&instance.arguments, rows.columns, rows.rows as usize)?;
    let mut states =
        read::<T>(states)?.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
    instance.function.update(&mut states, groups, &rows).map_err(cross::failed)?;
    write::<T>(states.iter().map(Some))
}

pub fn merge<T: Aggregate>(
    instance: &mut AggregateInstance<T>,
    states: wit::Columns,
    others: wit::Columns,
) -> Result<wit::Columns, String> {
    let mut states = read::<T>(states)?;
    for (state, other) in states.iter_mut().zip(read::<T>(others)?) {
        let Some(other) = other else { continue };
        match state {
            Some(state) => instance.function.merge(state, other).map_err(cross::failed)?,
            None => *state = Some(other),
        }
    }
    write::<T>(states.iter().map(Option::as_ref))
}

pub fn evaluate_aggregate<T: Aggregate>(
    instance: &mut AggregateInstance<T>,
    states: wit::Columns,
) -> Result<wit::Columns, String> {
    let states = read::<T>(states)?.into_iter().map(Option::unwrap_or_default).collect();
    let values = instance.function.evaluate(states).map_err(cross::failed)?;
    cross::columns(&[values])
}

fn read<T: Aggregate>(states: wit::Columns) -> Result<Vec<Option<T::State>>, String> {
    let count = cross::length(&states);
    StateColumn::decode_all(&cross::states(states, count)?).map_err(cross::failed)
}

fn write<'a, T: Aggregate>(
    states: impl Iterator<Item = Option<&'a T::State>>,
) -> Result<wit::Columns, String> {
    let mut column = StateColumn::default();
    for state in states {
        column.push(state).map_err(cross::failed)?;
    }
    cross::columns(&[column.into_column()])
}

/// A started function with what it needs to read its arguments.
pub struct ScalarInstance<T> {
    function: T,
    arguments: Arc<Schema>,
}

pub fn start_scalar<T: Scalar>(
    config: &str,
    arguments: Vec<wit::Field>,
) -> Result<(ScalarInstance<T>, Vec<wit::Field>), Vec<wit::ConfigError>> {
    cross::report_panics();
    let arguments = cross::schema(arguments)?;
    let config = super::config(config).map_err(cross::config_errors)?;
    let (function, result) = T::start(config, &arguments).map_err(cross::config_errors)?;
    let result = cross::result(&result)?;
    Ok((ScalarInstance { function, arguments: Arc::new(arguments) }, result))
}

pub fn evaluate_scalar<T: Scalar>(
    instance: &mut ScalarInstance<T>,
    arguments: wit::Batch,
) -> Result<scalar_function::Evaluated, String> {
    let rows = cross::batch(&instance.arguments, arguments.columns, arguments.rows as usize)?;
    let mut errors = Errors::default();
    let values = instance.function.evaluate(&rows, &mut errors).map_err(cross::failed)?;
    Ok(scalar_function::Evaluated {
        values: cross::columns(&[values])?,
        errors: cross::row_errors(errors.0),
    })
}
