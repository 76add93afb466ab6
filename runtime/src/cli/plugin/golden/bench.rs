//! Runs golden cases through the operator that runs plugins in a job.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::compare::difference;
use super::rows::to_rows;
use super::{Case, ERROR_KEYS, LATE, Ports, Row, worlds};
use crate::batch::{Batch, Origin, Partition};
use crate::config::{LimitsConfig, OnFailure};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::operators::VersionedStep;
use crate::plan::{
    Grants, KeyedPlan, PluginCatalog, PluginPlan, PluginRefusal, PluginRequest, ProjectPlan,
};
use crate::planner::{ERRORS, plan_keyed, plan_plugin};
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

/// What a job would do with the component.
pub enum Planned {
    Transform(Box<PluginPlan>),
    Keyed(Box<KeyedPlan>),
    Scalar(ProjectPlan),
    Aggregate(worlds::Aggregated),
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

/// The input of a case in batches of so many rows.
pub fn split(case: &Case, rows: usize) -> Vec<Batch> {
    let partition = Partition { source: "input".to_owned(), name: "input.ndjson".to_owned() };
    let origin = Origin::consecutive(Arc::new(partition), 0);
    let input = Batch::new(case.input.clone(), origin);
    let starts = (0..input.len()).step_by(rows);
    starts.map(|offset| input.slice(offset, rows.min(input.len() - offset))).collect()
}

/// What a plugin has given, by port. `order` puts the rows of a port in order, each with the
/// number of the input row that it came from.
pub fn collect(
    plan: &PluginPlan,
    out: Outputs,
    order: impl Fn(Vec<(Option<u64>, Row)>) -> Vec<(Option<u64>, Row)>,
) -> Result<Ports> {
    let names: Vec<&str> = plan.ports.iter().map(|port| port.name.as_str()).collect();
    let mut found: BTreeMap<&str, Vec<(Option<u64>, Row)>> = BTreeMap::new();
    for name in names.iter().copied().chain([ERRORS]) {
        found.insert(name, Vec::new());
    }
    for (port, batch) in out.emitted {
        let name = match names.get(port) {
            Some(name) => name,
            None if port == plan.errors => ERRORS,
            None => LATE,
        };
        let of_input = batch.origin.partition.source == "input";
        let number = |row: usize| of_input.then(|| batch.origin.row(row));
        let rows = to_rows(&batch.rows)?.into_iter().enumerate();
        let rows = rows.map(|(at, row)| (number(at), row));
        found.entry(name).or_default().extend(rows);
    }
    let mut ports: Ports = BTreeMap::new();
    for (name, rows) in found {
        let rows = order(rows).into_iter().map(|(_, row)| row).collect();
        ports.insert(name.to_owned(), rows);
    }
    if let Some(errors) = ports.get_mut(ERRORS) {
        tidy_errors(errors);
    }
    Ok(ports)
}

/// Refused rows in the order of the input, with what a case says of them.
pub fn tidy_errors(errors: &mut [Row]) {
    errors.iter_mut().for_each(only_error_keys);
    // A job refuses a batch's failed rows after those that the plugin refused.
    errors.sort_by_key(|error| error.get("row").and_then(serde_json::Value::as_u64));
}

/// A dead letter also says where its row came from, which a case has no say in.
fn only_error_keys(letter: &mut Row) {
    *letter = ERROR_KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), letter.remove(*key)?)))
        .collect();
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
