//! Plugin steps to which rows come again.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;

use super::build::Builder;
use super::names::FALLBACK;
use super::time::micros;
use crate::config::{Named, Placed, PluginConfig, RetryConfig, StepConfig};
use crate::dead_letter;
use crate::diagnostic::Place;
use crate::plan::{Input, Node, NodeKind, PluginPlan, Port, QUEUED, QueuePlan, RetryPlan};

/// The columns of a dead letter that tell its row from others.
const ROW_COLUMNS: [&str; 3] = ["source", "partition", "row"];

impl Builder<'_> {
    /// The step, and behind it its queue. What reads a port of the step reads it of both.
    pub(super) fn retried(
        &mut self,
        step: &Named<StepConfig>,
        (config, retry): (&PluginConfig, &Placed<RetryConfig>),
        mut plan: PluginPlan,
        inputs: Vec<Input>,
        mut ports: Vec<Port>,
    ) -> bool {
        if !self.may_retry(retry, &plan) {
            return false;
        }
        let mut event_time = self.event_time(&step.name, config.event_time.as_ref(), &mut ports);
        if event_time.is_none() && config.event_time.is_some() {
            return false;
        }
        let own = ports.clone();
        let codes = retry.codes.iter().map(|code| code.to_string()).collect();
        let retry_plan = RetryPlan { codes, fallback: own.len(), queue: own.len() + 1 };
        let times = self.times_of(&inputs);
        ports.push(Port { name: FALLBACK.to_owned(), schema: plan.input.clone(), times });
        ports.push(Port::timeless("queue", QUEUED.clone()));
        if let Some(event_time) = &mut event_time {
            event_time.columns.resize(ports.len(), None);
        }
        plan.retry = Some(retry_plan.clone());
        let queue = QueuePlan {
            plugin: plan.clone(),
            retry: retry_plan.clone(),
            after: micros(retry.after),
            attempts: retry.attempts as u32,
            rows_max: retry.max_rows as u64,
            keys: keys(),
        };
        let input = plan.input.clone();
        let kind = NodeKind::Plugin(Box::new(plan));
        let node = self.node(Node { name: step.name.clone(), kind, inputs, ports, event_time });
        let queue = self.node(Node {
            name: format!("{}#retry", step.name),
            kind: NodeKind::Queue(Box::new(queue)),
            inputs: vec![Input { node, port: retry_plan.queue }],
            ports: own.clone(),
            event_time: None,
        });
        for (port, Port { name, schema, .. }) in own.into_iter().enumerate() {
            let of_both = vec![Input { node, port }, Input { node: queue, port }];
            self.endpoint(&step.name, &name, of_both, schema);
        }
        let fallback = Input { node, port: retry_plan.fallback };
        self.endpoint(&step.name, FALLBACK, vec![fallback], input);
        true
    }

    fn may_retry(&mut self, retry: &Placed<RetryConfig>, plan: &PluginPlan) -> bool {
        if plan.ports.iter().any(|port| port.name == FALLBACK) {
            let message = format!("plugin `{}` has a port `{FALLBACK}` of its own", plan.plugin);
            let help = "with `retry`, this is the port of the rows that come again: let the plugin \
                        call its port otherwise";
            self.error(retry.place(), message, help);
            return false;
        }
        let wrong = retry.codes.iter().find(|code| !dead_letter::is_code(code));
        if let Some(wrong) = wrong {
            let message = format!("no row error has the code `{}`", &**wrong);
            let help = "a code has lower-case letters, digits and underscores, at most 64";
            self.error(wrong.place(), message, help);
        }
        wrong.is_none()
    }

    pub(super) fn keyed_retry(&mut self, place: Place) {
        let help = "the rows of a key keep their order, and one that comes again would not: put \
                    what fails for a while into a plugin without a key, before this one";
        self.error(place, "`retry` for a plugin with a key", help);
    }

    /// Whether rows may come again to this step.
    pub(super) fn is_retried(&self, step: &str) -> bool {
        let step = self.config.steps.iter().find(|known| known.name == step);
        let config = step.map(|step| &step.config);
        matches!(config, Some(StepConfig::Plugin(config)) if config.retry.is_some())
    }
}

/// By which tasks share what waits.
fn keys() -> Vec<Arc<dyn PhysicalExpr>> {
    let column = |name: &str| {
        let at = QUEUED.index_of(name).unwrap_or_default();
        Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>
    };
    ROW_COLUMNS.map(column).to_vec()
}
