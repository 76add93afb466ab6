//! Plugins by name: found, loaded once, asked what they are.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::artifact::{self, digest};
use super::bindings::millrace::plugin::types as wit;
use super::contract::{Wanted, World};
use super::engine::{MEMORY_MAX, engine};
use super::host::cut;
use super::instance::{InstanceLimits, Prepared};
use super::loaded::{Loaded, StartFailure};
use super::udf::PluginFunction;
use crate::config::LimitsConfig;
use crate::diagnostic::suggest;
use crate::error::{Error, Result};
use crate::plan::{
    Described, DescribedKeyed, DescribedPort, PluginCatalog, PluginRefusal, PluginRequest,
    SqlFunction,
};

/// A component of Python has some 40 MB.
const COMPONENT_BYTES_MAX: u64 = 512 << 20;
const PORTS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 256;

/// More directories in which plugins are looked for, separated as in `PATH`.
const PATH_VARIABLE: &str = "MILLRACE_PLUGIN_PATH";

/// All plugins of a process.
pub struct PluginHost {
    directory: PathBuf,
    path: Vec<PathBuf>,
    loaded: Mutex<HashMap<String, Arc<Loaded>>>,
}

/// What a component says of itself.
#[derive(Debug)]
pub struct Inspection {
    pub path: PathBuf,
    pub digest: String,
    pub bytes: usize,
    pub wanted: Wanted,
    /// Name, version and summary; or why it could not say.
    pub about: Result<(String, String, String), String>,
}

impl PluginHost {
    /// Relative directories of `path` start at `directory`.
    pub fn new(directory: &Path, path: &[PathBuf]) -> Self {
        let own = path.iter().map(|p| directory.join(p));
        let more = std::env::var_os(PATH_VARIABLE).unwrap_or_default();
        let more: Vec<PathBuf> = std::env::split_paths(&more).collect();
        let more = more.into_iter().filter(|p| !p.as_os_str().is_empty());
        Self {
            directory: directory.to_owned(),
            path: own.chain(more).collect(),
            loaded: Mutex::default(),
        }
    }

    /// The component that a pipeline calls `plugin`.
    ///
    /// # Errors
    /// Where it was looked for, and what is near.
    pub fn find(&self, plugin: &str) -> Result<PathBuf, (String, String)> {
        if plugin.ends_with(".wasm") || plugin.contains('/') {
            let path = self.directory.join(plugin);
            if path.is_file() {
                return Ok(path);
            }
            let message = format!("there is no component {}", path.display());
            return Err((
                message,
                "the path starts at the pipeline file; build it with \
                                  `millrace plugin build`"
                    .to_owned(),
            ));
        }
        let candidates = self.path.iter().map(|dir| dir.join(format!("{plugin}.wasm")));
        if let Some(found) = candidates.into_iter().find(|path| path.is_file()) {
            return Ok(found);
        }
        let list: Vec<String> = self.path.iter().map(|p| p.display().to_string()).collect();
        let message = format!("there is no plugin `{plugin}` in {}", list.join(", "));
        let there = self.names();
        let help = suggest(plugin, there.iter().map(String::as_str)).unwrap_or_else(|| {
            format!(
                "add its directory to `plugin_path` or {PATH_VARIABLE}, or build it with \
                     `millrace plugin build`"
            )
        });
        Err((message, help))
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = self.path.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten();
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_wasm = path.extension().is_some_and(|e| e == "wasm");
                is_wasm.then(|| path.file_stem()?.to_str().map(str::to_owned))?
            })
            .collect()
    }

    /// The component at `path`, compiled and checked once per process.
    ///
    /// # Errors
    /// If it can't be read or is none.
    pub fn load(&self, path: &Path) -> Result<Arc<Loaded>> {
        let bytes = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
        if bytes > COMPONENT_BYTES_MAX {
            let text = format!("{} cannot be loaded: it has {bytes} bytes", path.display());
            return Err(Error::plugin(format!("{text}, and {COMPONENT_BYTES_MAX} are allowed")));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let digest = digest(&bytes);
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = all.get(&digest) {
            return Ok(loaded.clone());
        }
        let engine = engine()?;
        let component = artifact::load(engine, &bytes, &digest)
            .map_err(|e| Error::plugin(format!("{} cannot be loaded", path.display())).with(e))?;
        let wanted = Wanted::of(&component, engine);
        let prepared = match wanted.is_plugin() {
            true => Some(Prepared::new(engine, &component, &wanted.worlds)?),
            false => None,
        };
        let loaded = Arc::new(Loaded {
            digest: digest.clone(),
            component: bytes.into(),
            wanted,
            prepared,
            warm: Mutex::default(),
        });
        all.insert(digest, loaded.clone());
        Ok(loaded)
    }

    /// The component that was planned under this digest.
    ///
    /// # Errors
    /// If it was not.
    pub fn planned(&self, digest: &str) -> Result<Arc<Loaded>> {
        let all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = all.get(digest).cloned();
        loaded.ok_or_else(|| Error::internal(format!("plugin {digest} was not loaded")))
    }

    /// What a component is, for people.
    ///
    /// # Errors
    /// If there is none, or it can't be loaded.
    pub fn inspect(&self, plugin: &str) -> Result<Inspection> {
        let path = self.find(plugin).map_err(|(m, h)| Error::config(format!("{m}; {h}")))?;
        self.inspect_file(path)
    }

    /// What the component at `path` is, for people.
    ///
    /// # Errors
    /// If it can't be loaded.
    pub fn inspect_file(&self, path: PathBuf) -> Result<Inspection> {
        let loaded = self.load(&path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let about = match loaded.wanted.worlds.first() {
            Some(world) if loaded.prepared.is_some() => loaded
                .instance(*world, &name, limits(&LimitsConfig::default()))
                .and_then(|mut instance| instance.about())
                .map(|about| {
                    let text = |text: String| cut(&text).to_owned();
                    (text(about.name), text(about.version), text(about.summary))
                })
                .map_err(|failure| failure.message),
            _ => Err("it can't be instantiated".to_owned()),
        };
        Ok(Inspection {
            path,
            digest: loaded.digest.clone(),
            bytes: loaded.component.len(),
            wanted: loaded.wanted.clone(),
            about,
        })
    }
}

/// The limits of an instance.
pub fn limits(config: &LimitsConfig) -> InstanceLimits {
    InstanceLimits {
        memory_bytes: config.memory.0.min(MEMORY_MAX) as usize,
        deadline: config.deadline.0,
        output_bytes: config.output.0 as usize,
    }
}

impl PluginHost {
    /// The component of a request, if it is of one of `worlds` and may be used.
    ///
    /// # Errors
    /// Why not.
    pub fn wanted(
        &self,
        request: &PluginRequest,
        worlds: &[World],
    ) -> Result<Arc<Loaded>, Vec<PluginRefusal>> {
        let plugin = request.plugin;
        let component =
            |message: String, help: String| vec![PluginRefusal::Component { message, help }];
        let path = self.find(plugin).map_err(|(message, help)| component(message, help))?;
        let loaded = self.load(&path).map_err(|e| {
            component(e.to_string(), "build it with `millrace plugin build`".to_owned())
        })?;
        let world = worlds.iter().find(|world| loaded.wanted.worlds.contains(world));
        let world = world.or(worlds.first()).copied();
        match loaded.wanted.refusal(plugin, world, request.grant_log) {
            Some((message, help)) => Err(component(message, help)),
            None => Ok(loaded),
        }
    }
}

impl PluginCatalog for PluginHost {
    fn describe(&self, request: &PluginRequest) -> Result<Described, Vec<PluginRefusal>> {
        let loaded = self.wanted(request, &[World::Transform])?;
        let limits = limits(request.limits);
        let started = loaded.start(request.plugin, limits, request.config, request.input);
        let (_, description) = started.map_err(StartFailure::refusals)?;
        let ports =
            ports(description.ports).map_err(|m| vec![PluginRefusal::Plugin { message: m }])?;
        Ok(Described { digest: loaded.digest.clone(), reads: description.reads, ports })
    }

    fn describe_keyed(
        &self,
        request: &PluginRequest,
        key: &[String],
    ) -> Result<DescribedKeyed, Vec<PluginRefusal>> {
        let loaded = self.wanted(request, &[World::Keyed])?;
        let (limits, input) = (limits(request.limits), (request.input, key));
        let started = loaded.start_keyed(request.plugin, limits, request.config, input);
        let (_, description) = started.map_err(StartFailure::refusals)?;
        let ports =
            ports(description.ports).map_err(|m| vec![PluginRefusal::Plugin { message: m }])?;
        let digest = loaded.digest.clone();
        Ok(DescribedKeyed {
            described: Described { digest, reads: description.reads, ports },
            keys: description.keys,
            state_version: description.state_version,
            reads_versions: description.reads_versions,
            state_ttl: description.state_ttl,
        })
    }

    fn function(
        &self,
        name: &str,
        request: &PluginRequest,
    ) -> Result<(SqlFunction, String), Vec<PluginRefusal>> {
        let worlds = [World::Scalar, World::Aggregate];
        let loaded = self.wanted(request, &worlds)?;
        let world = worlds.into_iter().find(|world| loaded.wanted.worlds.contains(world));
        let world = world.unwrap_or(World::Scalar);
        let digest = loaded.digest.clone();
        let limits = limits(request.limits);
        let function = PluginFunction::new(name, loaded, world, request.config, limits);
        Ok((function.sql(), digest))
    }
}

fn ports(ports: Vec<wit::Port>) -> Result<Vec<DescribedPort>, String> {
    if ports.len() > PORTS_MAX {
        return Err(format!("it has {} ports, and {PORTS_MAX} are allowed", ports.len()));
    }
    if let Some(port) = ports.iter().find(|port| port.name.len() > NAME_BYTES_MAX) {
        let bytes = port.name.len();
        return Err(format!("a port's name has {bytes} bytes, and {NAME_BYTES_MAX} are allowed"));
    }
    let port = |port: wit::Port| {
        let flat: Vec<_> = port.adds.into_iter().map(Into::into).collect();
        let adds =
            millrace_columns::unflatten(&flat).map_err(|e| format!("port `{}`: {e}", port.name))?;
        Ok(DescribedPort { name: port.name, adds, drops: port.drops })
    };
    ports.into_iter().map(port).collect()
}
