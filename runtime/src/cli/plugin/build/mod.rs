//! `millrace plugin build`: a project to a component that may be used.

mod c;
mod component;
mod go;
mod javascript;
mod python;
mod rust;
mod zig;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::inspect::print;
use super::language::Language;
use super::project::{PluginFile, Project, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Grants;
use crate::plugin::{Inspection, PluginHost};

/// Where in a project builds leave what they make on the way.
const DIRECTORY: &str = "build";

pub fn build(dir: &Path, output: Option<&Path>) -> Result<ExitCode> {
    let project = Project::find(dir)?;
    let name = &project.name;
    let built = match &project.source {
        Source::Rust => rust::build(dir, name)?,
        Source::Other(file) => of_language(&project, file)?,
        Source::None => {
            return Err(Error::config(format!(
                "there is neither Cargo.toml nor plugin.toml in {0}: `millrace plugin new` makes a \
                 plugin in each of the languages that this command builds. What other tools build \
                 goes to {0}/{name}.wasm",
                dir.display()
            )));
        }
    };
    let host = PluginHost::new(Path::new(""), &[]);
    let inspection = host.inspect_file(built)?;
    if let Some((message, help)) = refusal(&project, &inspection) {
        print(&inspection, &inspection.path);
        out!("refused  {message}\n         {help}");
        return Ok(ExitCode::from(ErrorKind::Plugin.exit_code()));
    }
    let output = output.map_or_else(|| dir.join(format!("{name}.wasm")), Path::to_owned);
    // Readers of the old component, such as a pipeline that runs, keep it whole.
    let beside = output.with_extension("wasm.new");
    fs::copy(&inspection.path, &beside).map_err(|e| Error::io("write", &beside, e))?;
    fs::rename(&beside, &output).map_err(|e| Error::io("write", &output, e))?;
    print(&inspection, &output);
    Ok(ExitCode::SUCCESS)
}

/// Installs what builds plugins in a language, and says where its programs are.
pub fn toolchain(language: Language) -> Result<ExitCode> {
    let programs = match language {
        Language::Rust => rust::programs()?,
        Language::Js | Language::Ts => javascript::programs()?,
        Language::Python => python::programs()?,
        Language::Go => go::programs()?,
        Language::C | Language::Zig => c::programs()?,
    };
    out!("{}", programs.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds a project in another language than Rust, and says where the component is.
fn of_language(project: &Project, file: &PluginFile) -> Result<PathBuf> {
    let place = Place::of(project, file)?;
    match file.language {
        Language::Rust => {
            let path = project.dir.join("plugin.toml");
            return Err(Error::config(format!(
                "{}: a plugin in Rust needs no plugin.toml, as its Cargo.toml says all",
                path.display()
            )));
        }
        Language::Js | Language::Ts => javascript::build(&place, file)?,
        Language::C => c::build(&place, file)?,
        Language::Go => go::build(&place, file)?,
        Language::Python => python::build(&place, file)?,
        Language::Zig => zig::build(&place, file)?,
    }
    Ok(place.component)
}

/// Why the component can't be what the project says it is, and what to do.
fn refusal(project: &Project, inspection: &Inspection) -> Option<(String, String)> {
    let name = &project.name;
    if let Some(refusal) = inspection.wanted.refusal(name, None, Grants::EVERYTHING) {
        return Some(refusal);
    }
    let Source::Other(file) = &project.source else { return None };
    match &inspection.about {
        Ok((own, ..)) if own == name => {}
        Ok((own, ..)) => {
            let message = format!("its code says that it is called `{own}`, plugin.toml `{name}`");
            return Some((message, "give both the same name".to_owned()));
        }
        Err(problem) => {
            let help = "a plugin must say who it is before it starts";
            return Some((format!("`about` failed: {problem}"), help.to_owned()));
        }
    }
    let beyond = inspection.wanted.grants.without(file.grants());
    if !beyond.is_empty() {
        let message = format!("it uses {beyond}, which plugin.toml does not name");
        return Some((message, "add it to `grants` there, or do without it".to_owned()));
    }
    let world = file.world().name();
    if !inspection.wanted.worlds.iter().any(|is| is.name() == world) {
        let message = format!("it is no plugin of the world `{world}`, as plugin.toml says");
        return Some((message, "export one, or mend `world` there".to_owned()));
    }
    None
}

/// Where a plugin is built.
struct Place {
    /// The project.
    project: PathBuf,
    /// Below it, for what is made on the way.
    build: PathBuf,
    /// What has `sdk` and `wit`.
    sdk: PathBuf,
    /// The component.
    component: PathBuf,
    /// Held as long as the build goes on: another one of the same project waits.
    _lock: File,
}

impl Place {
    fn of(project: &Project, file: &PluginFile) -> Result<Self> {
        let sdk = project.sdk(file)?;
        let dir = &project.dir;
        let dir = dir.canonicalize().map_err(|e| Error::io("find", dir, e))?;
        let build = dir.join(DIRECTORY);
        fs::create_dir_all(&build).map_err(|e| Error::io("make", &build, e))?;
        let component = build.join(format!("{}.wasm", project.name));
        let path = build.join("lock");
        let lock = File::create(&path).map_err(|e| Error::io("make", &path, e))?;
        lock.lock().map_err(|e| Error::io("lock", &path, e))?;
        Ok(Self { project: dir, build, sdk, component, _lock: lock })
    }
}

/// Runs a compiler, of which the user sees the errors.
fn run(command: &mut Command, what: &str) -> Result<()> {
    finish(command.stdout(Stdio::null()), what)
}

/// Runs a compiler that writes its errors to the standard output.
fn run_aloud(command: &mut Command, what: &str) -> Result<()> {
    finish(command.stdout(std::io::stderr()), what)
}

fn finish(command: &mut Command, what: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|e| Error::unavailable(format!("cannot run {program}")).with(e))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::plugin(format!("{what}: see above"))),
    }
}
