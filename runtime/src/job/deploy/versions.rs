//! From what a request calls a version to what it does.

use std::path::PathBuf;

use serde_json::Value;

use super::{Deployments, Part};
use crate::error::{Error, Result};
use crate::plan::{Program, Said};
use crate::plugin::BY_DIGEST;
use crate::swap::{SwapRequest, Version};

impl Deployments {
    /// The version that a request asks for.
    pub(super) fn target(
        &self,
        request: &SwapRequest,
        part: &Part,
        current: &Version,
        said: Option<&Said>,
    ) -> Result<Version> {
        let config = request.config.clone();
        let is_table = matches!(part.program, Program::Table(_));
        if is_table && config.is_some() {
            return Err(Error::config(format!("`{}` is a table and has no config", request.part)));
        }
        let (name, config) = match (&request.component, config) {
            (Some(name), config) => {
                (name.clone(), config.unwrap_or_else(|| current.config.clone()))
            }
            // Another config for what runs.
            (None, Some(config)) => return Ok(Version { config, ..current.clone() }),
            (None, None) => {
                let said = said.ok_or_else(|| {
                    Error::config(format!("the pipeline file has no `{}` any more", request.part))
                })?;
                (said.name.clone(), said.config.clone())
            }
        };
        self.version(part, &name, config)
    }

    /// What a name stands for now.
    pub(super) fn version(&self, part: &Part, name: &str, config: Value) -> Result<Version> {
        let name = name.to_owned();
        if let Program::Table(_) = &part.program {
            let path = part.directory.join(&name);
            let digest = crate::table::digest(&path)?;
            return Ok(Version { name, digest, config: Value::Null });
        }
        // What was swapped in before is beside the checkpoint, wherever it came from.
        if let Some(digest) = name.strip_prefix(BY_DIGEST)
            && self.load_component(digest).is_ok()
        {
            return Ok(Version { digest: digest.to_owned(), name, config });
        }
        let loaded = self.plugins.resolve(&name);
        let loaded =
            loaded.map_err(|(message, help)| Error::config(format!("{message}; {help}")))?;
        Ok(Version { name, digest: loaded.digest.clone(), config })
    }

    pub(super) fn component_path(&self, digest: &str) -> PathBuf {
        self.components.join(format!("{digest}.wasm"))
    }

    /// Writes a loaded component beside the checkpoint, so that it is there after a restart.
    pub(super) fn keep_component(&self, digest: &str) -> Result<()> {
        let path = self.component_path(digest);
        match self.storage.exists(&path).map_err(|e| Error::io("find", &path, e))? {
            true => Ok(()),
            false => self.plugins.keep(digest, &self.components, &*self.storage).map(drop),
        }
    }

    /// Makes sure that a component which is beside the checkpoint is loaded.
    pub(super) fn load_component(&self, digest: &str) -> Result<()> {
        if self.plugins.planned(digest).is_ok() {
            return Ok(());
        }
        let path = self.component_path(digest);
        let bytes = self.storage.read(&path).map_err(|e| Error::io("read", &path, e))?;
        if crate::plugin::digest(&bytes) != digest {
            return Err(Error::corrupt(format!("{} is damaged", path.display())));
        }
        self.plugins.add(&bytes).map(drop)
    }

    /// What a version of a part does, checked against what runs.
    pub(super) fn program(&self, part: &Part, version: &Version) -> Result<Program> {
        if part.version.is_same(version) {
            if let Program::Table(table) = &part.program {
                self.lookups.read(table)?;
            }
            return Ok(part.program.clone());
        }
        let replan = self.replan()?;
        let plan = match &part.program {
            Program::Table(_) => replan.with_table(&part.name, &version.name)?,
            Program::Transform(_) | Program::Keyed(_) => {
                self.load_component(&version.digest)?;
                let plugin = format!("{BY_DIGEST}{}", version.digest);
                replan.with_step(&part.name, &plugin, &version.config)?
            }
        };
        let program = part.fitting(&plan, &version.name)?;
        if let Program::Table(table) = &program {
            self.lookups.read(table)?;
        }
        Ok(program)
    }
}
