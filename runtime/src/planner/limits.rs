//! Whether the instances that a pipeline needs are within its bounds: known before it starts.

use super::build::Builder;
use crate::config::StepConfig;
use crate::graph::Graph;
use crate::plan::{Plan, step_of};

/// The instances of one plugin, and what each may have of memory.
struct Need {
    /// The step or function.
    name: String,
    instances: usize,
    instances_max: usize,
    memory: u64,
}

impl Need {
    fn memory(&self) -> u64 {
        self.memory.saturating_mul(self.instances as u64)
    }
}

impl Builder<'_> {
    /// Refuses bounds that the plan would pass.
    pub(super) fn limits(&mut self, plan: &Plan) {
        let needs = self.needs(plan);
        for need in &needs {
            if need.instances > need.instances_max {
                self.too_many(need);
            }
        }
        let limits = &self.config.settings.limits;
        let instances: usize = needs.iter().map(|need| need.instances).sum();
        if let Some(max) = &limits.instances
            && instances > **max
        {
            let each = needs.iter().map(|need| format!("`{}` {}", need.name, need.instances));
            let message = format!(
                "the plugins need {instances} instances: {}",
                each.collect::<Vec<_>>().join(", ")
            );
            let help = format!("raise it to {instances}, or lower `parallelism`");
            self.error(max.place(), message, help);
        }
        let memory = needs.iter().map(Need::memory).fold(0, u64::saturating_add);
        if let Some(max) = &limits.memory
            && memory > max.0
        {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let each = needs.iter().map(|need| {
                format!("`{}` {} times {} MiB", need.name, need.instances, mib(need.memory))
            });
            let message = format!(
                "the plugins may come to have {} MiB of memory: {}",
                mib(memory),
                each.collect::<Vec<_>>().join(", ")
            );
            let help = format!(
                "raise it to \"{}MiB\", lower limits.memory of a plugin, or lower `parallelism`",
                mib(memory)
            );
            self.error(max.place(), message, help);
        }
    }

    /// A step has an instance in each of its tasks. A function has one for each task at most, as
    /// what is beyond its own bound waits.
    fn needs(&self, plan: &Plan) -> Vec<Need> {
        let graph = Graph::new(plan);
        let tasks = |node: usize| -> usize {
            let runs = graph.groups.iter().filter(|g| g.head == node || g.nodes.contains(&node));
            runs.map(|group| group.tasks).sum()
        };
        let steps = plan.nodes.iter().enumerate().filter_map(|(at, node)| {
            let plugin = node.kind.plugin()?;
            Some(Need {
                name: step_of(&node.name).to_owned(),
                instances: tasks(at),
                instances_max: plugin.limits.instances,
                memory: plugin.limits.memory.0,
            })
        });
        // A step and the queue behind it share their bound.
        let mut by_step: Vec<Need> = Vec::new();
        for need in steps {
            match by_step.iter_mut().find(|known| known.name == need.name) {
                Some(known) => known.instances += need.instances,
                None => by_step.push(need),
            }
        }
        let all_tasks: usize = graph.groups.iter().map(|group| group.tasks).sum();
        let functions = self.config.functions.iter().map(|function| {
            let limits = &function.config.limits;
            Need {
                name: function.name.clone(),
                instances: all_tasks.min(limits.instances),
                instances_max: limits.instances,
                memory: limits.memory.0,
            }
        });
        by_step.into_iter().chain(functions).collect()
    }

    fn too_many(&mut self, need: &Need) {
        let step = self.config.steps.iter().find(|step| step.name == need.name);
        let Some(step) = step else { return };
        let place = match &step.config {
            StepConfig::Plugin(config) => config.plugin.place(),
            StepConfig::Sql(_) | StepConfig::Deduplicate(_) => step.place.clone(),
        };
        let message = format!(
            "`{}` runs in {} tasks, each with an instance of its plugin, and `limits` allow {}",
            need.name, need.instances, need.instances_max
        );
        let help = format!(
            "raise limits.instances of the step to {}, or lower `parallelism`",
            need.instances
        );
        self.error(place, message, help);
    }
}
