//! What a step's expressions give for a batch; rows on which they fail are set apart.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};

use super::groups::{Evaluated, canonical_key};
use crate::batch::Batch;
use crate::codec::isolate;
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::Outputs;
use crate::operators::project::evaluate;
use crate::plan::{WindowKind, WindowPlan};

/// A batch with what a step needs of it. All rows have a time.
pub(super) struct Input {
    pub batch: Batch,
    pub times: Times,
    pub rows: Evaluated,
}

/// When the rows were.
#[derive(Clone)]
pub(super) enum Times {
    /// There is no window.
    None,
    At(ScalarBuffer<i64>),
    /// The session that each row would be alone.
    Spans {
        starts: ScalarBuffer<i64>,
        ends: ScalarBuffer<i64>,
    },
}

/// Evaluates the step's expressions. Rows on which one fails, or that have no time, go to `errors`.
///
/// # Errors
/// If the refused rows can't be written down.
pub(super) fn read(
    plan: &WindowPlan,
    batch: Batch,
    refuser: &Refuser,
    errors: usize,
    out: &mut Outputs,
) -> Result<Option<Input>> {
    match evaluated(plan, &batch) {
        Ok((rows, times, None)) => return Ok(Some(Input { batch, times, rows })),
        // No row is to blame.
        Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let part = |range: std::ops::Range<usize>| {
        let (_, _, missing) = evaluated(plan, &batch.slice(range.start, range.len()))?;
        match missing {
            Some(_) if range.len() > 1 => Err(Error::internal("a row has no time")),
            missing => Ok(missing.is_some()),
        }
    };
    let (done, refused) = isolate(batch.len(), part);
    let mut refusals: Vec<Refusal> = refused
        .into_iter()
        .map(|(row, error)| Refusal::new(row, "sql_error", error.to_string()))
        .collect();
    let untimed = done.iter().filter(|(_, untimed)| *untimed);
    refusals.extend(untimed.map(|(range, _)| {
        Refusal::new(range.start, "no_event_time", "the row's event time is null")
    }));
    refusals.sort_by_key(|refusal| refusal.row);
    out.emit(errors, letters(refuser, &batch, &refusals)?);
    let good = done.iter().filter(|(_, untimed)| !untimed);
    let good: UInt32Array =
        good.flat_map(|(range, _)| range.clone()).map(|row| row as u32).collect();
    if good.is_empty() {
        return Ok(None);
    }
    let batch = batch.take(&good)?;
    let (rows, times, _) = evaluated(plan, &batch)?;
    Ok(Some(Input { batch, times, rows }))
}

/// What the expressions give, and whether a row has no time.
type Read = (Evaluated, Times, Option<()>);

fn evaluated(plan: &WindowPlan, batch: &Batch) -> Result<Read> {
    let rows = batch.len();
    let keys = evaluate(&plan.keys, &batch.rows)?;
    let keys = keys.into_iter().map(canonical_key).collect();
    let mut arguments = Vec::with_capacity(plan.aggregates.len());
    for aggregate in &plan.aggregates {
        let mut exprs = aggregate.expr.expressions();
        exprs.extend(aggregate.expr.order_bys().iter().map(|by| by.expr.clone()));
        let values = evaluate(&exprs, &batch.rows)?;
        let filter = match &aggregate.filter {
            Some(filter) => {
                Some(filter.evaluate(&batch.rows)?.into_array(rows)?.as_boolean().clone())
            }
            None => None,
        };
        arguments.push((values, filter));
    }
    let (times, missing) = match &plan.window {
        None => (Times::None, None),
        Some(window) => {
            let time = window.time.evaluate(&batch.rows)?.into_array(rows)?;
            let missing = (time.logical_null_count() > 0).then_some(());
            (times_of(window.kind, &time)?, missing)
        }
    };
    Ok((Evaluated { keys, arguments, rows }, times, missing))
}

fn times_of(kind: WindowKind, time: &ArrayRef) -> Result<Times> {
    Ok(match kind {
        WindowKind::Session => {
            let spans = time.as_struct();
            let values = |at| micros(spans.column(at));
            Times::Spans { starts: values(0)?, ends: values(1)? }
        }
        WindowKind::Tumble { .. } | WindowKind::Hop { .. } | WindowKind::Instant => {
            Times::At(micros(time)?)
        }
    })
}

/// The values of a column of timestamps, in microseconds.
///
/// # Errors
/// If it is of another type.
pub(in crate::operators) fn micros(time: &ArrayRef) -> Result<ScalarBuffer<i64>> {
    let time = match time.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => time.clone(),
        DataType::Timestamp(_, zone) => {
            cast(time, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?
        }
        other => return Err(Error::internal(format!("event time of the type {other}"))),
    };
    Ok(time.as_primitive::<TimestampMicrosecondType>().values().clone())
}

impl Evaluated {
    /// The rows whose numbers are in `rows`.
    ///
    /// # Errors
    /// If a number is beyond the rows.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        self.each(rows.len(), |column| Ok(take(column, rows, None)?))
    }

    pub fn slice(&self, from: usize, rows: usize) -> Result<Self> {
        self.each(rows, |column| Ok(column.slice(from, rows)))
    }

    fn each(&self, rows: usize, pick: impl Fn(&dyn Array) -> Result<ArrayRef>) -> Result<Self> {
        let all = |columns: &[ArrayRef]| {
            columns.iter().map(|column| pick(column.as_ref())).collect::<Result<Vec<_>>>()
        };
        let arguments = self.arguments.iter().map(|(values, filter)| {
            let filter = match filter {
                Some(filter) => Some(pick(filter)?.as_boolean().clone()),
                None => None,
            };
            Ok::<(Vec<ArrayRef>, Option<BooleanArray>), Error>((all(values)?, filter))
        });
        Ok(Self { keys: all(&self.keys)?, arguments: arguments.collect::<Result<_>>()?, rows })
    }
}
