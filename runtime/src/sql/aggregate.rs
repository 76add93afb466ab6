//! GROUP BY and DISTINCT to nodes with state.

use arrow::datatypes::Fields;
use datafusion::common::DFSchema;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;

use super::SqlError;
use super::context::state;
use super::functions::{self, Function};
use super::inline::Inlined;
use super::lower::{Lowering, Out, Rel, Stage, arrow_schema, physical};
use super::trace::{Call, Known, Traced, shown};
use crate::config::OutputMode;
use crate::plan::{
    AggregatePlan, NodeKind, OutputColumn, TimeColumn, Times, WindowKind, WindowPlan, WindowSpec,
};

/// What stands beside the SQL and concerns its aggregates.
#[derive(Debug, Clone, Copy, Default)]
pub struct AggregateOptions {
    pub mode: OutputMode,
    /// Microseconds.
    pub lateness: i64,
    pub state_ttl: Option<i64>,
}

/// The groups of an aggregate.
struct Grouping {
    keys: Vec<Expr>,
    /// What stands in each output column of the groups.
    columns: Vec<OutputColumn>,
    window: Option<Grouped>,
}

/// By what of time rows are grouped.
struct Grouped {
    kind: WindowKind,
    lag: i64,
    time: Expr,
}

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Rel, SqlError> {
        // Only the results of the last aggregate may change; those that another one reads must not.
        let inner = std::mem::replace(&mut self.below_aggregate, true);
        let options = match inner {
            false => self.options,
            true => AggregateOptions { lateness: self.options.lateness, ..Default::default() },
        };
        let before = self.aggregates;
        let inlined = self.inline(aggregate)?;
        self.below_aggregate = inner;
        let first = self.aggregates == before;
        let options = AggregateOptions {
            // What an aggregate sends on is never late, however late its rows were.
            lateness: if first { options.lateness } else { 0 },
            ..options
        };
        self.aggregates += 1;
        let grouping = group(&inlined.group_expr, &inlined.schema, &inlined.stage.known)?;
        check_mode(grouping.window.as_ref(), &inlined.stage.known, options)?;
        let (plan, times) = window_plan(aggregate, &inlined, &grouping, options)?;
        let schema = plan.schema.clone();
        self.growing |= plan.window.is_none() || plan.mode == OutputMode::Complete;
        let late = plan.window.is_some() && plan.mode != OutputMode::Complete;
        let known = Known::of(times);
        let out = Out { schema: schema.clone(), known: known.clone(), late };
        let node = self.keyed(NodeKind::Window(Box::new(plan)), inlined.stage, out);
        Ok(Rel::Stream(Stage::of(vec![node], schema, known)))
    }
}

fn group(exprs: &[Expr], schema: &DFSchema, known: &Known) -> Result<Grouping, SqlError> {
    let mut grouping = Grouping { keys: Vec::new(), columns: Vec::new(), window: None };
    let mut instant: Option<Grouped> = None;
    for expr in exprs {
        if let Expr::GroupingSet(_) = expr {
            return Err(SqlError::new(
                "GROUPING SETS, ROLLUP or CUBE on a stream",
                "write a step for each grouping",
            ));
        }
        match known.trace(expr, schema)? {
            Traced::Call(call) => {
                if grouping.window.is_some() {
                    return Err(SqlError::new(
                        "GROUP BY with two windows",
                        "group by one window; a second step may group its result by another",
                    ));
                }
                grouping.window = Some(of_call(expr, call, schema)?);
                grouping.columns.push(OutputColumn::Window);
                continue;
            }
            Traced::Time(time) => {
                let found = of_time(expr, time);
                let nearer = |known: &Grouped| found.as_ref().is_some_and(|f| f.lag < known.lag);
                if instant.as_ref().is_none_or(nearer) {
                    instant = found;
                }
            }
            Traced::Other => {}
        }
        grouping.columns.push(OutputColumn::Key(grouping.keys.len()));
        grouping.keys.push(expr.clone());
    }
    grouping.window = grouping.window.or(instant);
    Ok(grouping)
}

/// The window of a call, or of a column that holds one.
fn of_call(expr: &Expr, call: Call, schema: &DFSchema) -> Result<Grouped, SqlError> {
    let inner = expr.clone().unalias();
    let time = match (call.kind, functions::called(&inner)) {
        (WindowKind::Session, _) => inner,
        (_, Some((_, [time, ..]))) => match functions::is_window(&time.get_type(schema)?) {
            true => functions::call(Function::Time, vec![time.clone()]),
            false => time.clone(),
        },
        // What the function gave of one row begins where its windows are those of the row.
        (_, _) => functions::call(Function::Start, vec![inner]),
    };
    Ok(Grouped { kind: call.kind, lag: call.lag, time })
}

/// Rows grouped by event time itself, or by the window of an aggregate before.
fn of_time(expr: &Expr, time: TimeColumn) -> Option<Grouped> {
    let inner = expr.clone().unalias();
    let (time, lag) = match time {
        TimeColumn::Time { lag } => (inner, lag),
        TimeColumn::Window { end, .. } => (functions::call(Function::End, vec![inner]), end),
    };
    Some(Grouped { kind: WindowKind::Instant, lag, time })
}

fn check_mode(
    window: Option<&Grouped>,
    known: &Known,
    options: AggregateOptions,
) -> Result<(), SqlError> {
    match (window, options.mode) {
        (None, OutputMode::Append) => Err(SqlError::new(
            "GROUP BY, DISTINCT or an aggregate without a window, in output mode `append`: no row \
             of the result is ever final",
            "add a window, GROUP BY tumble(ts, INTERVAL '5 minutes'), or set output_mode = \
             \"update\" to have the rows that change; to drop repeated rows, use a step with \
             `deduplicate`",
        )),
        (Some(Grouped { kind: WindowKind::Session, .. }), OutputMode::Update) => {
            Err(SqlError::new(
                "sessions in output mode `update`: a session that grows into another takes back \
                 what was sent of both",
                "remove output_mode: a session is sent when it is complete",
            ))
        }
        (Some(_), _) if options.state_ttl.is_some() => Err(SqlError::new(
            "`state_ttl` for an aggregate over a window",
            "remove it: the state of a window goes when the window is complete",
        )),
        (None, _) if options.lateness > 0 => Err(SqlError::new(
            "`allowed_lateness` for an aggregate without a window",
            "remove it: without a window no row is late",
        )),
        (None, _) if options.state_ttl.is_some() && known.declared.is_empty() => {
            Err(SqlError::new(
                "`state_ttl` without event time",
                "it counts in event time: declare event_time = { column = \"...\", delay = \
                 \"2s\" } on the source, or on a step before",
            ))
        }
        (_, _) => Ok(()),
    }
}

/// The column of event time that lags least.
fn event_time(times: &Times) -> Option<usize> {
    let columns = times.iter().filter_map(|(at, time)| match time {
        TimeColumn::Time { lag } => Some((*lag, *at)),
        TimeColumn::Window { .. } => None,
    });
    columns.min().map(|(_, at)| at)
}

fn window_plan(
    aggregate: &Aggregate,
    inlined: &Inlined,
    grouping: &Grouping,
    options: AggregateOptions,
) -> Result<(WindowPlan, Times), SqlError> {
    let (below, stage) = (&inlined.schema, &inlined.stage);
    let keys = grouping.keys.iter().map(|key| physical(key, below));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let schema = arrow_schema(&aggregate.schema);
    let (aggregates, order) = aggregates(aggregate, inlined)?;
    let mut columns = grouping.columns.clone();
    columns.extend(order.into_iter().map(OutputColumn::Aggregate));
    let key_fields =
        columns.iter().zip(schema.fields()).filter_map(|(column, field)| match column {
            OutputColumn::Key(_) => Some(field.clone()),
            OutputColumn::Window | OutputColumn::Aggregate(_) => None,
        });
    let window = match &grouping.window {
        Some(grouped) => Some(WindowSpec {
            kind: grouped.kind,
            time: physical(&grouped.time, below)?,
            lag: grouped.lag,
            lateness: options.lateness,
        }),
        None => None,
    };
    let times = times_of(&columns, grouping, below, &stage.known, options)?;
    let plan = WindowPlan {
        keys,
        key_fields: key_fields.collect::<Fields>(),
        window,
        aggregates,
        mode: options.mode,
        state_ttl: options.state_ttl,
        event_time: event_time(&stage.known.times),
        input: stage.schema.clone(),
        columns,
        schema,
    };
    Ok((plan, times))
}

/// The times of what an aggregate sends on. Results that may change again have none: whoever
/// aggregates them would count them twice.
fn times_of(
    columns: &[OutputColumn],
    grouping: &Grouping,
    below: &DFSchema,
    known: &Known,
    options: AggregateOptions,
) -> Result<Times, SqlError> {
    let mut times = Times::new();
    let Some(window) = &grouping.window else { return Ok(times) };
    if options.mode != OutputMode::Append {
        return Ok(times);
    }
    for (at, column) in columns.iter().enumerate() {
        let time = match column {
            OutputColumn::Window => {
                let size = match window.kind {
                    WindowKind::Tumble { size, .. } | WindowKind::Hop { size, .. } => Some(size),
                    WindowKind::Session | WindowKind::Instant => None,
                };
                TimeColumn::window(size, window.lag + options.lateness)
            }
            OutputColumn::Key(key) if window.kind == WindowKind::Instant => {
                match known.trace(&grouping.keys[*key], below)? {
                    Traced::Time(time) => time.later(options.lateness),
                    Traced::Call(_) | Traced::Other => continue,
                }
            }
            OutputColumn::Key(_) | OutputColumn::Aggregate(_) => continue,
        };
        times.insert(at, time);
    }
    Ok(times)
}

/// The aggregates in the order of their texts, and for each of the query its place there.
fn aggregates(
    aggregate: &Aggregate,
    inlined: &Inlined,
) -> Result<(Vec<AggregatePlan>, Vec<usize>), SqlError> {
    let (below, stage) = (&inlined.schema, &inlined.stage);
    let mut plans: Vec<(usize, AggregatePlan)> = Vec::new();
    for (at, expr) in inlined.aggr_expr.iter().enumerate() {
        stage.known.refuse_windows(expr, below)?;
        let inner = expr.clone().unalias();
        if let Expr::AggregateFunction(call) = &inner
            && call.func.name() == "nth_value"
            && !call.params.order_by.is_empty()
        {
            return Err(SqlError::new(
                "nth_value(... ORDER BY ...) on a stream, whose rows come in any order",
                "take the element of a list: array_agg(x ORDER BY y)[n]",
            ));
        }
        let context = PhysicalPlanningContext::default();
        let props = state().execution_props();
        let builder = LoweredAggregateBuilder::new(&inner, below, &stage.schema, props, &context);
        let name = aggregate.schema.field(aggregate.group_expr.len() + at).name();
        let lowered = builder.with_name(name).build()?;
        let text = shown(&inner);
        plans.push((at, AggregatePlan { expr: lowered.aggregate, filter: lowered.filter, text }));
    }
    plans.sort_by(|(_, a), (_, b)| a.text.cmp(&b.text));
    let mut order = vec![0; plans.len()];
    for (place, (at, _)) in plans.iter().enumerate() {
        order[*at] = place;
    }
    Ok((plans.into_iter().map(|(_, plan)| plan).collect(), order))
}
