//! Steps that run a keyed plugin.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::build::Builder;
use super::names::LATE;
use super::plugin::plan_keyed;
use super::steps::plugin_ports;
use super::time::{micros, time_column};
use crate::config::{Named, PluginConfig, RowOrder, StepConfig, Text};
use crate::plan::{Input, NodeKind, Order, PluginRequest, Port, TimeColumn, Times};

impl Builder<'_> {
    pub(super) fn keyed(
        &mut self,
        step: &Named<StepConfig>,
        config: &PluginConfig,
        (key, request): (&[Text], &PluginRequest),
        inputs: Vec<Input>,
    ) -> bool {
        let schema = Arc::new(Schema::new(request.input.clone()));
        let Some(key) = self.key_columns(&step.name, key, &schema) else { return false };
        let times = self.times_of(&inputs);
        let Some(order) = self.order(step, config, &times) else { return false };
        let planned = plan_keyed(&step.name, request, config.on_failure, &key, self.plugins);
        let mut plan = match planned {
            Ok(plan) => plan,
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| self.refusal(step, config, refusal));
                return false;
            }
        };
        let time_column = time_column(&times);
        let mut ports = plugin_ports(&plan.plugin, &times);
        if let Order::EventTime { .. } = order {
            plan.late = Some(ports.len());
            ports.push(Port { name: LATE.to_owned(), schema, times });
        }
        plan.order = order;
        plan.plugin.event_time = time_column;
        let ttl = config.state_ttl.as_ref().map(|ttl| micros(**ttl));
        plan.state_ttl = ttl.or(plan.state_ttl);
        self.plugin_node(step, config, NodeKind::Keyed(Box::new(plan)), inputs, ports)
    }

    fn order(
        &mut self,
        step: &Named<StepConfig>,
        config: &PluginConfig,
        times: &Times,
    ) -> Option<Order> {
        let times = times.iter().filter_map(|(at, time)| match time {
            TimeColumn::Time { lag } => Some((*at, *lag)),
            TimeColumn::Window { .. } => None,
        });
        let time = times.min_by_key(|(_, lag)| *lag);
        match (config.order.as_ref().map(|order| **order), time) {
            (None | Some(RowOrder::EventTime), Some((column, lag))) => {
                Some(Order::EventTime { column, lag })
            }
            (Some(RowOrder::Arrival), Some((_, lag))) => Some(Order::Arrival { lag }),
            (None | Some(RowOrder::Arrival), None) => Some(Order::Arrival { lag: 0 }),
            (Some(RowOrder::EventTime), None) => {
                let place = config.order.as_ref().map(|order| order.place());
                let message = format!("the input of `{}` has no event time", step.name);
                let help = "declare it where the column first exists, on the source or on a step: \
                            event_time = { column = \"...\", delay = \"2s\" }";
                self.error(place, message, help);
                None
            }
        }
    }
}
