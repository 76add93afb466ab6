//! Steps that drop repeated rows.

use std::sync::Arc;

use arrow::datatypes::{Fields, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;

use super::build::{Builder, ports_with_errors};
use super::names::{ERRORS, LATE, MAIN};
use super::time::micros;
use crate::config::{DeduplicateConfig, Named, Placed, StepConfig, Text, Timespan};
use crate::diagnostic::suggest;
use crate::plan::{DedupBound, DedupPlan, Input, Node, NodeKind, Port, TimeColumn, Times};

impl Builder<'_> {
    pub(super) fn deduplicate(
        &mut self,
        step: &Named<StepConfig>,
        config: &DeduplicateConfig,
    ) -> bool {
        let Some((inputs, schema)) = self.read_all(&step.name, &config.from) else { return false };
        let times = self.times_of(&inputs);
        let keys = self.key_columns(&step.name, &config.deduplicate, &schema);
        let bound = self.bound(step, config, &times);
        let (Some(keys), Some(bound)) = (keys, bound) else { return false };
        let key = |at: &usize| {
            Arc::new(Column::new(schema.field(*at).name(), *at)) as Arc<dyn PhysicalExpr>
        };
        let plan = DedupPlan {
            keys: keys.iter().map(key).collect(),
            key_fields: keys.iter().map(|at| schema.fields()[*at].clone()).collect::<Fields>(),
            bound,
            input: schema.clone(),
        };
        let node = self.nodes.len();
        let mut ports = ports_with_errors(schema.clone());
        ports[0].times = times.clone();
        if let DedupBound::Within { .. } = bound {
            ports.push(Port { name: LATE.to_owned(), schema, times });
        }
        let event_time = self.event_time(&step.name, config.event_time.as_ref(), &mut ports);
        if event_time.is_none() && config.event_time.is_some() {
            return false;
        }
        let kind = NodeKind::Dedup(plan);
        let names: Vec<_> =
            ports.iter().map(|port| (port.name.clone(), port.schema.clone())).collect();
        self.node(Node { name: step.name.clone(), kind, inputs, ports, event_time });
        for (port, (name, schema)) in names.into_iter().enumerate() {
            debug_assert!([MAIN, ERRORS, LATE].contains(&name.as_str()));
            self.endpoint(&step.name, &name, vec![Input { node, port }], schema);
        }
        if bound == DedupBound::Unbounded {
            let help = "it was said to be `unbounded`; `within` or `state_ttl` would bound it";
            self.warn_growing(step.place.clone(), &step.name, help);
        }
        true
    }

    /// The indices of the columns that make a key.
    pub(super) fn key_columns(
        &mut self,
        step: &str,
        named: &[Text],
        schema: &SchemaRef,
    ) -> Option<Vec<usize>> {
        let mut keys = Vec::new();
        for column in named {
            match schema.index_of(column) {
                Ok(at) if keys.contains(&at) => {
                    let message = format!("`{}` is named twice", &**column);
                    self.error(column.place(), message, "name each column once");
                    return None;
                }
                Ok(at) => keys.push(at),
                Err(_) => {
                    let names: Vec<&str> =
                        schema.fields().iter().map(|field| field.name().as_str()).collect();
                    let help = suggest(column, names.iter().copied())
                        .unwrap_or_else(|| format!("its columns: `{}`", names.join("`, `")));
                    let message = format!("the input of `{step}` has no column `{}`", &**column);
                    self.error(column.place(), message, help);
                    return None;
                }
            }
        }
        Some(keys)
    }

    fn bound(
        &mut self,
        step: &Named<StepConfig>,
        config: &DeduplicateConfig,
        times: &Times,
    ) -> Option<DedupBound> {
        let length: &Placed<Timespan> = match (&config.within, &config.state_ttl, config.unbounded)
        {
            (Some(length), None, false) | (None, Some(length), false) => length,
            (None, None, true) => return Some(DedupBound::Unbounded),
            (None, None, false) => {
                let message =
                    format!("`{}` does not say for how long a key is remembered", step.name);
                let help = "add one of: within = \"60s\", for repeats that come soon; state_ttl = \
                            \"30d\"; unbounded = true, to remember every key for good";
                self.error(step.place.clone(), message, help);
                return None;
            }
            (_, _, _) => {
                let message =
                    format!("`{}` says twice for how long a key is remembered", step.name);
                let help = "keep one of `within`, `state_ttl` and `unbounded`";
                self.error(step.place.clone(), message, help);
                return None;
            }
        };
        let times = times.iter().filter_map(|(at, time)| match time {
            TimeColumn::Time { lag } => Some((*at, *lag)),
            TimeColumn::Window { .. } => None,
        });
        let Some((column, lag)) = times.min_by_key(|(_, lag)| *lag) else {
            let message = format!("the input of `{}` has no event time", step.name);
            let help = "declare it where the column first exists, on the source or on a step: \
                        event_time = { column = \"...\", delay = \"2s\" }; or remember every key: \
                        unbounded = true";
            self.error(length.place(), message, help);
            return None;
        };
        Some(DedupBound::Within { column, lag, length: micros(**length) })
    }
}
