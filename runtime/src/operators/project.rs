//! SQL without state: columns picked, rows filtered, expressions evaluated.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::isolate::isolate;
use crate::batch::{Batch, record_batch};
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::operator::{Operator, Outputs};
use crate::plan::ProjectPlan;

const MAIN: usize = 0;
const ERRORS: usize = 1;

pub struct Project {
    plan: ProjectPlan,
    refuser: Refuser,
}

impl Project {
    pub fn new(node: &str, plan: &ProjectPlan) -> Self {
        let refuser = Refuser { step: node.to_owned(), plugin: None };
        Self { plan: plan.clone(), refuser }
    }
}

impl Operator for Project {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        if let Ok(projected) = project(&self.plan, &batch) {
            out.emit(MAIN, projected);
            return Ok(());
        }
        // Some row can't be computed: a cast, a division by zero, an overflow.
        let (done, refused) = isolate(batch.len(), |range| {
            project(&self.plan, &batch.slice(range.start, range.len()))
        });
        done.into_iter().for_each(|(_, projected)| out.emit(MAIN, projected));
        if !refused.is_empty() {
            let refusal = |(row, error): (usize, crate::error::Error)| {
                Refusal::new(row, "sql_error", error.to_string())
            };
            let refusals: Vec<Refusal> = refused.into_iter().map(refusal).collect();
            out.emit(ERRORS, letters(&self.refuser, &batch, &refusals)?);
        }
        Ok(())
    }
}

/// The plan's rows of a batch.
///
/// # Errors
/// If an expression fails on any row.
pub fn project(plan: &ProjectPlan, batch: &Batch) -> Result<Batch> {
    let mut batch = match &plan.columns {
        Some(columns) => Batch::new(batch.rows.project(columns)?, batch.origin.clone()),
        None => batch.clone(),
    };
    if let Some(filter) = &plan.filter {
        let keep = filter.evaluate(&batch.rows)?.into_array(batch.len())?;
        batch = batch.filter(arrow::array::AsArray::as_boolean(&keep))?;
    }
    let rows: &RecordBatch = &batch.rows;
    let columns = match &plan.exprs {
        Some(exprs) => exprs
            .iter()
            .map(|expr| Ok(expr.evaluate(rows)?.into_array(rows.num_rows())?))
            .collect::<Result<Vec<_>>>()?,
        None => rows.columns().to_vec(),
    };
    let projected = record_batch(Arc::clone(&plan.schema), columns, rows.num_rows())?;
    Ok(Batch::new(projected, batch.origin))
}
