//! What of a pipeline can be swapped, and whether another version fits into its place.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::plan::{Deployment, KeyedPlan, Node, Plan, PluginPlan, Port, Program, step_of};
use crate::swap::Version;

/// A plugin step or a table, as the plan has it.
pub struct Part {
    pub name: String,
    pub program: Program,
    pub version: Version,
    /// Relative paths of tables start here.
    pub directory: PathBuf,
    /// The ports of the part's nodes.
    ports: BTreeMap<String, Vec<Port>>,
}

impl Part {
    /// All parts of a plan, by name.
    pub fn all(plan: &Plan) -> BTreeMap<String, Self> {
        let steps = plan.nodes.iter().map(|node| step_of(&node.name));
        let names = plan.tables.iter().map(|table| table.name.as_str()).chain(steps);
        let part = |name: &str| {
            let program = Program::of(plan, name)?;
            let version = version(&program);
            let ports = plan.nodes.iter().filter(|node| step_of(&node.name) == name);
            let ports = ports.map(|node| (node.name.clone(), node.ports.clone())).collect();
            let (name, directory) = (name.to_owned(), plan.directory.clone());
            Some((name.clone(), Self { name, program, version, directory, ports }))
        };
        names.filter_map(part).collect()
    }

    /// What runs if nothing was swapped.
    pub fn planned(&self) -> Deployment {
        Deployment { part: self.name.clone(), current: self.program.clone(), candidate: None }
    }

    /// What the part does by a plan that has another version of it.
    ///
    /// # Errors
    /// `Config` if it does not fit into the running pipeline: says what differs.
    pub fn fitting(&self, plan: &Plan, shown: &str) -> Result<Program> {
        let program = Program::of(plan, &self.name)
            .filter(|new| std::mem::discriminant(new) == std::mem::discriminant(&self.program));
        let program = program.ok_or_else(|| self.refused(shown, "it is of another kind"))?;
        if let (Some(old), Some(new)) = (self.program.plugin(), program.plugin())
            && old.input != new.input
        {
            let why = "its input is no longer what runs: a step before it has changed on disk";
            return Err(self.refused(shown, why));
        }
        for node in plan.nodes.iter().filter(|node| step_of(&node.name) == self.name) {
            let old = self.ports.get(&node.name);
            let old = old.ok_or_else(|| self.refused(shown, "it needs another pipeline"))?;
            same_ports(old, node).map_err(|why| self.refused(shown, &why))?;
        }
        Ok(match program {
            Program::Transform(new) => Program::Transform(Arc::new(self.placed(&new, shown))),
            Program::Keyed(new) => {
                let plugin = self.placed(&new.plugin, shown);
                Program::Keyed(Arc::new(KeyedPlan { plugin, ..(*new).clone() }))
            }
            Program::Table(new) => {
                if let Program::Table(old) = &self.program {
                    let why = same_columns(&old.schema, &new.schema);
                    why.map_err(|why| self.refused(shown, &why))?;
                }
                Program::Table(new)
            }
        })
    }

    fn refused(&self, shown: &str, why: &str) -> Error {
        Error::config(format!("{shown} can't take the place of `{}`: {why}", self.name))
    }

    /// The plan with the running schemas, so that what reads them sees no difference.
    fn placed(&self, new: &PluginPlan, shown: &str) -> PluginPlan {
        let mut plan = PluginPlan { plugin: shown.to_owned(), ..new.clone() };
        let running = self.program.plugin().into_iter().flat_map(|running| &running.ports);
        for (port, running) in plan.ports.iter_mut().zip(running) {
            port.schema = running.schema.clone();
        }
        plan
    }
}

fn version(program: &Program) -> Version {
    match program {
        Program::Table(table) => Version {
            name: table.config.path.to_string(),
            digest: String::new(),
            config: Value::Null,
        },
        Program::Transform(plan) => of_plugin(plan),
        Program::Keyed(plan) => of_plugin(&plan.plugin),
    }
}

fn of_plugin(plan: &PluginPlan) -> Version {
    Version {
        name: plan.plugin.clone(),
        digest: plan.digest.clone(),
        config: serde_json::from_str(&plan.config).unwrap_or_default(),
    }
}

fn same_ports(old: &[Port], node: &Node) -> Result<(), String> {
    let names = |ports: &[Port]| {
        ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>().join("`, `")
    };
    if old.len() != node.ports.len() || old.iter().zip(&node.ports).any(|(a, b)| a.name != b.name) {
        return Err(format!(
            "its ports are `{}`, and `{}` run here",
            names(&node.ports),
            names(old)
        ));
    }
    for (old, new) in old.iter().zip(&node.ports) {
        same_columns(&old.schema, &new.schema)
            .map_err(|why| format!("port `{}`: {why}", old.name))?;
    }
    Ok(())
}

/// Whether rows of the schema `new` may go where those of `old` go.
fn same_columns(old: &SchemaRef, new: &SchemaRef) -> Result<(), String> {
    let field = |schema: &Schema, name: &str| schema.field_with_name(name).ok().cloned();
    let mut differences = Vec::new();
    for column in old.fields() {
        match field(new, column.name()) {
            None => differences.push(format!("column `{}` is missing", column.name())),
            Some(new) if new.data_type() != column.data_type() => differences.push(format!(
                "column `{}` is {} and was {}",
                column.name(),
                new.data_type(),
                column.data_type()
            )),
            Some(new) if new.is_nullable() && !column.is_nullable() => {
                differences.push(format!("column `{}` may be null and never was", column.name()));
            }
            Some(_) => {}
        }
    }
    let is_new = |column: &&Arc<Field>| field(old, column.name()).is_none();
    for column in new.fields().iter().filter(is_new) {
        differences.push(format!("column `{}` is new", column.name()));
    }
    let names = |schema: &Schema| -> Vec<String> {
        schema.fields().iter().map(|column| column.name().clone()).collect()
    };
    if differences.is_empty() && names(old) != names(new) {
        let order = names(old).join("`, `");
        differences.push(format!("its columns stand in another order than `{order}`"));
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join("; ")),
    }
}
