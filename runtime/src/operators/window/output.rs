//! Results as rows of the step.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};

use super::MAIN;
use super::groups::Results;
use crate::batch::{Batch, Origin, Partition, record_batch};
use crate::error::{Error, Result};
use crate::operator::Outputs;
use crate::plan::{OutputColumn, WindowPlan};
use crate::sql::windows;

pub(super) struct Output {
    columns: Vec<OutputColumn>,
    schema: SchemaRef,
    origin: Origin,
}

/// The windows of results: one for all, or one for each.
pub(super) enum Spans {
    None,
    All(i64, i64),
    Each(Vec<i64>, Vec<i64>),
}

impl Output {
    pub fn new(plan: &WindowPlan, partition: Arc<Partition>) -> Self {
        Self {
            columns: plan.columns.clone(),
            schema: plan.schema.clone(),
            origin: Origin::derived(partition),
        }
    }

    /// Sends results on.
    ///
    /// # Errors
    /// If they are not what was planned.
    pub fn emit(&self, results: Results, spans: Spans, out: &mut Outputs) -> Result<()> {
        if results.rows == 0 {
            return Ok(());
        }
        let (starts, ends) = match spans {
            Spans::None => (Vec::new(), Vec::new()),
            Spans::All(start, end) => (vec![start; results.rows], vec![end; results.rows]),
            Spans::Each(starts, ends) => (starts, ends),
        };
        let mut window = Some((starts, ends));
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(column, field)| {
            let column = match column {
                OutputColumn::Key(at) => results.keys[*at].clone(),
                OutputColumn::Aggregate(at) => results.values[*at].clone(),
                OutputColumn::Window => {
                    let (DataType::Struct(parts), Some((starts, ends))) =
                        (field.data_type(), window.take())
                    else {
                        return Err(Error::internal("a window without a type"));
                    };
                    Arc::new(windows(parts[0].data_type(), starts, ends)) as ArrayRef
                }
            };
            if column.data_type() == field.data_type() {
                return Ok(column);
            }
            Ok(cast(&column, field.data_type())?)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let rows = record_batch(self.schema.clone(), columns, results.rows)?;
        let batch = Batch::new(rows, self.origin.clone());
        batch.chunks().for_each(|chunk| out.emit(MAIN, chunk));
        Ok(())
    }
}
