//! Where the optimiser must stop: above GROUP BY a window is another thing than below.

use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

/// Lets rows through as they are, and no condition: `HAVING w.start > ...` is about the window of
/// the group, which no row below has yet.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Barrier {
    input: LogicalPlan,
}

impl PartialOrd for Barrier {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for Barrier {
    fn name(&self) -> &str {
        "Barrier"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Barrier")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input }),
            None => datafusion::common::internal_err!("a barrier without input"),
        }
    }

    fn necessary_children_exprs(&self, columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![columns.to_vec()])
    }
}

/// Puts a barrier above every aggregate of the plan.
pub(super) fn above_aggregates(plan: LogicalPlan) -> Result<LogicalPlan> {
    let above = |plan: LogicalPlan| match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => {
            let node = Arc::new(Barrier { input: plan });
            Ok(Transformed::yes(LogicalPlan::Extension(Extension { node })))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(above)?.data)
}

/// The plan below a barrier.
pub(super) fn below(extension: &Extension) -> Option<&LogicalPlan> {
    extension.node.as_any().downcast_ref::<Barrier>().map(|barrier| &barrier.input)
}
