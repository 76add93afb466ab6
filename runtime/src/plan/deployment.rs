//! Which versions of a part run, from an epoch's barrier on.

use std::path::PathBuf;
use std::sync::Arc;

use super::{KeyedPlan, NodeKind, Plan, PluginPlan, TablePlan, step_of};
use crate::error::Result;
use crate::swap::{Mode, Trial};

/// What a part of the pipeline runs.
#[derive(Debug, Clone)]
pub enum Program {
    Transform(Arc<PluginPlan>),
    Keyed(Arc<KeyedPlan>),
    Table(Arc<TablePlan>),
}

/// The versions of one part that run from a barrier on.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// A step or table.
    pub part: String,
    pub current: Program,
    pub candidate: Option<Candidate>,
}

/// A version on trial.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub program: Program,
    pub trial: Arc<Trial>,
}

impl Program {
    /// What the part `name` runs by the plan. `None` if it can't be swapped.
    pub fn of(plan: &Plan, name: &str) -> Option<Self> {
        let table = plan.tables.iter().find(|table| table.name == name);
        table.map(|table| Self::Table(Arc::new(table.clone()))).or_else(|| {
            plan.nodes.iter().filter(|node| step_of(&node.name) == name).find_map(
                |node| match &node.kind {
                    NodeKind::Plugin(plan) => Some(Self::Transform(Arc::new((**plan).clone()))),
                    NodeKind::Keyed(plan) => Some(Self::Keyed(Arc::new((**plan).clone()))),
                    _ => None,
                },
            )
        })
    }

    /// What all plugins have in common. `None` of a table.
    pub fn plugin(&self) -> Option<&PluginPlan> {
        match self {
            Self::Transform(plan) => Some(plan),
            Self::Keyed(plan) => Some(&plan.plugin),
            Self::Table(_) => None,
        }
    }

    /// The file of a table.
    pub fn table(&self) -> Option<&PathBuf> {
        match self {
            Self::Table(plan) => Some(&plan.path),
            Self::Transform(_) | Self::Keyed(_) => None,
        }
    }
}

impl Deployment {
    /// What does the work: a candidate that has all of it counts.
    pub fn in_charge(&self) -> &Program {
        match &self.candidate {
            Some(candidate) if candidate.trial.mode == Mode::Full => &candidate.program,
            _ => &self.current,
        }
    }
}

/// A component or a table's file, as the pipeline file names it, with the config beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub name: String,
    pub config: serde_json::Value,
}

/// Plans the pipeline again, with another version of one part.
pub trait Replan: Send + Sync {
    /// What the pipeline file says of a part as it is now.
    ///
    /// # Errors
    /// If it can't be read, or has no such part.
    fn said(&self, part: &str) -> Result<Said>;

    /// With this component, as a pipeline file names it, and this config of a step.
    ///
    /// # Errors
    /// All that speaks against it.
    fn with_step(&self, step: &str, plugin: &str, config: &serde_json::Value) -> Result<Plan>;

    /// With this file of a table.
    ///
    /// # Errors
    /// All that speaks against it.
    fn with_table(&self, table: &str, path: &str) -> Result<Plan>;
}
