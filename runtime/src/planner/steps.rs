//! Steps, each after those that it reads.

use std::collections::BTreeSet;

use super::build::Builder;
use super::names::{ERRORS, LATE, MAIN, split};
use super::plugin;
use super::time::{micros, time_column};
use crate::config::{Named, OutputMode, PluginConfig, SqlConfig, StepConfig, Text};
use crate::dead_letter;
use crate::diagnostic::{Diagnostic, Place, suggest};
use crate::plan::{
    Grant, Grants, Input, Node, NodeKind, PluginPlan, PluginPort, PluginRefusal, PluginRequest,
    Port, PortColumn, Times, times,
};
use crate::sql::{self, AggregateOptions, Relation};

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
                    StepConfig::Deduplicate(config) => self.deduplicate(step, config),
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
            StepConfig::Deduplicate(config) => {
                Some(config.from.iter().map(|t| t.to_string()).collect())
            }
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
        let options = AggregateOptions {
            mode: *config.output_mode,
            lateness: config.allowed_lateness.as_ref().map_or(0, |lateness| micros(**lateness)),
            state_ttl: config.state_ttl.as_ref().map(|ttl| micros(**ttl)),
        };
        match sql::lower(
            &step.name,
            &config.sql,
            options,
            (&relations, &self.functions),
            &mut self.nodes,
        ) {
            Ok(lowered) => self.lowered(step, config, lowered),
            Err(error) => {
                self.sql_error(config, error);
                false
            }
        }
    }

    /// Gives the nodes of a query their names, and says what the keys beside it do to them.
    fn lowered(
        &mut self,
        step: &Named<StepConfig>,
        config: &SqlConfig,
        mut lowered: sql::Lowered,
    ) -> bool {
        if !lowered.aggregates
            && let Some((place, key)) = aggregate_key(config)
        {
            let message = format!("`{key}` for a query without an aggregate");
            self.error(place, message, "remove it, or add GROUP BY");
            return false;
        }
        if let Some(time) = &config.event_time {
            self.in_microseconds(&step.name, &time.column, &mut lowered);
        }
        let main = lowered.main.node;
        let mut ports = std::mem::take(&mut self.nodes[main].ports);
        let declared = self.event_time(&step.name, config.event_time.as_ref(), &mut ports);
        self.nodes[main].ports = ports;
        if declared.is_none() && config.event_time.is_some() {
            return false;
        }
        self.nodes[main].event_time = declared;
        self.endpoint(&step.name, MAIN, vec![lowered.main], lowered.schema);
        let errors = dead_letter::SCHEMA.clone();
        self.endpoint(&step.name, ERRORS, lowered.errors, errors);
        if let Some(first) = lowered.late.first() {
            let schema = |input: &Input| self.nodes[input.node].ports[input.port].schema.clone();
            let common = schema(first);
            let (late, others): (Vec<_>, Vec<_>) =
                lowered.late.into_iter().partition(|input| schema(input) == common);
            self.endpoint(&step.name, LATE, late, common);
            let others = others.into_iter().map(|input| (step.name.clone(), input));
            self.late_letters.extend(others);
        }
        if lowered.growing && config.state_ttl.is_none() {
            let help = "where keys come and go, add state_ttl = \"30d\"";
            self.warn_growing(config.output_mode.place(), &step.name, help);
        }
        true
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
        let Some(grants) = self.grants(&config.grant, &Grant::ALL) else { return false };
        let of_pipeline = self.config.settings.deterministic;
        let json = serde_json::Value::Object(config.config.json.clone()).to_string();
        let request = PluginRequest {
            plugin: &config.plugin,
            config: &json,
            input: input.fields(),
            limits: &config.limits,
            grants,
            deterministic: config.deterministic.or(of_pipeline).map(|it| it.seed),
        };
        if let Some(key) = &config.key {
            if let Some(retry) = &config.retry {
                self.keyed_retry(retry.place());
                return false;
            }
            return self.keyed(step, config, (key, &request), inputs);
        }
        let order = config.order.as_ref().map(|order| (order.place(), "order"));
        let ttl = config.state_ttl.as_ref().map(|ttl| (ttl.place(), "state_ttl"));
        if let Some((place, only)) = order.or(ttl) {
            let message = format!("`{only}` for a plugin without a key");
            self.error(place, message, "add key = [\"column\"], or remove it");
            return false;
        }
        let planned = plugin::plan_plugin(&step.name, &request, config.on_failure, self.plugins);
        let mut plan = match planned {
            Ok(plan) => plan,
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| self.refusal(step, config, refusal));
                return false;
            }
        };
        let times = self.times_of(&inputs);
        plan.event_time = time_column(&times);
        let ports = plugin_ports(&plan, &times);
        if let Some(retry) = &config.retry {
            return self.retried(step, (config, retry), plan, inputs, ports);
        }
        let kind = NodeKind::Plugin(Box::new(plan));
        self.plugin_node(step, config, kind, inputs, ports)
    }

    /// What of `known` is granted. `None` if something is that does not exist.
    pub(super) fn grants(&mut self, grants: &[Text], known: &[Grant]) -> Option<Grants> {
        let mut all = Grants::default();
        for grant in grants {
            match known.iter().find(|known| known.name() == &**grant) {
                Some(known) => all.add(*known),
                None => {
                    let message = format!("`{}` can't be granted", &**grant);
                    let names: Vec<&str> = known.iter().map(|grant| grant.name()).collect();
                    let help = suggest(grant, names.iter().copied());
                    let help = help.unwrap_or_else(|| {
                        format!("what may be granted here: `{}`", names.join("`, `"))
                    });
                    self.error(grant.place(), message, help);
                    return None;
                }
            }
        }
        Some(all)
    }

    /// A node that runs a plugin, with the endpoints of its ports.
    pub(super) fn plugin_node(
        &mut self,
        step: &Named<StepConfig>,
        config: &PluginConfig,
        kind: NodeKind,
        inputs: Vec<Input>,
        mut ports: Vec<Port>,
    ) -> bool {
        let event_time = self.event_time(&step.name, config.event_time.as_ref(), &mut ports);
        if event_time.is_none() && config.event_time.is_some() {
            return false;
        }
        let named: Vec<_> =
            ports.iter().map(|port| (port.name.clone(), port.schema.clone())).collect();
        let node = self.node(Node { name: step.name.clone(), kind, inputs, ports, event_time });
        for (port, (name, schema)) in named.into_iter().enumerate() {
            self.endpoint(&step.name, &name, vec![Input { node, port }], schema);
        }
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

/// The ports of a plugin whose input has these times, `errors` among them.
pub(super) fn plugin_ports(plan: &PluginPlan, times: &Times) -> Vec<Port> {
    let port = |port: &PluginPort| {
        let carried = port.columns.iter().map(|column| match column {
            PortColumn::Input(at) => Some(*at),
            PortColumn::Added(_) => None,
        });
        let times = times::picked(times, carried);
        Port { name: port.name.clone(), schema: port.schema.clone(), times }
    };
    let mut ports: Vec<Port> = plan.ports.iter().map(port).collect();
    ports.push(Port::timeless(ERRORS, dead_letter::SCHEMA.clone()));
    ports
}

/// A key beside the SQL that only concerns aggregates.
fn aggregate_key(config: &SqlConfig) -> Option<(Place, &'static str)> {
    if *config.output_mode != OutputMode::Append {
        return Some((config.output_mode.place(), "output_mode"));
    }
    let lateness = config.allowed_lateness.as_ref().map(|l| (l.place(), "allowed_lateness"));
    lateness.or(config.state_ttl.as_ref().map(|ttl| (ttl.place(), "state_ttl")))
}
