//! What a stream's SQL must not call.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

use super::SqlError;

/// Refuses functions whose result changes from call to call: the same input must give the same
/// output, also after a crash.
pub(super) fn refuse_impure(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut impure = None;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            impure = impure.take().or(impure_in(expr)?);
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    refuse(impure)
}

/// As [`refuse_impure`], for one expression.
pub(super) fn refuse_impure_in(expr: &Expr) -> Result<(), SqlError> {
    refuse(impure_in(expr)?)
}

fn impure_in(expr: &Expr) -> Result<Option<String>, DataFusionError> {
    let mut impure = None;
    expr.apply(|expr| {
        if let Expr::ScalarFunction(call) = expr
            && call.func.signature().volatility != Volatility::Immutable
            && IMPURE.contains(&call.func.name())
        {
            impure = Some(call.func.name().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(impure)
}

fn refuse(impure: Option<String>) -> Result<(), SqlError> {
    match impure {
        Some(function) => Err(SqlError::new(
            format!("`{function}()` gives another result at every call"),
            "a stream must give the same output for the same input; use a time or an id that is \
             in the rows",
        )),
        None => Ok(()),
    }
}

const IMPURE: &[&str] =
    &["now", "current_date", "current_time", "current_timestamp", "today", "random", "uuid"];
