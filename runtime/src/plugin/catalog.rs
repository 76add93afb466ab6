//! Plugins by name: found, loaded once, asked what they are.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::artifact::{self, digest};
use super::bindings::millrace::plugin::types as wit;
use super::budget::Budget;
use super::contract::{Wanted, World};
use super::engine::engine;
use super::find::{is_named_after, read_component};
use super::host::cut;
use super::instance::Prepared;
use super::loaded::{Loaded, StartFailure};
use super::sandbox::Sandbox;
use super::store::{BY_DIGEST, PublicKey, Store};
use super::trust::Trust;
use super::udf::PluginFunction;
use crate::config::PipelineLimitsConfig;
use crate::error::{Error, Result};
use crate::metrics::PluginMetrics;
use crate::plan::{
    Described, DescribedKeyed, DescribedPort, PlannedFunction, PluginCatalog, PluginPlan,
    PluginRefusal, PluginRequest,
};

const PORTS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 256;

/// More directories in which plugins are looked for, separated as in `PATH`.
pub(super) const PATH_VARIABLE: &str = "MILLRACE_PLUGIN_PATH";

/// All plugins of a process.
pub struct PluginHost {
    pub(super) directory: PathBuf,
    pub(super) path: Vec<PathBuf>,
    pub(super) store: Option<Store>,
    /// Who must have signed every component, if anybody.
    pub(super) trust: Option<Trust>,
    /// More directories in which components lie under their digests.
    pub(super) more: Mutex<Vec<PathBuf>>,
    /// What all instances of the pipeline have together.
    budget: Arc<Budget>,
    /// By step, digest and config.
    sandboxes: Mutex<HashMap<(String, String, String), Weak<Sandbox>>>,
    /// By step or function.
    metrics: Mutex<BTreeMap<String, Arc<PluginMetrics>>>,
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
    /// Looks for components in `path`, whose relative directories start at `directory`, and in the
    /// store of this user. Without bounds on all instances together.
    pub fn new(directory: &Path, path: &[PathBuf]) -> Self {
        Self::within(&PipelineLimitsConfig::default(), directory, path)
    }

    /// As [`new`](Self::new), within the limits of a pipeline.
    pub fn within(limits: &PipelineLimitsConfig, directory: &Path, path: &[PathBuf]) -> Self {
        let instances_max = limits.instances.as_deref().copied();
        let memory_max = limits.memory.as_deref().map(|memory| memory.0);
        let of = "the pipeline".to_owned();
        let own = path.iter().map(|p| directory.join(p));
        let more = std::env::var_os(PATH_VARIABLE).unwrap_or_default();
        let more: Vec<PathBuf> = std::env::split_paths(&more).collect();
        let more = more.into_iter().filter(|p| !p.as_os_str().is_empty());
        Self {
            directory: directory.to_owned(),
            path: own.chain(more).collect(),
            store: Store::of_user(),
            trust: None,
            more: Mutex::default(),
            budget: Budget::new(of, "[limits] ", instances_max, memory_max),
            sandboxes: Mutex::default(),
            metrics: Mutex::default(),
            loaded: Mutex::default(),
        }
    }

    /// Looks in a store, and nowhere else.
    pub fn of_store(store: Store) -> Self {
        Self { path: Vec::new(), store: Some(store), ..Self::new(Path::new(""), &[]) }
    }

    /// Looks in this store, not in that of the user.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Takes only components that are signed by one of these keys.
    #[must_use]
    pub fn trusting(self, keys: Vec<PublicKey>) -> Self {
        Self { trust: Some(Trust { keys }), ..self }
    }

    /// The component at `path`, compiled and checked once per process.
    ///
    /// # Errors
    /// If it can't be read or is none, or is not signed where that is demanded.
    pub fn load(&self, path: &Path) -> Result<Arc<Loaded>> {
        let bytes = read_component(path)?;
        let digest = digest(&bytes);
        is_named_after(path, &digest)?;
        let named = path.display().to_string();
        let vouched = self.vouched(&named, path, &digest, None);
        vouched.map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
        self.load_bytes(path, &bytes, &digest)
    }

    /// The component with these bytes, compiled and checked once per process.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn add(&self, bytes: &[u8]) -> Result<Arc<Loaded>> {
        let digest = digest(bytes);
        let named = PathBuf::from(format!("{BY_DIGEST}{digest}"));
        let vouched = self.vouched(&named.display().to_string(), &named, &digest, None);
        vouched.map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
        self.load_bytes(&named, bytes, &digest)
    }

    /// The component with these bytes, which were read from `path`.
    pub(super) fn load_bytes(
        &self,
        path: &Path,
        bytes: &[u8],
        digest: &str,
    ) -> Result<Arc<Loaded>> {
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = all.get(digest) {
            return Ok(loaded.clone());
        }
        let engine = engine()?;
        let component = artifact::load(engine, bytes, digest)
            .map_err(|e| Error::plugin(format!("{} cannot be loaded", path.display())).with(e))?;
        let wanted = Wanted::of(&component, engine);
        let prepared = match wanted.is_plugin() {
            true => Some(Prepared::new(engine, &component, &wanted.worlds)?),
            false => None,
        };
        let loaded = Arc::new(Loaded {
            path: path.to_owned(),
            digest: digest.to_owned(),
            component: bytes.into(),
            wanted,
            prepared,
            warm: Mutex::default(),
        });
        all.insert(digest.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// What is counted of the plugins of a step or function, whatever versions of them run.
    pub fn metrics(&self, name: &str) -> Arc<PluginMetrics> {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.entry(name.to_owned()).or_default().clone()
    }

    /// Where the instances of one version of a step run, in all of its tasks.
    pub fn sandbox(&self, plan: &PluginPlan) -> Arc<Sandbox> {
        let version = (plan.step.clone(), plan.digest.clone(), plan.config.clone());
        let mut sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        sandboxes.retain(|_, sandbox| sandbox.strong_count() > 0);
        if let Some(known) = sandboxes.get(&version).and_then(Weak::upgrade) {
            return known;
        }
        let metrics = PluginMetrics::of_version(&self.metrics(&plan.step), &plan.digest);
        let (limits, seed) = (&plan.limits, plan.deterministic);
        let sandbox = Sandbox::new(&plan.step, limits, seed, metrics, &self.budget);
        sandboxes.insert(version, Arc::downgrade(&sandbox));
        sandbox
    }

    /// Ends instances that were warmed and that nobody has taken.
    pub fn cool(&self) {
        let all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().for_each(|loaded| loaded.cool());
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
        let text = |text: String| cut(&text).to_owned();
        let about = loaded.about();
        let about = about.map(|about| (text(about.name), text(about.version), text(about.summary)));
        let about = about.map_err(|failure| failure.message);
        Ok(Inspection {
            path,
            digest: loaded.digest.clone(),
            bytes: loaded.component.len(),
            wanted: loaded.wanted.clone(),
            about,
        })
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
        let loaded = self.resolve(plugin).map_err(|(message, help)| component(message, help))?;
        let world = worlds.iter().find(|world| loaded.wanted.worlds.contains(world));
        let world = world.or(worlds.first()).copied();
        match loaded.wanted.refusal(plugin, world, request.grants) {
            Some((message, help)) => Err(component(message, help)),
            None => Ok(loaded),
        }
    }
}

impl PluginCatalog for PluginHost {
    fn describe(&self, request: &PluginRequest) -> Result<Described, Vec<PluginRefusal>> {
        let loaded = self.wanted(request, &[World::Transform])?;
        let sandbox = Sandbox::trial(request.plugin, request.limits);
        let started = loaded.start(&sandbox, request.config, request.input);
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
        let sandbox = Sandbox::trial(request.plugin, request.limits);
        let started = loaded.start_keyed(&sandbox, request.config, (request.input, key));
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
    ) -> Result<PlannedFunction, Vec<PluginRefusal>> {
        let worlds = [World::Scalar, World::Aggregate];
        let loaded = self.wanted(request, &worlds)?;
        let world = worlds.into_iter().find(|world| loaded.wanted.worlds.contains(world));
        let world = world.unwrap_or(World::Scalar);
        let digest = loaded.digest.clone();
        let metrics = self.metrics(&format!("function.{name}"));
        let sandbox = Sandbox::new(name, request.limits, None, metrics.clone(), &self.budget);
        let function = PluginFunction::new(loaded, world, request.config, sandbox).sql();
        Ok(PlannedFunction { function, digest, metrics })
    }
}

pub(super) fn ports(ports: Vec<wit::Port>) -> Result<Vec<DescribedPort>, String> {
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
