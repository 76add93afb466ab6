//! Which expressions are event time or windows: only columns that are carried over stay what they
//! are.

use std::collections::BTreeMap;

use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;

use super::SqlError;
use super::functions::{self, Function};
use crate::plan::{TimeColumn, Times, WindowKind};

/// A column that holds what a window function gives of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub kind: WindowKind,
    /// By how much the time of the row lags behind the watermark.
    pub lag: i64,
}

impl Call {
    /// What the column tells of time, where rows are not grouped by it.
    fn time(self) -> Option<TimeColumn> {
        match self.kind {
            WindowKind::Tumble { size, .. } => Some(TimeColumn::window(Some(size), self.lag)),
            WindowKind::Hop { .. } | WindowKind::Session | WindowKind::Instant => None,
        }
    }

    fn name(self) -> &'static str {
        match self.kind {
            WindowKind::Tumble { .. } => "tumble",
            WindowKind::Hop { .. } => "hop",
            WindowKind::Session => "session",
            WindowKind::Instant => "window",
        }
    }
}

/// What is known of the columns of a stream within a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub times: Times,
    /// Columns that window functions made, by index.
    pub calls: BTreeMap<usize, Call>,
    /// The names of the columns of event time that the query could have used.
    pub declared: Vec<String>,
}

/// What an expression over a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traced {
    Call(Call),
    Time(TimeColumn),
    Other,
}

impl Known {
    pub fn of(times: Times) -> Self {
        Self { times, ..Self::default() }
    }

    /// Of a stream as a name in FROM gives it.
    pub fn declared(times: &Times, schema: &Schema) -> Self {
        let declared = times.keys().map(|at| schema.field(*at).name().clone()).collect();
        Self { declared, ..Self::of(times.clone()) }
    }

    /// Of a stream whose columns are these; `None`: a column that is new.
    pub fn picked(&self, columns: &[Option<usize>]) -> Self {
        let calls = columns.iter().enumerate();
        let calls = calls.filter_map(|(to, from)| Some((to, *self.calls.get(&(*from)?)?)));
        let times = crate::plan::times::picked(&self.times, columns.iter().copied());
        Self { times, calls: calls.collect(), declared: self.declared.clone() }
    }

    /// Of a stream whose columns are `exprs` over this one.
    ///
    /// # Errors
    /// If a window is used where there is none yet.
    pub fn projected(&self, exprs: &[Expr], schema: &DFSchema) -> Result<Self, SqlError> {
        let mut projected = Self { declared: self.declared.clone(), ..Self::default() };
        for (at, expr) in exprs.iter().enumerate() {
            match self.trace(expr, schema)? {
                Traced::Call(call) => {
                    projected.calls.insert(at, call);
                    projected.times.extend(call.time().map(|time| (at, time)));
                }
                Traced::Time(time) => {
                    projected.times.insert(at, time);
                }
                Traced::Other => {}
            }
        }
        Ok(projected)
    }

    /// What `expr` over this stream is.
    ///
    /// # Errors
    /// If a window is used where there is none yet, or is not over event time.
    pub fn trace(&self, expr: &Expr, schema: &DFSchema) -> Result<Traced, SqlError> {
        if let Some((function, args)) = functions::called(expr) {
            return self.trace_call(function, args, schema);
        }
        if let Some((window, function)) = part(expr) {
            return self.trace_call(function, std::slice::from_ref(window), schema);
        }
        match expr {
            Expr::Alias(alias) => self.trace(&alias.expr, schema),
            Expr::Column(column) => Ok(self.column(column, schema)),
            other => {
                self.refuse_windows(other, schema)?;
                Ok(Traced::Other)
            }
        }
    }

    fn column(&self, column: &Column, schema: &DFSchema) -> Traced {
        let Some(at) = schema.maybe_index_of_column(column) else { return Traced::Other };
        match (self.calls.get(&at), self.times.get(&at)) {
            (Some(call), _) => Traced::Call(*call),
            (None, Some(time)) => Traced::Time(*time),
            (None, None) => Traced::Other,
        }
    }

    fn trace_call(
        &self,
        function: Function,
        args: &[Expr],
        schema: &DFSchema,
    ) -> Result<Traced, SqlError> {
        let Some((first, rest)) = args.split_first() else { return Ok(Traced::Other) };
        for arg in rest {
            self.refuse_windows(arg, schema)?;
        }
        let of = match self.trace(first, schema)? {
            Traced::Call(call) => match call.time() {
                Some(time) => Some(time),
                None => return Err(not_grouped(call.name())),
            },
            Traced::Time(time) => Some(time),
            Traced::Other => None,
        };
        match (function, of) {
            (Function::Start, Some(TimeColumn::Window { start, .. })) => {
                Ok(start.map_or(Traced::Other, |lag| Traced::Time(TimeColumn::Time { lag })))
            }
            (Function::End, Some(TimeColumn::Window { end: lag, .. })) => {
                Ok(Traced::Time(TimeColumn::Time { lag }))
            }
            (Function::Time, Some(TimeColumn::Window { end, .. })) => {
                Ok(Traced::Time(TimeColumn::Time { lag: end + 1 }))
            }
            (Function::Start | Function::End | Function::Time, _) => Ok(Traced::Other),
            (Function::Tumble | Function::Hop | Function::Session, Some(time)) => {
                let lag = match time {
                    TimeColumn::Time { lag } => lag,
                    TimeColumn::Window { end, .. } => end + 1,
                };
                let kind = functions::kind_of(function, rest).map_err(|message| {
                    SqlError::new(message, "write a length as INTERVAL '5 minutes'")
                })?;
                Ok(Traced::Call(Call { kind, lag }))
            }
            (Function::Tumble | Function::Hop | Function::Session, None) => {
                Err(self.no_event_time(first))
            }
        }
    }

    fn no_event_time(&self, time: &Expr) -> SqlError {
        let message = format!("a window over `{}`, which is no event time", shown(time));
        if self.declared.is_empty() {
            let help = "declare it where the column first exists, on the source or on a step: \
                        event_time = { column = \"...\", delay = \"2s\" }; a column that is \
                        computed from it is none";
            return SqlError::new(message, help);
        }
        let help = format!(
            "event time here: `{}`; a column that is computed from it is none",
            self.declared.join("`, `")
        );
        SqlError::new(message, help)
    }

    /// Refuses a window in an expression that is not grouped by it: a row has no window of its own.
    ///
    /// # Errors
    /// Names the function and the remedy.
    pub fn refuse_windows(&self, expr: &Expr, schema: &DFSchema) -> Result<(), SqlError> {
        let mut found = None;
        expr.apply(|inner| {
            match (functions::called(inner), inner) {
                (Some((Function::Hop, _)), _) => found = Some("hop"),
                (Some((Function::Session, _)), _) => found = Some("session"),
                (None, Expr::Column(column)) => {
                    if let Traced::Call(call) = self.column(column, schema)
                        && call.time().is_none()
                    {
                        found = Some(call.name());
                    }
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        found.map_or(Ok(()), |name| Err(not_grouped(name)))
    }

    /// As [`refuse_windows`](Self::refuse_windows), of columns that leave the query.
    ///
    /// # Errors
    /// Names the function and the remedy.
    pub fn refuse_open_windows(&self) -> Result<(), SqlError> {
        match self.calls.values().find(|call| call.time().is_none()) {
            Some(call) => Err(not_grouped(call.name())),
            None => Ok(()),
        }
    }
}

fn not_grouped(function: &str) -> SqlError {
    SqlError::new(
        format!("{function}() outside of GROUP BY"),
        format!(
            "which windows a row is in is known once rows are grouped: SELECT {function}(...) AS w \
             ... GROUP BY w, and use w.start and w.end above that"
        ),
    )
}

/// `w['start']`, `w.start`: the window and the function that is the same.
fn part(expr: &Expr) -> Option<(&Expr, Function)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let [window, Expr::Literal(ScalarValue::Utf8(Some(name)), _)] = call.args.as_slice() else {
        return None;
    };
    if call.func.name() != "get_field" {
        return None;
    }
    match name.as_str() {
        "start" => Some((window, Function::Start)),
        "end" => Some((window, Function::End)),
        _ => None,
    }
}

/// An expression without the names of relations.
pub(super) fn shown(expr: &Expr) -> String {
    use datafusion::common::tree_node::Transformed;
    let bare = expr.clone().transform(|inner| match inner {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    });
    bare.map_or_else(|_| expr.to_string(), |bare| bare.data.schema_name().to_string())
}
