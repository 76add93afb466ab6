//! Where event time is declared, and which streams still have it.

use arrow::datatypes::{DataType, TimeUnit};

use super::build::{Builder, ports_with_errors};
use super::names::{ERRORS, LATE};
use crate::config::{EventTimeConfig, StepConfig, Timespan};
use crate::diagnostic::{Diagnostic, suggest};
use crate::plan::{EventTime, Input, Node, NodeKind, Port, ProjectPlan, TimeColumn, Times, times};
use crate::sql::{self, Lowered};

impl Builder<'_> {
    /// Checks the event time that `step` declares for rows of `ports`, and notes it there.
    /// `None` if there is none, or a mistake.
    pub(super) fn event_time(
        &mut self,
        step: &str,
        config: Option<&EventTimeConfig>,
        ports: &mut [Port],
    ) -> Option<EventTime> {
        let config = config?;
        let column = &*config.column;
        let place = config.column.place();
        let at = |port: &Port| match port.name.as_str() {
            ERRORS | LATE => None,
            _ => port.schema.index_of(column).ok(),
        };
        let at: Vec<_> = ports.iter().map(at).collect();
        let Some((port, index)) = at.iter().enumerate().find_map(|(p, at)| Some((p, (*at)?)))
        else {
            let names = ports.iter().flat_map(|port| port.schema.fields().iter());
            let names = names.map(|field| field.name().as_str());
            let help = suggest(column, names).unwrap_or_else(|| {
                "event time stands where the column first exists: on a source that parses, or on \
                 the step behind it"
                    .to_owned()
            });
            self.error(place, format!("`{step}` has no column `{column}`"), help);
            return None;
        };
        let found = ports[port].schema.field(index).data_type().clone();
        if !matches!(found, DataType::Timestamp(..)) {
            let message = format!("event time `{column}` is {found}, not a timestamp");
            let help = "give the source a schema with `timestamp` or `timestamp[ms]` for it, or \
                        cast it in a SQL step and declare event_time there";
            self.error(place, message, help);
            return None;
        }
        if let Some(port) = ports.iter().find(|p| p.name != LATE && !p.times.is_empty()) {
            let has = port.times.keys().next().map(|at| port.schema.field(*at).name().clone());
            let message = format!("`{step}` has event time already: `{}`", has.unwrap_or_default());
            let help = "declare event_time once, where the column first exists";
            self.error(place, message, help);
            return None;
        }
        for (port, at) in ports.iter_mut().zip(&at) {
            port.times.extend(at.map(|at| (at, TimeColumn::Time { lag: 0 })));
        }
        Some(EventTime {
            step: step.to_owned(),
            columns: at,
            delay: micros(config.delay),
            idle: config.idle.0,
            since: None,
        })
    }

    /// Event time is in microseconds; SQL's own functions give other units.
    pub(super) fn in_microseconds(&mut self, step: &str, column: &str, lowered: &mut Lowered) {
        let Ok(at) = lowered.schema.index_of(column) else { return };
        let DataType::Timestamp(unit, zone) = lowered.schema.field(at).data_type() else { return };
        if *unit == TimeUnit::Microsecond {
            return;
        }
        let target = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
        let (exprs, schema) = sql::with_type(&lowered.schema, at, &target);
        let mut ports = ports_with_errors(schema.clone());
        ports[0].times = self.times_of(&[lowered.main]);
        let plan =
            ProjectPlan { columns: None, filter: None, exprs: Some(exprs), schema: schema.clone() };
        let node = self.node(Node {
            name: format!("{step}#time"),
            kind: NodeKind::Project(plan),
            inputs: vec![lowered.main],
            ports,
            event_time: None,
        });
        lowered.main = Input { node, port: 0 };
        lowered.errors.push(Input { node, port: 1 });
        lowered.schema = schema;
    }

    /// Refuses event time behind a step with state: rows of one partition are then divided among
    /// tasks, none of which knows how far the partition has come.
    pub(super) fn event_time_behind_state(&mut self) {
        for step in &self.config.steps {
            let declared = match &step.config {
                StepConfig::Sql(config) => config.event_time.as_ref(),
                StepConfig::Plugin(config) => config.event_time.as_ref(),
                StepConfig::Deduplicate(config) => config.event_time.as_ref(),
            };
            let is_own =
                |node: &Node| node.event_time.as_ref().is_some_and(|t| t.step == step.name);
            let (Some(config), Some(node)) = (declared, self.nodes.iter().position(is_own)) else {
                continue;
            };
            if let Some(before) = self.state_before(node) {
                let message = format!("event time is declared behind `{before}`, which has state");
                let help = format!(
                    "declare it before `{before}`: on the source, or on a step between them that \
                     makes the column"
                );
                self.error(config.column.place(), message, help);
            }
        }
    }

    /// The step with state that rows of a node have passed, the node itself included.
    fn state_before(&self, node: usize) -> Option<String> {
        let mut waiting = vec![node];
        while let Some(at) = waiting.pop() {
            let node = &self.nodes[at];
            // Rows that come from a queue tell nothing of how far their partition has come.
            if node.kind.keys().is_some() && !matches!(node.kind, NodeKind::Queue(_)) {
                return node.name.split('#').next().map(str::to_owned);
            }
            waiting.extend(node.inputs.iter().map(|input| input.node));
        }
        None
    }

    /// The times that all of these have.
    pub(super) fn times_of(&self, inputs: &[Input]) -> Times {
        let mut all = inputs.iter().map(|input| &self.nodes[input.node].ports[input.port].times);
        let Some(first) = all.next() else { return Times::new() };
        all.fold(first.clone(), |common, other| times::union(&common, other))
    }

    /// Tells of state that only grows.
    pub(super) fn warn_growing(&mut self, place: crate::diagnostic::Place, step: &str, help: &str) {
        let message = format!("the state of `{step}` grows with the number of its keys");
        self.found.push(Diagnostic::warning(place, message).help(help));
    }
}

/// The column of event time that lags the least.
pub(super) fn time_column(times: &Times) -> Option<usize> {
    let times = times.iter().filter_map(|(at, time)| match time {
        TimeColumn::Time { lag } => Some((*lag, *at)),
        TimeColumn::Window { .. } => None,
    });
    times.min().map(|(_, at)| at)
}

/// A length of time in microseconds.
pub(super) fn micros(time: Timespan) -> i64 {
    i64::try_from(time.0.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
