//! A logical plan to nodes.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{
    Expr, Extension, Filter, LogicalPlan, Projection, TableScan, Union,
};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::aggregate::AggregateOptions;
use super::context::{PluginFunctions, logical_plan, name, state};
use super::trace::Known;
use super::{Relation, SqlError, barrier, conform};
use crate::dead_letter;
use crate::plan::{Input, Node, NodeKind, Port, ProjectPlan, Times, times};

/// The ports of nodes that SQL becomes.
const MAIN: usize = 0;
const ERRORS: usize = 1;
const LATE: usize = 2;

/// What a query became.
pub struct Lowered {
    pub main: Input,
    /// The port `errors` of every node of the step.
    pub errors: Vec<Input>,
    /// The ports `late` of the aggregates that the step's input reaches.
    pub late: Vec<Input>,
    /// Whether there is an aggregate at all, and whether one remembers every key.
    pub aggregates: bool,
    pub growing: bool,
    pub schema: SchemaRef,
}

/// Appends the nodes of a step to `nodes`. The first aggregate, or without one the last node, has
/// the step's own name.
///
/// # Errors
/// What is wrong with the query, or which part of it a stream can't do.
pub fn lower(
    step: &str,
    sql: &str,
    options: AggregateOptions,
    (relations, plugins): (&[(String, Relation)], &PluginFunctions),
    nodes: &mut Vec<Node>,
) -> Result<Lowered, SqlError> {
    let plan = logical_plan(sql, relations, plugins)?;
    unique_columns(plan.schema())?;
    let before = nodes.len();
    let mut lowering = Lowering {
        step,
        relations,
        options,
        nodes,
        parts: 0,
        aggregates: 0,
        below_aggregate: false,
        growing: false,
        late: Vec::new(),
    };
    let result = lowering.plan(&plan).and_then(|rel| match rel {
        Rel::Stream(stage) => {
            stage.known.refuse_open_windows()?;
            Ok(lowering.finish(stage))
        }
        Rel::Table(_) => Err(SqlError::new(
            "the query reads only tables",
            "a step transforms a stream: read a source or a step, and join the table",
        )),
    });
    let (late, growing) = (lowering.late, lowering.growing);
    let aggregates = lowering.aggregates > 0;
    match result {
        Ok(main) => {
            let schema = nodes[main.node].ports[MAIN].schema.clone();
            let errors = (before..nodes.len()).map(|node| Input { node, port: ERRORS }).collect();
            Ok(Lowered { main, errors, late, aggregates, growing, schema })
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
pub(super) enum Rel {
    Stream(Stage),
    Table(TableRel),
}

/// Rows of `inputs`, on which columns are picked, then a filter and expressions applied.
pub(super) struct Stage {
    pub inputs: Vec<Input>,
    columns: Option<Vec<usize>>,
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    exprs: Option<Vec<Arc<dyn PhysicalExpr>>>,
    /// After all of these.
    pub schema: SchemaRef,
    pub known: Known,
}

impl Stage {
    pub fn of(inputs: Vec<Input>, schema: SchemaRef, known: Known) -> Self {
        Self { inputs, columns: None, filter: None, exprs: None, schema, known }
    }

    pub fn is_trivial(&self) -> bool {
        self.columns.is_none() && self.filter.is_none() && self.exprs.is_none()
    }

    pub fn project_plan(&self) -> ProjectPlan {
        ProjectPlan {
            columns: self.columns.clone(),
            filter: self.filter.clone(),
            exprs: self.exprs.clone(),
            schema: self.schema.clone(),
        }
    }
}

impl Rel {
    fn known(&self) -> &Known {
        match self {
            Self::Stream(stage) => &stage.known,
            Self::Table(table) => &table.stage.known,
        }
    }
}

/// A table, and what is done to its rows before they are looked up.
pub(super) struct TableRel {
    pub table: usize,
    pub view: Vec<ProjectPlan>,
    pub stage: Stage,
}

pub(super) struct Lowering<'a> {
    step: &'a str,
    pub(super) relations: &'a [(String, Relation)],
    pub(super) options: AggregateOptions,
    nodes: &'a mut Vec<Node>,
    parts: usize,
    /// How many have become nodes.
    pub(super) aggregates: usize,
    /// Whether what is lowered is the input of an aggregate.
    pub(super) below_aggregate: bool,
    /// Whether an aggregate remembers every key for good.
    pub(super) growing: bool,
    late: Vec<Input>,
}

/// What a node with state sends on.
pub(super) struct Out {
    pub schema: SchemaRef,
    pub known: Known,
    /// Whether rows may be late.
    pub late: bool,
}

impl Lowering<'_> {
    pub(super) fn plan(&mut self, plan: &LogicalPlan) -> Result<Rel, SqlError> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Extension(extension) => self.extension(extension),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => Err(SqlError::new(
                "the query reads no stream, or can never give a row",
                "read a source or a step in FROM, and look at the condition in WHERE",
            )),
            other => Err(refused(other)),
        }
    }

    fn extension(&mut self, extension: &Extension) -> Result<Rel, SqlError> {
        match barrier::below(extension) {
            Some(below) => self.plan(below),
            None => Err(refused(&LogicalPlan::Extension(extension.clone()))),
        }
    }

    fn filter(&mut self, filter: &Filter) -> Result<Rel, SqlError> {
        let input = self.plan(&filter.input)?;
        let below = filter.input.schema();
        input.known().refuse_windows(&filter.predicate, below)?;
        let predicate = physical(&filter.predicate, below)?;
        self.apply(
            input,
            |stage| stage.filter.is_none() && stage.exprs.is_none(),
            |stage| {
                stage.filter = Some(predicate);
            },
        )
    }

    fn projection(&mut self, projection: &Projection) -> Result<Rel, SqlError> {
        let input = self.plan(&projection.input)?;
        let below = projection.input.schema();
        let known = input.known().projected(&projection.expr, below)?;
        let exprs = projection.expr.iter().map(|e| physical(e, below));
        let exprs = exprs.collect::<Result<Vec<_>, _>>()?;
        let schema = arrow_schema(&projection.schema);
        self.apply(
            input,
            |stage| stage.exprs.is_none(),
            |stage| {
                stage.exprs = Some(exprs);
                stage.schema = schema;
                stage.known = known;
            },
        )
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
        let stage = |inputs, full: &SchemaRef, times: &Times| {
            let all = 0..full.fields().len();
            let columns = scan.projection.clone().filter(|p| !p.iter().copied().eq(all));
            let mut known = Known::declared(times, full);
            if let Some(columns) = &columns {
                let columns: Vec<_> = columns.iter().map(|at| Some(*at)).collect();
                known = known.picked(&columns);
            }
            Stage { columns, ..Stage::of(inputs, schema.clone(), known) }
        };
        Ok(match relation {
            Relation::Stream(endpoint) => {
                Rel::Stream(stage(endpoint.inputs.clone(), &endpoint.schema, &endpoint.times))
            }
            Relation::Table(table, full) => {
                let stage = stage(Vec::new(), full, &Times::new());
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
                    table.stage =
                        Stage::of(Vec::new(), table.stage.schema.clone(), Known::default());
                }
                change(&mut table.stage);
                Rel::Table(table)
            }
        })
    }

    fn union(&mut self, union: &Union) -> Result<Rel, SqlError> {
        let schema = arrow_schema(&union.schema);
        let mut inputs = Vec::new();
        let mut common: Option<Times> = None;
        for branch in &union.inputs {
            let Rel::Stream(mut stage) = self.plan(branch)? else {
                return Err(SqlError::new(
                    "UNION ALL of a stream with a table",
                    "read the table's file with a [source] to make a stream of it",
                ));
            };
            stage.known.refuse_open_windows()?;
            stage.known.calls.clear();
            common = Some(match common {
                Some(times) => times::union(&times, &stage.known.times),
                None => stage.known.times.clone(),
            });
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
        Ok(Rel::Stream(Stage::of(inputs, schema, Known::of(common.unwrap_or_default()))))
    }

    /// The stage as a node of its own, and an empty stage on top of it.
    pub(super) fn node_of(&mut self, stage: Stage) -> Stage {
        if stage.is_trivial() {
            return stage;
        }
        let plan = stage.project_plan();
        let (schema, known) = (stage.schema, stage.known);
        let node = self.node(NodeKind::Project(plan), stage.inputs, schema.clone(), &known);
        Stage::of(vec![node], schema, known)
    }

    /// The last node gets the step's name, unless the first aggregate has it; a query that changes
    /// nothing still is a node.
    fn finish(&mut self, stage: Stage) -> Input {
        let own = stage.is_trivial()
            && matches!(stage.inputs.as_slice(), [only] if only.node + 1 == self.nodes.len()
                && self.parts > 0);
        if !own {
            let plan = stage.project_plan();
            self.node(NodeKind::Project(plan), stage.inputs, stage.schema, &stage.known);
        }
        let last = self.nodes.len() - 1;
        if self.aggregates == 0 {
            self.nodes[last].name = self.step.to_owned();
        }
        Input { node: last, port: MAIN }
    }

    pub(super) fn node(
        &mut self,
        kind: NodeKind,
        inputs: Vec<Input>,
        schema: SchemaRef,
        known: &Known,
    ) -> Input {
        self.parts += 1;
        let name = format!("{}#{}", self.step, self.parts);
        let times = known.times.clone();
        let ports = vec![
            Port { name: "main".to_owned(), schema, times },
            Port::timeless("errors", dead_letter::SCHEMA.clone()),
        ];
        self.nodes.push(Node { name, kind, inputs, ports, event_time: None });
        Input { node: self.nodes.len() - 1, port: MAIN }
    }

    /// A node over `stage` that may find rows late.
    pub(super) fn keyed(&mut self, kind: NodeKind, stage: Stage, out: Out) -> Input {
        let Out { schema, known, late } = out;
        let input = (stage.schema.clone(), stage.known.times.clone());
        let node = self.node(kind, stage.inputs, schema, &known);
        // The state is kept under this name, so it does not depend on the other nodes of the step.
        self.nodes[node.node].name = match self.aggregates {
            1 => self.step.to_owned(),
            number => format!("{}#aggregate{number}", self.step),
        };
        if late {
            let late = Input { port: LATE, ..node };
            let (schema, times) = input;
            let ports = &mut self.nodes[node.node].ports;
            ports.push(Port { name: "late".to_owned(), schema, times });
            self.late.push(late);
        }
        node
    }
}

pub(super) fn physical(expr: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
    Ok(create_physical_expr(
        expr,
        schema,
        state().execution_props(),
        &datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext::default(),
    )?)
}

pub(super) fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    Arc::new(Schema::new(schema.as_arrow().fields().clone()))
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
        LogicalPlan::Distinct(_) => SqlError::new(
            "DISTINCT ON on a stream",
            "group by the columns, or use a step with `deduplicate`",
        ),
        LogicalPlan::Window(_) => {
            SqlError::new("OVER (...) on a stream", "remove the window function, or write a plugin")
        }
        other => {
            let what = other.display().to_string();
            let what = what.split([':', ' ']).next().unwrap_or_default().to_owned();
            SqlError::new(
                format!("{what} is not supported on a stream"),
                "project, filter, GROUP BY, UNION ALL and joins with a [table] are",
            )
        }
    }
}
