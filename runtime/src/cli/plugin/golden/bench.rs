//! Runs golden cases through the operator that runs plugins in a job.

use std::path::Path;
use std::sync::Arc;

use super::compare::difference;
use super::output::{collect, split};
use super::worlds::{self, Planned};
use super::{Case, Ports};
use crate::config::{LimitsConfig, OnFailure};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::operators::VersionedStep;
use crate::plan::{Grants, PluginCatalog, PluginRefusal, PluginRequest};
use crate::planner::{plan_keyed, plan_plugin};
use crate::plugin::{PluginHost, World};

/// Rows per batch: what comes out must not depend on it. The first is the most that may cross.
const BATCH_ROWS: [usize; 3] = [65_536, 1, 7];

/// A component under test.
pub struct Bench {
    pub(super) host: Arc<PluginHost>,
    component: String,
    world: World,
    /// Of the component.
    pub bytes: usize,
}

/// What became of a case.
pub enum Verdict {
    Pass,
    /// `got` is what came out, if that is the same for all sizes of batches.
    Differs {
        text: String,
        got: Option<Ports>,
    },
}

impl Bench {
    /// # Errors
    /// If there is no component at this path, or it can't be loaded.
    pub fn new(component: &Path) -> Result<Self> {
        let name = component.to_str().ok_or_else(|| {
            Error::config(format!("the path {} is not text: rename it", component.display()))
        })?;
        let host = Arc::new(PluginHost::new(Path::new(""), &[]));
        let loaded = host.load(component)?;
        // What is no plugin at all is refused as such when it is planned.
        let world = loaded.wanted.worlds.first().copied().unwrap_or(World::Transform);
        let bytes = loaded.component.len();
        Ok(Self { host, component: name.to_owned(), world, bytes })
    }

    /// Runs a case in batches of several sizes.
    ///
    /// # Errors
    /// If it can't be run at all. That the plugin refuses it is a verdict.
    pub fn run(&self, case: &Case) -> Result<Verdict> {
        let planned = match self.plan(case) {
            Ok(planned) => planned,
            Err(text) => return Ok(Verdict::Differs { text: indent(&text), got: None }),
        };
        let whole = self.batches(case, &planned, BATCH_ROWS[0])?;
        for rows in &BATCH_ROWS[1..] {
            let Some(different) = difference(&whole, &self.batches(case, &planned, *rows)?) else {
                continue;
            };
            let text = format!(
                "port `{}`: batches of {rows} give other rows than one batch of all (here \
                 expected); output must not depend on which rows share a batch\n{}",
                different.port(),
                different.describe()
            );
            return Ok(Verdict::Differs { text: indent(&text), got: None });
        }
        let Some(different) = difference(&case.expected, &whole) else { return Ok(Verdict::Pass) };
        let path = case.path(different.port());
        let place = match different.line() {
            Some(line) => format!("{}:{line}", path.display()),
            None => path.display().to_string(),
        };
        let text = indent(&format!("{place}\n{}", different.describe()));
        Ok(Verdict::Differs { text, got: Some(whole) })
    }

    /// What a job would do; or why it would not start.
    pub(super) fn plan(&self, case: &Case) -> Result<Planned, String> {
        // Every row's failure must be its own, however many fail one after the other.
        let limits = LimitsConfig { consecutive_failures: u32::MAX, ..LimitsConfig::default() };
        let schema = case.input.schema();
        let request = PluginRequest {
            plugin: self.component.as_str(),
            config: &case.config,
            input: schema.fields(),
            limits: &limits,
            // What may be granted is for a pipeline to say; a test looks at rows.
            grants: Grants::EVERYTHING,
            deterministic: Some(0),
        };
        let refused = |refusals: Vec<PluginRefusal>| {
            refusals.into_iter().map(refusal).collect::<Vec<_>>().join("\n")
        };
        let on_failure = OnFailure::DeadLetter;
        match self.world {
            World::Transform => plan_plugin("test", &request, on_failure, &*self.host)
                .map(|plan| Planned::Transform(Box::new(plan)))
                .map_err(refused),
            World::Keyed => {
                let (key, order) = worlds::key_and_order(case)?;
                let plan = plan_keyed("test", &request, on_failure, &key, &*self.host);
                let mut plan = plan.map_err(refused)?;
                plan.order = order;
                plan.late = Some(plan.plugin.errors + 1);
                Ok(Planned::Keyed(Box::new(plan)))
            }
            World::Scalar | World::Aggregate => {
                let function = self.host.function("test", &request).map_err(refused)?;
                worlds::plan_function(function.function, case)
            }
        }
    }

    fn batches(&self, case: &Case, planned: &Planned, rows: usize) -> Result<Ports> {
        match planned {
            Planned::Transform(plan) => {
                let mut step = VersionedStep::new(plan, &self.host)?;
                let mut out = Outputs::default();
                for batch in split(case, rows) {
                    step.process(batch, &mut out)?;
                }
                collect(plan, out, |rows| rows)
            }
            Planned::Keyed(plan) => worlds::keyed(&self.host, plan, case, rows),
            Planned::Scalar(plan) => worlds::scalar(plan, case, rows),
            Planned::Aggregate(aggregate) => worlds::aggregate(aggregate, case, rows),
        }
    }
}

fn refusal(refusal: PluginRefusal) -> String {
    match refusal {
        PluginRefusal::Component { message, help } => format!("{message}; {help}"),
        PluginRefusal::Config { path, message } if path.is_empty() => {
            format!("the plugin refuses config.json or schema.json: {message}")
        }
        PluginRefusal::Config { path, message } => {
            format!("the plugin refuses config.json at `{path}`: {message}")
        }
        PluginRefusal::Plugin { message } => format!("the plugin can't run: {message}"),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}
