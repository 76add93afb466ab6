//! Steps, each after those that it reads.

use std::collections::BTreeSet;

use super::build::Builder;
use super::names::{ERRORS, MAIN, split};
use super::plugin;
use crate::config::{Named, PluginConfig, SqlConfig, StepConfig};
use crate::dead_letter;
use crate::diagnostic::{Diagnostic, suggest};
use crate::plan::{Input, Node, NodeKind, PluginPort, PluginRefusal, PluginRequest, Port};
use crate::sql::{self, Relation};

impl Builder<'_> {
    /// Plans the steps, each after those that it reads.
    pub(super) fn steps(&mut self) {
        let mut waiting: Vec<(&Named<StepConfig>, Vec<String>)> = Vec::new();
        for step in &self.config.steps {
            match self.step_inputs(step) {
                Some(inputs) => waiting.push((step, inputs)),
                None => {
                    self.broken.insert(step.name.clone());
                }
            }
        }
        while !waiting.is_empty() {
            let names: BTreeSet<&str> = waiting.iter().map(|(s, _)| s.name.as_str()).collect();
            let is_ready = |inputs: &[String]| !inputs.iter().any(|i| names.contains(split(i).0));
            let Some(at) = waiting.iter().position(|(_, inputs)| is_ready(inputs)) else {
                let list: Vec<&str> = names.into_iter().collect();
                let message = format!("steps read each other in a circle: `{}`", list.join("`, `"));
                let place = waiting[0].0.place.clone();
                self.error(place, message, "a step may only read what comes before it");
                self.broken.extend(waiting.iter().map(|(s, _)| s.name.clone()));
                return;
            };
            let (step, inputs) = waiting.remove(at);
            let broken = inputs.iter().any(|i| self.broken.contains(split(i).0));
            let planned = !broken
                && match &step.config {
                    StepConfig::Sql(config) => self.sql(step, config, &inputs),
                    StepConfig::Plugin(config) => self.plugin(step, config),
                };
            if broken {
                // So that ports of the healthy inputs do not count as unread.
                inputs.iter().for_each(|i| drop(self.names.read(i)));
            }
            if !planned {
                self.broken.insert(step.name.clone());
            }
        }
    }

    pub(super) fn step_inputs(&mut self, step: &Named<StepConfig>) -> Option<Vec<String>> {
        match &step.config {
            StepConfig::Plugin(config) => Some(config.from.iter().map(|t| t.to_string()).collect()),
            StepConfig::Sql(config) => match sql::references(&config.sql) {
                Ok(references) => Some(references),
                Err(error) => {
                    self.sql_error(config, error);
                    None
                }
            },
        }
    }

    pub(super) fn sql(
        &mut self,
        step: &Named<StepConfig>,
        config: &SqlConfig,
        inputs: &[String],
    ) -> bool {
        let mut relations = Vec::new();
        for name in inputs {
            if let Some(table) = self.tables.iter().position(|t| t.name == *name) {
                let schema = self.tables[table].schema.clone();
                relations.push((name.clone(), Relation::Table(table, schema)));
                continue;
            }
            match self.names.read(name) {
                Ok(endpoint) => relations.push((name.clone(), Relation::Stream(endpoint))),
                Err(unknown) => {
                    let tables = self.tables.iter().map(|t| t.name.as_str());
                    let help = suggest(name, tables).unwrap_or(unknown.help);
                    self.error(config.sql.place(), unknown.message, help);
                    return false;
                }
            }
        }
        match sql::lower(&step.name, &config.sql, &relations, &mut self.nodes) {
            Ok(lowered) => {
                self.endpoint(&step.name, MAIN, vec![lowered.main], lowered.schema);
                let errors = dead_letter::SCHEMA.clone();
                self.endpoint(&step.name, ERRORS, lowered.errors, errors);
                true
            }
            Err(error) => {
                self.sql_error(config, error);
                false
            }
        }
    }

    pub(super) fn sql_error(&mut self, config: &SqlConfig, error: sql::SqlError) {
        let place = config.sql.place();
        let at = error.at.and_then(|at| self.found.place_within(&place, &config.sql, at));
        let mut diagnostic = Diagnostic::error(at.unwrap_or(place), error.message);
        diagnostic.help = error.help;
        self.found.push(diagnostic);
    }

    pub(super) fn plugin(&mut self, step: &Named<StepConfig>, config: &PluginConfig) -> bool {
        let Some((inputs, input)) = self.read_all(&step.name, &config.from) else { return false };
        let mut grant_log = false;
        for grant in &config.grant {
            match &**grant {
                "log" => grant_log = true,
                other => {
                    let message = format!("`{other}` can't be granted");
                    self.error(grant.place(), message, "a plugin may be granted: `log`");
                    return false;
                }
            }
        }
        let json = serde_json::Value::Object(config.config.json.clone()).to_string();
        let request = PluginRequest {
            plugin: &config.plugin,
            config: &json,
            input: input.fields(),
            limits: &config.limits,
            grant_log,
        };
        let planned = plugin::plan_plugin(&step.name, &request, config.on_failure, self.plugins);
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| self.refusal(step, config, refusal));
                return false;
            }
        };
        let port = |port: &PluginPort| Port::timeless(&port.name, port.schema.clone());
        let mut ports: Vec<Port> = plan.ports.iter().map(port).collect();
        ports.push(Port::timeless(ERRORS, dead_letter::SCHEMA.clone()));
        let node = self.nodes.len();
        for (at, port) in ports.iter().enumerate() {
            let inputs = vec![Input { node, port: at }];
            self.endpoint(&step.name, &port.name, inputs, port.schema.clone());
        }
        let kind = NodeKind::Plugin(Box::new(plan));
        self.node(Node { name: step.name.clone(), kind, inputs, ports, event_time: None });
        true
    }

    pub(super) fn refusal(
        &mut self,
        step: &Named<StepConfig>,
        config: &PluginConfig,
        refusal: PluginRefusal,
    ) {
        let plugin = &*config.plugin;
        match refusal {
            PluginRefusal::Component { message, help } => {
                self.error(config.plugin.place(), message, help);
            }
            PluginRefusal::Config { path, message } => {
                let place = config.config.place(&path);
                let place = place.unwrap_or_else(|| step.place.clone());
                let shown = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
                let message = format!("plugin `{plugin}` refuses its config{shown}: {message}");
                let help = format!("mend [step.{}.config]", step.name);
                self.error(place, message, help);
            }
            PluginRefusal::Plugin { message } => {
                let message =
                    format!("plugin `{plugin}` can't run as step `{}`: {message}", step.name);
                let help = "give it the input that it wants (SQL can rename and cast columns), or \
                            mend the plugin";
                self.error(config.plugin.place(), message, help);
            }
        }
    }
}
