//! A pipeline file to a checked plan.

use std::path::{Path, PathBuf};

use crate::config::{self, Config};
use crate::diagnostic::Diagnostics;
use crate::error::{Error, Result};
use crate::plan::{self, Facts, Plan};
use crate::planner;
use crate::plugin::PluginHost;
use crate::sink::probe_sink;
use crate::source::{probe_file, probe_source};

/// A pipeline that may run.
pub struct Pipeline {
    pub plan: Plan,
    pub plugins: PluginHost,
    /// Warnings, if there are any.
    pub found: Diagnostics,
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
    let plugins = PluginHost::new(&config.directory, &config.settings.plugin_path);
    let mut found = Diagnostics::new(path, &text);
    match planner::plan(&config, &facts, &plugins, &mut found) {
        Some(plan) => Ok(Pipeline { plan, plugins, found }),
        None => Err(CheckFailure::Mistakes(Box::new(found))),
    }
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
        let path = config.directory.join(&*table.config.path);
        let format = planner::table_format(&table.config.path, table.config.format);
        let probed = match path.is_file() {
            true => {
                let schema = table.config.schema.as_ref();
                probe_file(Some(&path), format, schema, &table.config.csv)
            }
            false => Err(plan::ProbeError::new(
                plan::ProbeKey::Path,
                format!("there is no file {}", path.display()),
                "mend the path: it starts at the pipeline file",
            )),
        };
        facts.tables.insert(table.name.clone(), probed);
    }
    facts
}
