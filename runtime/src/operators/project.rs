//! SQL without state: columns picked, rows filtered, expressions evaluated.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::physical_expr::PhysicalExpr;

use super::emit::emit_isolated;
use crate::batch::{Batch, record_batch};
use crate::dead_letter::Refuser;
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
        emit_isolated(&batch, &self.refuser, (MAIN, ERRORS), out, |part| project(&self.plan, part))
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
        Some(exprs) => evaluate(exprs, rows)?,
        None => rows.columns().to_vec(),
    };
    let projected = record_batch(Arc::clone(&plan.schema), columns, rows.num_rows())?;
    Ok(Batch::new(projected, batch.origin))
}

/// A column for each expression.
///
/// # Errors
/// If an expression fails on any row.
pub(crate) fn evaluate(
    exprs: &[Arc<dyn PhysicalExpr>],
    rows: &RecordBatch,
) -> Result<Vec<ArrayRef>> {
    let evaluate =
        |expr: &Arc<dyn PhysicalExpr>| Ok(expr.evaluate(rows)?.into_array(rows.num_rows())?);
    exprs.iter().map(evaluate).collect()
}
