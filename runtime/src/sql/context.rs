//! DataFusion's view of a pipeline: functions, and the names in FROM as tables.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, TableReference, plan_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::Optimizer;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;

use super::{Relation, SqlError, barrier, functions, intervals};
use crate::plan::SqlFunction;

/// Functions and optimiser, built once: they are the same for every pipeline.
static STATE: LazyLock<SessionState> = LazyLock::new(|| {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    // Plain text is what crosses to plugins and what sinks write.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    let optimizer = Optimizer::new();
    let rules = optimizer.rules.into_iter();
    let rules = rules.filter(|rule| !OMITTED.contains(&rule.name())).collect();
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_optimizer_rules(rules);
    let scalars = builder.scalar_functions().get_or_insert_default();
    scalars.extend(functions::all().iter().cloned());
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(intervals::Multiply));
    builder.build()
});

/// Rules of the optimiser that make of an aggregate something that a stream can't do, or take
/// apart what is known of a window.
const OMITTED: &[&str] = &[
    "single_distinct_aggregation_to_group_by",
    "extract_leaf_expressions",
    "push_down_leaf_projections",
];

/// The sources, steps, ports and tables that a query reads, as it names them.
///
/// # Errors
/// If the text is not one query.
pub fn references(sql: &str) -> Result<Vec<String>, SqlError> {
    let statement = parse(sql)?;
    let references = STATE.resolve_table_references(&statement)?;
    references.into_iter().map(|reference| name(&reference)).collect()
}

/// The name of a reference as the pipeline file writes it: `step` or `step.port`.
pub fn name(reference: &TableReference) -> Result<String, SqlError> {
    match reference {
        TableReference::Bare { table } => Ok(table.to_string()),
        TableReference::Partial { schema, table } => Ok(format!("{schema}.{table}")),
        TableReference::Full { .. } => Err(SqlError::new(
            format!("`{reference}` has too many parts"),
            "name a step, a port as `step.port`, or a table",
        )),
    }
}

/// The functions of a pipeline that are plugins, by name.
pub type PluginFunctions = BTreeMap<String, SqlFunction>;

/// Whether SQL has a function of this name without any plugin.
pub fn has_function(name: &str) -> bool {
    STATE.scalar_functions().contains_key(name)
        || STATE.aggregate_functions().contains_key(name)
        || STATE.window_functions().contains_key(name)
}

/// The optimised logical plan of a query.
///
/// # Errors
/// What is wrong with it.
pub fn logical_plan(
    sql: &str,
    relations: &[(String, Relation)],
    plugins: &PluginFunctions,
) -> Result<LogicalPlan, SqlError> {
    let statement = parse(sql)?;
    let source = |relation: &Relation| -> Arc<dyn TableSource> {
        let schema: &SchemaRef = match relation {
            Relation::Stream(endpoint) => &endpoint.schema,
            Relation::Table(_, schema) => schema,
        };
        Arc::new(Columns(schema.clone()))
    };
    let tables = relations.iter().map(|(name, relation)| (name.clone(), source(relation)));
    let provider = Provider { state: &STATE, tables: tables.collect(), plugins };
    let planner = SqlToRel::new_with_options(&provider, parser_options());
    let plan = planner.statement_to_plan(statement)?;
    super::purity::refuse_impure(&plan)?;
    let plan = barrier::above_aggregates(plan)?;
    Ok(STATE.optimize(&plan)?)
}

/// One expression over rows of `schema`, and its type.
///
/// # Errors
/// What is wrong with it.
pub fn expression(
    sql: &str,
    schema: &SchemaRef,
    plugins: &PluginFunctions,
) -> Result<(Arc<dyn PhysicalExpr>, DataType), SqlError> {
    let dialect = STATE.config_options().sql_parser.dialect;
    let parsed = STATE.sql_to_expr(sql, &dialect)?;
    let columns = DFSchema::try_from(schema.as_ref().clone())?;
    let provider = Provider { state: &STATE, tables: BTreeMap::new(), plugins };
    let planner = SqlToRel::new_with_options(&provider, parser_options());
    let expr = planner.sql_to_expr(parsed, &columns, &mut PlannerContext::new())?;
    super::purity::refuse_impure_in(&expr)?;
    let many =
        expr.exists(|e| Ok(matches!(e, Expr::AggregateFunction(_) | Expr::WindowFunction(_))));
    if many? {
        let message = format!("`{sql}` is made of many rows, and this is about one");
        return Err(SqlError::new(message, "aggregate in a SQL step before"));
    }
    let expr = STATE.create_physical_expr(expr, &columns)?;
    let data_type = expr.data_type(schema)?;
    Ok((expr, data_type))
}

/// Functions and options for physical expressions.
pub fn state() -> &'static SessionState {
    &STATE
}

fn parser_options() -> ParserOptions {
    ParserOptions {
        map_string_types_to_utf8view: false,
        collect_spans: true,
        ..ParserOptions::default()
    }
}

fn parse(sql: &str) -> Result<Statement, SqlError> {
    let dialect = STATE.config_options().sql_parser.dialect;
    let statement = STATE.sql_to_statement(sql, &dialect)?;
    match &statement {
        Statement::Statement(inner) if matches!(**inner, ast::Statement::Query(_)) => Ok(statement),
        _ => Err(SqlError::new("a step's SQL must be one query", "write SELECT ... FROM ...")),
    }
}

/// A name in FROM. Filters stay above it, which is the default; DataFusion's own
/// `LogicalTableSource` would take them all and apply none.
#[derive(Debug)]
struct Columns(SchemaRef);

impl TableSource for Columns {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }
}

struct Provider<'a> {
    state: &'a SessionState,
    tables: BTreeMap<String, Arc<dyn TableSource>>,
    plugins: &'a PluginFunctions,
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(
        &self,
        reference: TableReference,
    ) -> DataFusionResult<Arc<dyn TableSource>> {
        let found = name(&reference).ok().and_then(|name| self.tables.get(&name).cloned());
        found.ok_or_else(|| plan_datafusion_err!("nothing is called `{reference}`"))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        match self.plugins.get(name) {
            Some(SqlFunction::Scalar(function)) => Some(function.clone()),
            _ => self.state.scalar_functions().get(name).cloned(),
        }
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        match self.plugins.get(name) {
            Some(SqlFunction::Aggregate(function)) => Some(function.clone()),
            _ => self.state.aggregate_functions().get(name).cloned(),
        }
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().chain(self.plugins.keys()).cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
