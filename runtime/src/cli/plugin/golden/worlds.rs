//! Cases of keyed plugins and of functions for SQL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimestampMicrosecondType};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::output::{collect, split, tidy_errors};
use super::rows::{to_rows, write_row};
use super::{Case, Ports, Row};
use crate::batch::{Batch, record_batch};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::operators::{KeyedStep, Project};
use crate::plan::{KeyedPlan, Order, PluginPlan, ProjectPlan, SqlFunction};
use crate::planner::ERRORS;
use crate::plugin::PluginHost;
use crate::state::StepState;
use crate::time::Watermark;

/// What a job would do with the component.
pub enum Planned {
    Transform(Box<PluginPlan>),
    Keyed(Box<KeyedPlan>),
    Scalar(ProjectPlan),
    Aggregate(Aggregated),
}

/// What a function's result is called in expected rows.
const RESULT: &str = "result";
const MAIN: &str = "main";
/// So long after the last row, by the clock of a test, timers in processing time are due: a day.
const CLOCK_END: i64 = 86_400_000_000;

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn clock() -> i64 {
    CLOCK.load(Ordering::Relaxed)
}

/// The key's columns and the order of rows, as `step.json` says.
///
/// # Errors
/// What is missing there.
pub fn key_and_order(case: &Case) -> Result<(Vec<usize>, Order), String> {
    let schema = case.input.schema();
    let column = |name: &String| {
        schema.index_of(name).map_err(|_| format!("step.json: schema.json has no column `{name}`"))
    };
    if case.step.key.is_empty() {
        return Err("step.json must name the key: {\"key\": [\"column\"]}".to_owned());
    }
    let key = case.step.key.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let Some(time) = &case.step.event_time else { return Ok((key, Order::Arrival { lag: 0 })) };
    let time = column(time)?;
    if !matches!(schema.field(time).data_type(), DataType::Timestamp(..)) {
        return Err("step.json: event time must be a timestamp".to_owned());
    }
    Ok((key, Order::EventTime { column: time, lag: 0 }))
}

/// Gives the rows to a keyed plugin in batches, with event time coming as far after each as the
/// rows that are left allow; then the end of the input, and a day by the clock.
///
/// Rows come out in the order of the input rows that they came from; then those that a key gave
/// rise to, in the order of their text.
///
/// # Errors
/// If it can't be run at all.
pub fn keyed(host: &Arc<PluginHost>, plan: &KeyedPlan, case: &Case, rows: usize) -> Result<Ports> {
    let out = keyed_rows(host, plan, case, rows)?;
    collect(&plan.plugin, out, |mut rows| {
        rows.sort_by_cached_key(|(number, row)| {
            (number.is_none(), *number, number.is_none().then(|| write_row(row)))
        });
        rows
    })
}

/// What [`keyed`] puts in order.
///
/// # Errors
/// If it can't be run at all.
pub fn keyed_rows(
    host: &Arc<PluginHost>,
    plan: &KeyedPlan,
    case: &Case,
    rows: usize,
) -> Result<Outputs> {
    CLOCK.store(0, Ordering::Relaxed);
    let mut step = KeyedStep::open(plan, host, StepState::default(), (Watermark::NONE, clock))?;
    let mut out = Outputs::default();
    let mut given = 0;
    for batch in split(case, rows) {
        given += batch.len();
        step.process(batch, &mut out)?;
        if let Some(earliest) = earliest(plan, case, given) {
            step.watermark(Watermark(earliest), &mut out)?;
        }
    }
    step.watermark(Watermark::END, &mut out)?;
    CLOCK.store(CLOCK_END, Ordering::Relaxed);
    step.wake(CLOCK_END, &mut out)?;
    Ok(out)
}

/// The earliest time of the rows from `given` on.
fn earliest(plan: &KeyedPlan, case: &Case, given: usize) -> Option<i64> {
    let Order::EventTime { column, .. } = plan.order else { return None };
    let times = case.input.column(column).as_primitive::<TimestampMicrosecondType>();
    times.iter().skip(given).flatten().min()
}

/// An aggregate function with its arguments and groups.
pub struct Aggregated {
    function: Arc<AggregateUDF>,
    group: Vec<usize>,
    arguments: Vec<usize>,
    fields: Vec<FieldRef>,
    result: FieldRef,
}

/// What a job would do with a function.
///
/// # Errors
/// What the function says to its arguments.
pub fn plan_function(function: SqlFunction, case: &Case) -> Result<Planned, String> {
    let schema = case.input.schema();
    let group = case.step.group.iter().map(|name| schema.index_of(name).map_err(|e| e.to_string()));
    let group = group.collect::<Result<Vec<_>, _>>()?;
    let all = 0..schema.fields().len();
    let arguments: Vec<usize> = all.filter(|at| !group.contains(at)).collect();
    let column = |at: &usize| -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new(schema.field(*at).name(), *at))
    };
    let exprs: Vec<_> = arguments.iter().map(column).collect();
    let fields: Vec<FieldRef> = arguments.iter().map(|at| schema.fields()[*at].clone()).collect();
    let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
    match function {
        SqlFunction::Scalar(function) => {
            let options = Arc::new(ConfigOptions::default());
            let call = ScalarFunctionExpr::try_new(function, exprs, &schema, options);
            let call = call.map_err(|e| e.strip_backtrace())?;
            let result = Field::new(RESULT, call.return_type().clone(), true);
            let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
            fields.push(Arc::new(result));
            let mut exprs: Vec<Arc<dyn PhysicalExpr>> =
                (0..schema.fields().len()).map(|at| column(&at)).collect();
            exprs.push(Arc::new(call));
            let schema = Arc::new(Schema::new(fields));
            let (columns, filter) = (None, None);
            Ok(Planned::Scalar(ProjectPlan { columns, filter, exprs: Some(exprs), schema }))
        }
        SqlFunction::Aggregate(function) => {
            let result = function.return_type(&types).map_err(|e| e.strip_backtrace())?;
            let result = Arc::new(Field::new(RESULT, result, true));
            Ok(Planned::Aggregate(Aggregated { function, group, arguments, fields, result }))
        }
    }
}

/// Each row with the function's result.
///
/// # Errors
/// If it can't be run at all.
pub fn scalar(plan: &ProjectPlan, case: &Case, rows: usize) -> Result<Ports> {
    let mut step = Project::new("test", plan);
    let mut out = Outputs::default();
    for batch in split(case, rows) {
        step.process(batch, &mut out)?;
    }
    let mut ports: Ports = BTreeMap::new();
    for name in [MAIN, ERRORS] {
        ports.insert(name.to_owned(), Vec::new());
    }
    let mut numbered: Vec<(u64, Row)> = Vec::new();
    for (port, batch) in out.emitted {
        let rows = to_rows(&batch.rows)?;
        match port {
            0 => numbered
                .extend(rows.into_iter().enumerate().map(|(at, row)| (batch.origin.row(at), row))),
            _ => ports.entry(ERRORS.to_owned()).or_default().extend(rows),
        }
    }
    numbered.sort_by_key(|(number, _)| *number);
    ports.insert(MAIN.to_owned(), numbered.into_iter().map(|(_, row)| row).collect());
    if let Some(errors) = ports.get_mut(ERRORS) {
        tidy_errors(errors);
    }
    Ok(ports)
}

/// The groups in the order of their text, each with the function's result. Each batch has states
/// of its own, which are merged in the end, as those of windows are.
///
/// # Errors
/// If the function fails.
pub fn aggregate(aggregated: &Aggregated, case: &Case, rows: usize) -> Result<Ports> {
    let groups = Groups::of(aggregated, case)?;
    let mut total = aggregated.accumulator(&case.input.schema())?;
    let mut given = 0;
    for batch in split(case, rows) {
        let own = &groups.of_rows[given..given + batch.len()];
        given += batch.len();
        let states = aggregated.states(&batch, own, groups.keys.len())?;
        let all: Vec<usize> = (0..states[0].len()).collect();
        total.merge_batch(&states, &all, groups.keys.len())?;
    }
    let results = match groups.keys.is_empty() {
        true => arrow::array::new_empty_array(aggregated.result.data_type()),
        false => total.evaluate(EmitTo::All)?,
    };
    let schema = Arc::new(Schema::new(vec![aggregated.result.clone()]));
    let results: RecordBatch = record_batch(schema, vec![results], groups.keys.len())?;
    let rows = groups.keys.iter().zip(to_rows(&results)?).map(|(key, result)| {
        let mut row = key.clone();
        row.extend(result);
        row
    });
    Ok([(MAIN.to_owned(), rows.collect()), (ERRORS.to_owned(), Vec::new())].into())
}

/// The groups of a case's rows.
pub struct Groups {
    /// In the order of their text.
    pub keys: Vec<Row>,
    /// The place of each row's group among them.
    pub of_rows: Vec<usize>,
}

impl Groups {
    /// # Errors
    /// If a column has a type that JSON can't hold.
    pub fn of(aggregated: &Aggregated, case: &Case) -> Result<Self> {
        let keys = match aggregated.group.is_empty() {
            true => vec![Row::new(); case.input.num_rows()],
            false => to_rows(&case.input.project(&aggregated.group)?)?,
        };
        let texts: Vec<String> = keys.iter().map(write_row).collect();
        let groups: BTreeMap<&String, &Row> = texts.iter().zip(&keys).collect();
        let places: BTreeMap<&String, usize> =
            groups.keys().enumerate().map(|(at, text)| (*text, at)).collect();
        let of_rows = texts.iter().map(|text| places[text]).collect();
        Ok(Self { keys: groups.into_values().cloned().collect(), of_rows })
    }
}

impl Aggregated {
    /// The states of `groups` groups after the rows of a batch, whose groups are `of_rows`.
    ///
    /// # Errors
    /// If the function fails.
    pub fn states(&self, batch: &Batch, of_rows: &[usize], groups: usize) -> Result<Vec<ArrayRef>> {
        let mut accumulator = self.accumulator(&batch.rows.schema())?;
        accumulator.update_batch(&self.arguments(batch), of_rows, None, groups)?;
        Ok(accumulator.state(EmitTo::All)?)
    }

    fn arguments(&self, batch: &Batch) -> Vec<ArrayRef> {
        self.arguments.iter().map(|at| batch.rows.column(*at).clone()).collect()
    }

    fn accumulator(&self, schema: &Schema) -> Result<Box<dyn GroupsAccumulator>> {
        let args = AccumulatorArgs {
            return_field: self.result.clone(),
            schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: RESULT,
            is_distinct: false,
            exprs: &[],
            expr_fields: &self.fields,
        };
        let accumulator = self.function.inner().create_groups_accumulator(args);
        accumulator.map_err(|e| Error::plugin(e.strip_backtrace()))
    }
}
