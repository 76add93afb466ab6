//! Joins with a table to lookups.

use datafusion::common::NullEquality;
use datafusion::logical_expr::{Join, JoinType};

use super::SqlError;
use super::lower::{Lowering, Rel, Stage, arrow_schema, physical};
use crate::plan::{LookupKind, LookupPlan, NodeKind};

impl Lowering<'_> {
    pub(super) fn join(&mut self, join: &Join) -> Result<Rel, SqlError> {
        let left = self.plan(&join.left)?;
        let right = self.plan(&join.right)?;
        let (stream, table, table_first) = match (left, right) {
            (Rel::Stream(stream), Rel::Table(table)) => (stream, table, false),
            (Rel::Table(table), Rel::Stream(stream)) => (stream, table, true),
            (Rel::Stream(_), Rel::Stream(_)) => {
                return Err(SqlError::new(
                    "a join of two streams is not supported yet",
                    "join a stream with a [table], or bring the streams together with UNION ALL",
                ));
            }
            (Rel::Table(_), Rel::Table(_)) => {
                return Err(SqlError::new(
                    "a join of two tables before the stream",
                    "join the stream with one table after the other",
                ));
            }
        };
        let kind = lookup_kind(join.join_type, table_first)?;
        if join.on.is_empty() {
            return Err(SqlError::new(
                "the join has no equality between the stream and the table",
                "join on a key: ... ON stream.key = table.key",
            ));
        }
        if join.null_equality == NullEquality::NullEqualsNull || join.null_aware {
            return Err(SqlError::new(
                "a join in which null equals null, or NOT IN over a column with nulls",
                "use `=` in ON, or NOT EXISTS",
            ));
        }
        let (stream_schema, table_schema) = match table_first {
            false => (join.left.schema(), join.right.schema()),
            true => (join.right.schema(), join.left.schema()),
        };
        let mut stream_keys = Vec::new();
        let mut table_keys = Vec::new();
        for key in join.on.iter().flat_map(|(left, right)| [left, right]) {
            stream.known.refuse_windows(key, stream_schema)?;
        }
        for (left, right) in &join.on {
            let (of_stream, of_table) = if table_first { (right, left) } else { (left, right) };
            stream_keys.push(physical(of_stream, stream_schema)?);
            table_keys.push(physical(of_table, table_schema)?);
        }
        let both = join.left.schema().join(join.right.schema())?;
        let filter = join.filter.as_ref().map(|f| physical(f, &both)).transpose()?;
        let mut view = table.view;
        if !table.stage.is_trivial() {
            view.push(table.stage.project_plan());
        }
        let schema = arrow_schema(&join.schema);
        let plan = LookupPlan {
            table: table.table,
            view,
            stream_keys,
            table_keys,
            kind,
            filter,
            table_first,
            both: arrow_schema(&both),
            schema: schema.clone(),
        };
        let stream = self.node_of(stream);
        let before = if table_first { table_schema.fields().len() } else { 0 };
        let of_stream =
            |at: usize| at.checked_sub(before).filter(|at| *at < stream.schema.fields().len());
        let columns: Vec<_> = (0..schema.fields().len()).map(of_stream).collect();
        let known = stream.known.picked(&columns);
        let node = self.node(NodeKind::Lookup(plan), stream.inputs, schema.clone(), &known);
        Ok(Rel::Stream(Stage::of(vec![node], schema, known)))
    }
}

fn lookup_kind(join: JoinType, table_first: bool) -> Result<LookupKind, SqlError> {
    Ok(match (join, table_first) {
        (JoinType::Inner, _) => LookupKind::Inner,
        (JoinType::Left, false) | (JoinType::Right, true) => LookupKind::Left,
        (JoinType::LeftSemi, false) | (JoinType::RightSemi, true) => LookupKind::Semi,
        (JoinType::LeftAnti, false) | (JoinType::RightAnti, true) => LookupKind::Anti,
        _ => {
            return Err(SqlError::new(
                format!(
                    "a {join} join that keeps rows of the table which no row of the stream met"
                ),
                "a table never ends being met; keep the stream's rows instead: stream LEFT JOIN \
                 table",
            ));
        }
    })
}
