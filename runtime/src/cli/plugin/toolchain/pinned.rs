//! Toolchains at one version, checked by their digests, in a directory of Millrace's own.
//!
//! They come from PyPI and npm by these registries' own clients. A directory is named after its
//! pins and made beside its place, so one that is there is whole, and other pins get another.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::plugin::caches;

/// An installed toolchain.
pub struct Tools(pub PathBuf);

/// The Python of this machine, which runs what PyPI has.
const PYTHON: &str = "python3";
const PYTHON_HELP: &str = "install Python 3.10 or later with pip: on Debian and Ubuntu `apt-get \
                           install python3 python3-pip`";
const NAME_BYTES: usize = 6;

/// What `requirements` pin, from PyPI, with `program` in it.
///
/// # Errors
/// If there is no Python with pip, or the packages can't be had.
pub fn python(name: &str, requirements: &str, program: &str) -> Result<Tools> {
    installed(name, &[requirements], program, |dir| {
        let file = dir.join("requirements.txt");
        fs::write(&file, requirements).map_err(|e| Error::io("write", &file, e))?;
        let mut pip = pip(dir)?;
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-warn-script-location",
        ])
        .args([
            "--root-user-action",
            "ignore",
            "--only-binary",
            ":all:",
            "--no-deps",
            "--require-hashes",
            "--target",
        ])
        .arg(dir)
        .arg("--requirement")
        .arg(&file);
        finish(&mut pip, name)
    })
}

/// What the lock file pins, from npm.
///
/// # Errors
/// If there is no npm, or the packages can't be had.
pub fn npm(name: &str, package: &str, lock: &str, npm: &mut Command) -> Result<Tools> {
    installed(name, &[package, lock], "node_modules/.bin", |dir| {
        for (file, text) in [("package.json", package), ("package-lock.json", lock)] {
            let file = dir.join(file);
            fs::write(&file, text).map_err(|e| Error::io("write", &file, e))?;
        }
        npm.args([
            "ci",
            "--loglevel",
            "error",
            "--fetch-retries",
            "1",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .current_dir(dir);
        finish(npm, name)
    })
}

impl Tools {
    /// Python with the packages of this toolchain.
    pub fn python(&self) -> Command {
        let mut command = Command::new(PYTHON);
        // What else this Python has must not be found before the pinned packages.
        command.env("PYTHONPATH", &self.0).env("PYTHONNOUSERSITE", "1").arg("-B");
        command
    }
}

/// The toolchain's directory, made by `install` if it is not there.
fn installed(
    name: &str,
    pins: &[&str],
    program: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<Tools> {
    let base = directory()?;
    let mut digest = Sha256::new();
    pins.iter().for_each(|pin| digest.update(pin));
    let digest = digest.finalize();
    let digest: String = digest[..NAME_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    let place = base.join(format!("{name}-{digest}"));
    if place.is_dir() {
        return Ok(Tools(place));
    }
    fs::create_dir_all(&base).map_err(|e| Error::io("make", &base, e))?;
    let beside = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(&base)
        .map_err(|e| Error::io("make a directory in", &base, e))?;
    eprintln!("installing the toolchain for {name}, once, to {}", place.display());
    install(beside.path())?;
    if !beside.path().join(program).exists() {
        return Err(Error::unavailable(format!(
            "the toolchain for {name} was installed without an error, and has no {program}: see \
             whether `{PYTHON} -m pip` works"
        )));
    }
    match fs::rename(beside.path(), &place) {
        Ok(()) => {
            // It has another name now.
            let _ = beside.keep();
        }
        // Another process was faster.
        Err(_) if place.is_dir() => {}
        Err(error) => return Err(Error::io("make", &place, error)),
    }
    Ok(Tools(place))
}

/// `$MILLRACE_TOOLCHAINS`, or `$XDG_CACHE_HOME/millrace/toolchains`.
fn directory() -> Result<PathBuf> {
    if let Some(directory) = env::var_os("MILLRACE_TOOLCHAINS") {
        return Ok(PathBuf::from(directory));
    }
    Ok(cache()?.join("toolchains"))
}

/// `$XDG_CACHE_HOME/millrace`.
///
/// # Errors
/// If there is no home either.
pub fn cache() -> Result<PathBuf> {
    caches().ok_or_else(|| Error::config("there is no place for caches: set HOME"))
}

/// This machine's pip; or where Python has none, one in an environment below `dir`.
fn pip(dir: &Path) -> Result<Command> {
    let has_pip = Command::new(PYTHON)
        .args(["-m", "pip", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| Error::config(format!("cannot run {PYTHON}: {PYTHON_HELP}")).with(e))?;
    if has_pip.success() {
        let mut command = Command::new(PYTHON);
        command.args(["-m", "pip"]);
        return Ok(command);
    }
    let own = dir.join(".pip");
    let made = Command::new(PYTHON)
        .args(["-m", "venv"])
        .arg(&own)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match made {
        Ok(status) if status.success() => {
            let mut command = Command::new(own.join("bin").join("python"));
            command.args(["-m", "pip"]);
            Ok(command)
        }
        _ => Err(Error::config(format!("{PYTHON} has no pip: {PYTHON_HELP}"))),
    }
}

fn finish(installer: &mut Command, name: &str) -> Result<()> {
    let program = installer.get_program().to_string_lossy().into_owned();
    let status = installer
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|e| Error::unavailable(format!("cannot run {program}")).with(e))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::unavailable(format!(
            "{program} could not install the toolchain for {name}: see above. It needs its \
             registry once"
        ))),
    }
}
