//! A pipeline file to a checked plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Config, PluginsConfig, StepConfig, TableConfig, Text};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::error::{Error, Result};
use crate::plan::{Facts, Plan, ProbeError, ProbeKey, Probed, Replan, Said};
use crate::planner;
use crate::plugin::store::{PublicKey, Store};
use crate::plugin::{BY_DIGEST, PluginHost};
use crate::sink::probe_sink;
use crate::source::{probe_file, probe_source};

/// A pipeline that may run.
pub struct Pipeline {
    pub plan: Plan,
    pub plugins: Arc<PluginHost>,
    /// To plan it again while it runs.
    pub blueprint: Arc<Blueprint>,
    /// Warnings, if there are any.
    pub found: Diagnostics,
}

/// What a pipeline was planned from. Sources and sinks are not looked at again.
pub struct Blueprint {
    path: PathBuf,
    text: String,
    config: Config,
    facts: Facts,
    plugins: Arc<PluginHost>,
    /// The components that were planned, by step and function: others may lie on disk by now.
    digests: BTreeMap<String, String>,
}

/// Why there is none.
pub enum CheckFailure {
    /// The file can't be read at all.
    Unreadable(Error),
    Mistakes(Box<Diagnostics>),
}

/// Reads and checks the pipeline file at `path`. Nothing is started or written, but for compiled
/// plugins in the cache.
///
/// # Errors
/// Every mistake that was found.
pub fn check(path: &Path) -> Result<Pipeline, CheckFailure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| CheckFailure::Unreadable(Error::io("read", path, e)))?;
    let mut config =
        config::parse(path, &text).map_err(|found| CheckFailure::Mistakes(Box::new(found)))?;
    config.directory = whole(&config.directory)?;
    let facts = gather(&config);
    let mut found = Diagnostics::new(path, &text);
    let plugins = Arc::new(plugin_host(&config, &mut found));
    match planner::plan(&config, &facts, &*plugins, &mut found) {
        Some(plan) => {
            let path = path.to_owned();
            let digests = plan.digests().map(|(name, of)| (name.to_owned(), of.to_owned()));
            let digests = digests.collect();
            let plugins = plugins.clone();
            let blueprint =
                Blueprint { path, text, config, facts, plugins: plugins.clone(), digests };
            Ok(Pipeline { plan, plugins, blueprint: Arc::new(blueprint), found })
        }
        None => Err(CheckFailure::Mistakes(Box::new(found))),
    }
}

impl Blueprint {
    /// The pipeline as it was planned, whatever has become of the plugins on disk since.
    fn planned(&self) -> Config {
        let mut config = self.config.clone();
        let pin = |plugin: &mut Text, name: &str| {
            if let Some(digest) = self.digests.get(name) {
                plugin.replace(&format!("{BY_DIGEST}{digest}"));
            }
        };
        for step in &mut config.steps {
            if let StepConfig::Plugin(planned) = &mut step.config {
                pin(&mut planned.plugin, &step.name);
            }
        }
        for function in &mut config.functions {
            pin(&mut function.config.plugin, &function.name);
        }
        config
    }

    fn plan(&self, config: &Config, facts: &Facts) -> Result<Plan> {
        let mut found = Diagnostics::new(&self.path, &self.text);
        let plan = planner::plan(config, facts, &*self.plugins, &mut found);
        let text = || found.render(false).trim_end().trim_start_matches("error: ").to_owned();
        plan.ok_or_else(|| Error::config(text()))
    }
}

impl Replan for Blueprint {
    fn said(&self, part: &str) -> Result<Said> {
        let text =
            std::fs::read_to_string(&self.path).map_err(|e| Error::io("read", &self.path, e))?;
        let config = config::parse(&self.path, &text)
            .map_err(|found| Error::config(found.render(false).trim_end().to_owned()))?;
        let step = config.steps.iter().find(|step| step.name == part);
        if let Some(StepConfig::Plugin(step)) = step.map(|step| &step.config) {
            let config = serde_json::Value::Object(step.config.json.clone());
            return Ok(Said { name: step.plugin.to_string(), config });
        }
        let table = config.tables.iter().find(|table| table.name == part).ok_or_else(|| {
            Error::config(format!("{} has no plugin step or table `{part}`", self.path.display()))
        })?;
        Ok(Said { name: table.config.path.to_string(), config: serde_json::Value::Null })
    }

    fn with_step(&self, step: &str, plugin: &str, json: &serde_json::Value) -> Result<Plan> {
        let mut config = self.planned();
        let named = config.steps.iter_mut().find(|named| named.name == step);
        let Some(StepConfig::Plugin(planned)) = named.map(|named| &mut named.config) else {
            return Err(Error::internal(format!("`{step}` is no plugin step")));
        };
        planned.plugin.replace(plugin);
        planned.config.json = match json {
            serde_json::Value::Object(json) => json.clone(),
            serde_json::Value::Null => serde_json::Map::new(),
            _ => return Err(Error::config("the config of a step is a JSON object")),
        };
        self.plan(&config, &self.facts)
    }

    fn with_table(&self, table: &str, path: &str) -> Result<Plan> {
        let mut config = self.planned();
        let Some(named) = config.tables.iter_mut().find(|named| named.name == table) else {
            return Err(Error::internal(format!("`{table}` is no table")));
        };
        named.config.path.replace(path);
        let probed = probe_table(&self.config.directory, &named.config);
        let mut facts = self.facts.clone();
        facts.tables.insert(table.to_owned(), probed);
        self.plan(&config, &facts)
    }
}

/// Where the pipeline's plugins are looked for, and who must have signed them.
fn plugin_host(config: &Config, found: &mut Diagnostics) -> PluginHost {
    let (limits, path) = (&config.settings.limits, &config.settings.plugin_path);
    let mut host = PluginHost::within(limits, &config.directory, path);
    let PluginsConfig { store, require_signature, trusted_keys } = &config.settings.plugins;
    if let Some(store) = store {
        host = host.with_store(Store::at(config.directory.join(store)));
    }
    let mut keys = Vec::new();
    for text in trusted_keys {
        match PublicKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(message) => {
                let help = "`millrace plugin keygen` prints the public key of a new pair";
                found.push(Diagnostic::error(text.place(), message).help(help));
            }
        }
    }
    match (**require_signature, trusted_keys.first()) {
        (true, None) => {
            let message = "signatures are required, and no key is trusted";
            let help = "add trusted_keys = [\"ed25519:...\"]";
            found.push(Diagnostic::error(require_signature.place(), message).help(help));
        }
        (false, Some(key)) => {
            let message = "`trusted_keys` do nothing without `require_signature`";
            let help = "add require_signature = true, or remove the keys";
            found.push(Diagnostic::warning(key.place(), message).help(help));
        }
        // With a key missing, what it signed would be reported as well.
        (true, Some(_)) if keys.len() == trusted_keys.len() => host = host.trusting(keys),
        _ => {}
    }
    host
}

/// Where the checkpoint is of the pipeline file at `path`, of which nothing else is checked.
///
/// # Errors
/// If the file can't be read, or is none.
pub fn checkpoint_directory(path: &Path) -> Result<PathBuf> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let config = config::parse(path, &text)
        .map_err(|found| Error::config(found.render(false).trim_end().to_owned()))?;
    Ok(planner::checkpoint_directory(&config))
}

/// The directory from the root on. The checkpoint remembers paths, and the next run may start in
/// another working directory.
fn whole(directory: &Path) -> Result<PathBuf, CheckFailure> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let whole = std::fs::canonicalize(directory);
    whole.map_err(|e| CheckFailure::Unreadable(Error::io("find", directory, e)))
}

fn gather(config: &Config) -> Facts {
    let mut facts = Facts::default();
    for source in &config.sources {
        let probed = probe_source(&source.config, &config.directory);
        facts.sources.insert(source.name.clone(), probed);
    }
    for sink in &config.sinks {
        facts.sinks.insert(sink.name.clone(), probe_sink(&sink.config, &config.directory));
    }
    for table in &config.tables {
        facts.tables.insert(table.name.clone(), probe_table(&config.directory, &table.config));
    }
    facts
}

fn probe_table(directory: &Path, table: &TableConfig) -> Result<Probed, ProbeError> {
    let path = directory.join(&*table.path);
    let format = planner::table_format(&table.path, table.format);
    match path.is_file() {
        true => probe_file(Some(&path), format, table.schema.as_ref(), &table.csv),
        false => Err(ProbeError::new(
            ProbeKey::Path,
            format!("there is no file {}", path.display()),
            "mend the path: it starts at the pipeline file",
        )),
    }
}
