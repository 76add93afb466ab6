//! What compiles Rust to components on this machine.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Has no WASI: what is built for it can't even import what no plugin may have.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Makes components of what the compiler leaves. It is part of rustup's toolchains.
const LINKER: &str = "wasm-component-ld";

const DEBIAN_PACKAGES: [&str; 5] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];
const DEBIAN_WASM_LD: &str = "wasm-ld-22";

/// The compiler that a directory's `cargo` would use.
pub struct Rust {
    sysroot: PathBuf,
    host: String,
    commit: String,
}

/// How to build for [`TARGET`].
pub enum Toolchain {
    /// The compiler has the target's standard library.
    Target,
    /// Debian's compiler for the web builds the standard library, too.
    Debian { rustc: PathBuf, cargo: PathBuf, wasm_ld: PathBuf },
}

impl Rust {
    /// # Errors
    /// If there is none.
    pub fn find(dir: &Path) -> Result<Self> {
        let version = rustc(dir, &["-vV"])?;
        let line = |key: &str| version.lines().find_map(|line| line.strip_prefix(key));
        Ok(Self {
            sysroot: PathBuf::from(rustc(dir, &["--print", "sysroot"])?.trim()),
            host: line("host: ").unwrap_or_default().to_owned(),
            commit: line("commit-hash: ").unwrap_or_default().to_owned(),
        })
    }

    /// Adds the target where it is missing.
    ///
    /// # Errors
    /// If neither rustup nor Debian has one.
    pub fn toolchain(&self) -> Result<Toolchain> {
        if self.has_target() {
            return Ok(Toolchain::Target);
        }
        eprintln!("adding the target {TARGET}");
        // Of the compiler that was found: the working directory may have another.
        let toolchain = self.sysroot.file_name().unwrap_or_default();
        let added = Command::new("rustup")
            .args(["target", "add", TARGET, "--toolchain"])
            .arg(toolchain)
            .stdout(Stdio::null())
            .status();
        if added.is_ok_and(|status| status.success()) && self.has_target() {
            return Ok(Toolchain::Target);
        }
        debian().ok_or_else(|| {
            let packages = DEBIAN_PACKAGES.join(" ");
            Error::config(format!(
                "this Rust has no target {TARGET}, which plugins are built for: run `rustup target \
                 add {TARGET}`, or on Debian `apt-get install {packages}`"
            ))
        })
    }

    /// Where its programs are.
    pub fn programs(&self) -> PathBuf {
        self.sysroot.join("bin")
    }

    fn has_target(&self) -> bool {
        self.rustlib().join(TARGET).join("lib").is_dir()
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib").join("rustlib")
    }

    /// `PATH` with the linkers that are part of the toolchain in front.
    fn path(&self) -> OsString {
        let bin = self.rustlib().join(&self.host).join("bin");
        let more = [bin.clone(), bin.join("gcc-ld")];
        let path = env::var_os("PATH").unwrap_or_default();
        let all = more.into_iter().chain(env::split_paths(&path));
        // Only a directory with a colon in its name can't be joined; then the linker must be found
        // without it.
        env::join_paths(all).unwrap_or(path)
    }

    /// Paths of this machine must not end up in components: their digest would differ from machine
    /// to machine. Cargo itself names the project's own files from its root.
    fn remaps(&self) -> Vec<String> {
        let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
        let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
        let source = self.rustlib().join("src").join("rust");
        let flag = |from: PathBuf, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        let mut flags = vec![flag(source, &format!("/rustc/{}", self.commit))];
        flags.extend(cargo.map(|cargo| flag(cargo, "cargo")));
        flags
    }
}

impl Toolchain {
    /// `cargo`, ready to build for [`TARGET`].
    pub fn command(&self, rust: &Rust, target_directory: &Path) -> Command {
        let mut flags = rust.remaps();
        let mut cargo = match self {
            Self::Target => Command::new("cargo"),
            Self::Debian { rustc, cargo, wasm_ld } => {
                flags.push(format!("-Clink-arg=--wasm-ld-path={}", wasm_ld.display()));
                let mut command = Command::new(cargo);
                // Building the standard library is not stable; this compiler is one fixed version.
                command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
                command.arg("-Zbuild-std=std,panic_abort");
                command.env("CARGO_TARGET_DIR", self.target_directory(target_directory));
                command
            }
        };
        let flags: toml::Value = flags.into();
        cargo
            .args(["--config", &format!("target.{TARGET}.linker=\"{LINKER}\"")])
            .args(["--config", &format!("target.{TARGET}.rustflags={flags}")])
            .env("PATH", rust.path())
            // They are meant for this machine's programs, and would stand in for the flags above.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo
    }

    /// Where cargo leaves what it builds.
    pub fn target_directory(&self, of_package: &Path) -> PathBuf {
        match self {
            Self::Target => of_package.to_owned(),
            Self::Debian { .. } => of_package.join("debian-web"),
        }
    }
}

/// Debian's compiler for the web, if it is installed.
fn debian() -> Option<Toolchain> {
    let wasm_ld = find_in_path(DEBIAN_WASM_LD)?;
    Some(Toolchain::Debian {
        rustc: file_of("rustc-web", "/bin/rustc")?,
        cargo: file_of("cargo-web", "/bin/cargo")?,
        wasm_ld,
    })
}

/// The file of an installed Debian package whose path ends so.
fn file_of(package: &str, ending: &str) -> Option<PathBuf> {
    let listed = Command::new("dpkg").args(["-L", package]).stderr(Stdio::null()).output().ok()?;
    let files = String::from_utf8(listed.stdout).ok()?;
    files.lines().find(|file| file.ends_with(ending)).map(PathBuf::from)
}

fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// What `rustc` says in `dir`, where a file may pick another toolchain.
fn rustc(dir: &Path, arguments: &[&str]) -> Result<String> {
    let install = "cannot run rustc: install Rust from https://rustup.rs";
    let output = Command::new("rustc")
        .args(arguments)
        .current_dir(dir)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| Error::config(install).with(e))?;
    if !output.status.success() {
        return Err(Error::config(format!("rustc failed in {}: see above", dir.display())));
    }
    String::from_utf8(output.stdout)
        .map_err(|e| Error::internal("cannot read what rustc says of itself").with(e))
}
