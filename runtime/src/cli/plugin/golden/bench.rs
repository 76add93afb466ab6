//! Runs golden cases through the operator that runs plugins in a job.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Fields;

use super::compare::difference;
use super::rows::to_rows;
use super::{Case, ERROR_KEYS, Ports, Row};
use crate::batch::{Batch, Origin, Partition};
use crate::config::{LimitsConfig, OnFailure};
use crate::error::{Error, Result};
use crate::operator::{Operator, Outputs};
use crate::operators::PluginStep;
use crate::plan::{PluginPlan, PluginRefusal, PluginRequest};
use crate::planner::{ERRORS, plan_plugin};
use crate::plugin::PluginHost;

/// Rows per batch: what comes out must not depend on it. The first is the most that may cross.
const BATCH_ROWS: [usize; 3] = [65_536, 1, 7];

/// A component under test.
pub struct Bench {
    host: PluginHost,
    component: String,
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
        let host = PluginHost::new(Path::new(""), &[]);
        host.load(component)?;
        Ok(Self { host, component: name.to_owned() })
    }

    /// Runs a case in batches of several sizes.
    ///
    /// # Errors
    /// If it can't be run at all. That the plugin refuses it is a verdict.
    pub fn run(&self, case: &Case) -> Result<Verdict> {
        let schema = case.input.schema();
        let plan = match self.plan(&case.config, schema.fields()) {
            Ok(plan) => plan,
            Err(text) => return Ok(Verdict::Differs { text: indent(&text), got: None }),
        };
        let whole = self.batches(case, &plan, BATCH_ROWS[0])?;
        for rows in &BATCH_ROWS[1..] {
            let Some(different) = difference(&whole, &self.batches(case, &plan, *rows)?) else {
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
    fn plan(&self, config: &str, input: &Fields) -> Result<PluginPlan, String> {
        // Every row's failure must be its own, however many fail one after the other.
        let limits = LimitsConfig { consecutive_failures: u32::MAX, ..LimitsConfig::default() };
        let plugin = self.component.as_str();
        // What may be granted is for a pipeline to say; a test looks at rows.
        let request = PluginRequest { plugin, config, input, limits: &limits, grant_log: true };
        plan_plugin("test", &request, OnFailure::DeadLetter, &self.host)
            .map_err(|refusals| refusals.into_iter().map(refusal).collect::<Vec<_>>().join("\n"))
    }

    fn batches(&self, case: &Case, plan: &PluginPlan, rows: usize) -> Result<Ports> {
        let mut step = PluginStep::new(plan, &self.host)?;
        let partition = Partition { source: "input".to_owned(), name: "input.ndjson".to_owned() };
        let origin = Origin::consecutive(Arc::new(partition), 0);
        let input = Batch::new(case.input.clone(), origin);
        let mut out = Outputs::default();
        for offset in (0..input.len()).step_by(rows) {
            step.process(input.slice(offset, rows.min(input.len() - offset)), &mut out)?;
        }
        let mut ports: Ports = BTreeMap::new();
        let names: Vec<&str> = plan.ports.iter().map(|port| port.name.as_str()).collect();
        for name in names.iter().copied().chain([ERRORS]) {
            ports.insert(name.to_owned(), Vec::new());
        }
        for (port, batch) in out.emitted {
            let rows = to_rows(&batch.rows)?;
            let name = if port == plan.errors { ERRORS } else { names[port] };
            ports.entry(name.to_owned()).or_default().extend(rows);
        }
        if let Some(errors) = ports.get_mut(ERRORS) {
            errors.iter_mut().for_each(only_error_keys);
            // A job refuses a batch's failed rows after those that the plugin refused.
            errors.sort_by_key(|error| error.get("row").and_then(serde_json::Value::as_u64));
        }
        Ok(ports)
    }
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
