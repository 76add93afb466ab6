//! A logical plan to nodes.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DFSchema, NullEquality};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, TableScan, Union};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::context::{logical_plan, name, state};
use super::{Relation, SqlError, conform};
use crate::dead_letter;
use crate::plan::{Input, LookupKind, LookupPlan, Node, NodeKind, Port, ProjectPlan};

/// What a query became.
pub struct Lowered {
    pub main: Input,
    /// The port `errors` of every node of the step.
    pub errors: Vec<Input>,
    pub schema: SchemaRef,
}

/// Appends the nodes of a step to `nodes`. The last one has the step's own name.
///
/// # Errors
/// What is wrong with the query, or which part of it a stream can't do.
pub fn lower(
    step: &str,
    sql: &str,
    relations: &[(String, Relation)],
    nodes: &mut Vec<Node>,
) -> Result<Lowered, SqlError> {
    let plan = logical_plan(sql, relations)?;
    unique_columns(plan.schema())?;
    let before = nodes.len();
    let mut lowering = Lowering { step, relations, nodes, parts: 0 };
    let result = lowering.plan(&plan).and_then(|rel| match rel {
        Rel::Stream(stage) => Ok(lowering.finish(stage)),
        Rel::Table(_) => Err(SqlError::new(
            "the query reads only tables",
            "a step transforms a stream: read a source or a step, and join the table",
        )),
    });
    match result {
        Ok(main) => {
            let schema = nodes[main.node].ports[0].schema.clone();
            let errors = (before..nodes.len()).map(|node| Input { node, port: 1 }).collect();
            Ok(Lowered { main, errors, schema })
        }
        Err(error) => {
            nodes.truncate(before);
            Err(error)
        }
    }
}

fn unique_columns(schema: &DFSchema) -> Result<(), SqlError> {
    let names: Vec<&String> = schema.fields().iter().map(|f| f.name()).collect();
    match (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
        Some(twice) => Err(SqlError::new(
            format!("the query gives two columns `{}`", names[twice]),
            "rename one of them: ... AS another_name",
        )),
        None => Ok(()),
    }
}

/// A part of the query, and what is still to be done to its rows.
enum Rel {
    Stream(Stage),
    Table(TableRel),
}

/// Rows of `inputs`, on which columns are picked, then a filter and expressions applied.
struct Stage {
    inputs: Vec<Input>,
    columns: Option<Vec<usize>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    exprs: Option<Vec<Arc<dyn PhysicalExpr>>>,
    /// After all of these.
    schema: SchemaRef,
}

impl Stage {
    fn of(inputs: Vec<Input>, schema: SchemaRef) -> Self {
        Self { inputs, columns: None, filter: None, exprs: None, schema }
    }

    fn is_trivial(&self) -> bool {
        self.columns.is_none() && self.filter.is_none() && self.exprs.is_none()
    }

    fn project_plan(&self) -> ProjectPlan {
        ProjectPlan {
            columns: self.columns.clone(),
            filter: self.filter.clone(),
            exprs: self.exprs.clone(),
            schema: self.schema.clone(),
        }
    }
}

/// A table, and what is done to its rows before they are looked up.
struct TableRel {
    table: usize,
    view: Vec<ProjectPlan>,
    stage: Stage,
}

struct Lowering<'a> {
    step: &'a str,
    relations: &'a [(String, Relation)],
    nodes: &'a mut Vec<Node>,
    parts: usize,
}

impl Lowering<'_> {
    fn plan(&mut self, plan: &LogicalPlan) -> Result<Rel, SqlError> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Filter(filter) => {
                let input = self.plan(&filter.input)?;
                let predicate = physical(&filter.predicate, filter.input.schema())?;
                self.apply(
                    input,
                    |stage| stage.filter.is_none() && stage.exprs.is_none(),
                    |stage| {
                        stage.filter = Some(predicate);
                    },
                )
            }
            LogicalPlan::Projection(projection) => {
                let input = self.plan(&projection.input)?;
                let below = projection.input.schema();
                let exprs = projection.expr.iter().map(|e| physical(e, below));
                let exprs = exprs.collect::<Result<Vec<_>, _>>()?;
                let schema = arrow_schema(&projection.schema);
                self.apply(
                    input,
                    |stage| stage.exprs.is_none(),
                    |stage| {
                        stage.exprs = Some(exprs);
                        stage.schema = schema;
                    },
                )
            }
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => Err(SqlError::new(
                "the query reads no stream, or can never give a row",
                "read a source or a step in FROM, and look at the condition in WHERE",
            )),
            other => Err(refused(other)),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Rel, SqlError> {
        let called = name(&scan.table_name)?;
        let found = self.relations.iter().find(|(name, _)| *name == called);
        let Some((_, relation)) = found else {
            return Err(SqlError::new(format!("nothing is called `{called}`"), "name a step"));
        };
        if scan.fetch.is_some() {
            return Err(limit());
        }
        if !scan.filters.is_empty() {
            let message = "a condition was pushed into a scan, which applies none";
            return Err(SqlError::new(message, "this is a bug in Millrace; please report it"));
        }
        let schema = arrow_schema(&scan.projected_schema);
        let stage = |inputs, full: &SchemaRef| {
            let mut stage = Stage::of(inputs, schema.clone());
            let all = full.fields().len();
            stage.columns = scan.projection.clone().filter(|p| !p.iter().copied().eq(0..all));
            stage
        };
        Ok(match relation {
            Relation::Stream(endpoint) => {
                Rel::Stream(stage(endpoint.inputs.clone(), &endpoint.schema))
            }
            Relation::Table(table, full) => {
                let stage = stage(Vec::new(), full);
                Rel::Table(TableRel { table: *table, view: Vec::new(), stage })
            }
        })
    }

    /// Changes the stage of `rel`, or a new one on top of it where the old has no room.
    fn apply(
        &mut self,
        rel: Rel,
        has_room: impl Fn(&Stage) -> bool,
        change: impl FnOnce(&mut Stage),
    ) -> Result<Rel, SqlError> {
        Ok(match rel {
            Rel::Stream(mut stage) => {
                if !has_room(&stage) {
                    stage = self.node_of(stage);
                }
                change(&mut stage);
                Rel::Stream(stage)
            }
            Rel::Table(mut table) => {
                if !has_room(&table.stage) {
                    table.view.push(table.stage.project_plan());
                    table.stage = Stage::of(Vec::new(), table.stage.schema.clone());
                }
                change(&mut table.stage);
                Rel::Table(table)
            }
        })
    }

    fn union(&mut self, union: &Union) -> Result<Rel, SqlError> {
        let schema = arrow_schema(&union.schema);
        let mut inputs = Vec::new();
        for branch in &union.inputs {
            let Rel::Stream(mut stage) = self.plan(branch)? else {
                return Err(SqlError::new(
                    "UNION ALL of a stream with a table",
                    "read the table's file with a [source] to make a stream of it",
                ));
            };
            // The branches agree in types; names and nullability are those of the first.
            // A node is read once, however often it is named: a branch that repeats another needs
            // nodes of its own.
            let repeats = stage.inputs.iter().any(|input| inputs.contains(input));
            if stage.is_trivial() && stage.schema.fields() == schema.fields() && !repeats {
                inputs.extend(stage.inputs);
                continue;
            }
            if stage.exprs.is_none() && stage.columns.is_none() {
                let positional = Arc::new(Schema::new(stage.schema.fields().clone()));
                stage.exprs = Some(conform(&positional, &positional));
            }
            stage.schema = schema.clone();
            inputs.extend(self.node_of(stage).inputs);
        }
        Ok(Rel::Stream(Stage::of(inputs, schema)))
    }

    fn join(&mut self, join: &Join) -> Result<Rel, SqlError> {
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
        let stream = if stream.is_trivial() { stream } else { self.node_of(stream) };
        let node = self.node(NodeKind::Lookup(plan), stream.inputs, schema.clone());
        Ok(Rel::Stream(Stage::of(vec![Input { node, port: 0 }], schema)))
    }

    /// The stage as a node of its own, and an empty stage on top of it.
    fn node_of(&mut self, stage: Stage) -> Stage {
        if stage.is_trivial() {
            return stage;
        }
        let plan = stage.project_plan();
        let schema = stage.schema.clone();
        let node = self.node(NodeKind::Project(plan), stage.inputs, schema.clone());
        Stage::of(vec![Input { node, port: 0 }], schema)
    }

    /// The last node gets the step's name; a query that changes nothing still is a node.
    fn finish(&mut self, stage: Stage) -> Input {
        let own = stage.is_trivial()
            && matches!(stage.inputs.as_slice(), [only] if only.node + 1 == self.nodes.len()
                && self.parts > 0);
        if !own {
            let plan = stage.project_plan();
            self.node(NodeKind::Project(plan), stage.inputs, stage.schema);
        }
        let last = self.nodes.len() - 1;
        self.nodes[last].name = self.step.to_owned();
        Input { node: last, port: 0 }
    }

    fn node(&mut self, kind: NodeKind, inputs: Vec<Input>, schema: SchemaRef) -> usize {
        self.parts += 1;
        let name = format!("{}#{}", self.step, self.parts);
        let ports = vec![
            Port::timeless("main", schema),
            Port::timeless("errors", dead_letter::SCHEMA.clone()),
        ];
        self.nodes.push(Node { name, kind, inputs, ports, event_time: None });
        self.nodes.len() - 1
    }
}

fn physical(expr: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
    Ok(create_physical_expr(
        expr,
        schema,
        state().execution_props(),
        &datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext::default(),
    )?)
}

fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    Arc::new(Schema::new(schema.as_arrow().fields().clone()))
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

fn limit() -> SqlError {
    SqlError::new("LIMIT on a stream", "a stream has no end; remove LIMIT, or filter with WHERE")
}

fn refused(plan: &LogicalPlan) -> SqlError {
    match plan {
        LogicalPlan::Limit(_) => limit(),
        LogicalPlan::Sort(_) => SqlError::new(
            "ORDER BY on a stream",
            "a stream has no end at which it could be sorted; remove ORDER BY",
        ),
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => SqlError::new(
            "GROUP BY, DISTINCT and aggregates are not supported yet",
            "project, filter, UNION ALL and joins with a [table] are",
        ),
        LogicalPlan::Window(_) => {
            SqlError::new("OVER (...) on a stream", "remove the window function, or write a plugin")
        }
        other => {
            let what = other.display().to_string();
            let what = what.split([':', ' ']).next().unwrap_or_default().to_owned();
            SqlError::new(
                format!("{what} is not supported on a stream"),
                "project, filter, UNION ALL and joins with a [table] are",
            )
        }
    }
}
