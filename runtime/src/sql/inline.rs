//! What stands between an aggregate and its stream, put into the aggregate's own expressions: so
//! the step reads the rows as they come, and late ones leave as they came.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

use super::context::name;
use super::lower::{Lowering, Rel, Stage, physical};
use super::trace::Known;
use super::{Relation, SqlError};

/// An aggregate over rows of `stage`, which has nothing left to do.
pub(super) struct Inlined {
    pub group_expr: Vec<Expr>,
    pub aggr_expr: Vec<Expr>,
    pub stage: Stage,
    pub schema: DFSchemaRef,
}

impl Lowering<'_> {
    /// The aggregate over the nearest plan below it that is more than columns and conditions.
    pub(super) fn inline(&mut self, aggregate: &Aggregate) -> Result<Inlined, SqlError> {
        let mut groups = aggregate.group_expr.clone();
        let mut aggregates = aggregate.aggr_expr.clone();
        let mut filters: Vec<Expr> = Vec::new();
        let mut plan: &LogicalPlan = &aggregate.input;
        loop {
            let all = groups.iter_mut().chain(&mut aggregates).chain(&mut filters);
            match plan {
                LogicalPlan::Projection(projection) => {
                    replace(all, &projection.schema, &projection.expr)?;
                    plan = &projection.input;
                }
                LogicalPlan::SubqueryAlias(alias) => {
                    let columns = alias.input.schema().columns().into_iter().map(Expr::Column);
                    replace(all, &alias.schema, &columns.collect::<Vec<_>>())?;
                    plan = &alias.input;
                }
                LogicalPlan::Filter(filter) => {
                    filters.push(filter.predicate.clone());
                    plan = &filter.input;
                }
                _ => break,
            }
        }
        let (mut stage, schema) = self.base(plan)?;
        let filter = filters.into_iter().rev().reduce(Expr::and);
        if let Some(filter) = filter {
            stage.known.refuse_windows(&filter, &schema)?;
            stage.filter = Some(physical(&filter, &schema)?);
            stage = self.node_of(stage);
        }
        Ok(Inlined { group_expr: groups, aggr_expr: aggregates, stage, schema })
    }

    /// The rows of a plan, with all of their columns if they are those of a stream.
    fn base(&mut self, plan: &LogicalPlan) -> Result<(Stage, DFSchemaRef), SqlError> {
        if let LogicalPlan::TableScan(scan) = plan
            && scan.fetch.is_none()
            && scan.filters.is_empty()
        {
            let called = name(&scan.table_name)?;
            let found = self.relations.iter().find(|(name, _)| *name == called);
            if let Some((_, Relation::Stream(endpoint))) = found {
                let table = scan.table_name.clone();
                let schema = DFSchema::try_from_qualified_schema(table, &endpoint.schema)?;
                let known = Known::declared(&endpoint.times, &endpoint.schema);
                let stage = Stage::of(endpoint.inputs.clone(), endpoint.schema.clone(), known);
                return Ok((stage, Arc::new(schema)));
            }
        }
        match self.plan(plan)? {
            Rel::Stream(stage) => Ok((self.node_of(stage), plan.schema().clone())),
            Rel::Table(_) => Err(SqlError::new(
                "GROUP BY or DISTINCT over a table",
                "a table is looked up as it is; aggregate the stream, or prepare the file",
            )),
        }
    }
}

/// Puts `by` in the place of the columns of `schema`.
fn replace<'a>(
    exprs: impl Iterator<Item = &'a mut Expr>,
    schema: &DFSchema,
    by: &[Expr],
) -> Result<(), SqlError> {
    for expr in exprs {
        let replaced = std::mem::take(expr).transform_up(|inner| match &inner {
            Expr::Column(column) => {
                let at = schema.index_of_column(column)?;
                Ok(Transformed::yes(by[at].clone().unalias()))
            }
            _ => Ok(Transformed::no(inner)),
        });
        *expr = replaced?.data;
    }
    Ok(())
}
