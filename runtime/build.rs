//! Lists the files of the SDKs and of the contract, which the binary carries: `millrace plugin new`
//! puts them into projects, as they are on no registry.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where users' files come from.
const ROOTS: [&str; 8] = [
    "wit",
    "sdk/columns",
    "sdk/rust",
    "sdk/rust-derive",
    "sdk/js",
    "sdk/python",
    "sdk/go",
    "sdk/c",
];

/// What users do not need: the SDKs' own tests and examples, and what tools leave behind.
const LEFT_OUT: [&str; 7] =
    ["examples", "tests", "testdata", "node_modules", "build", "target", "__pycache__"];
const LEFT_OUT_ENDINGS: [&str; 3] = ["_test.go", ".pyc", ".wasm"];

fn main() -> io::Result<()> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let out = env::var_os("OUT_DIR").map(PathBuf::from);
    let (Some(manifest), Some(out)) = (manifest, out) else {
        return Err(io::Error::other("this is run by cargo"));
    };
    let repository = manifest.join("..");
    let mut files = Vec::new();
    for root in ROOTS {
        walk(&repository, Path::new(root), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let path = repository.join(&file).canonicalize()?;
        let _ = writeln!(list, "    ({:?}, include_bytes!({path:?})),", file.display().to_string());
    }
    list.push(']');
    println!("cargo::rerun-if-changed=build.rs");
    fs::write(out.join("vendored.rs"), list)
}

fn walk(repository: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    // A new file changes its directory.
    println!("cargo::rerun-if-changed={}", repository.join(directory).display());
    for entry in fs::read_dir(repository.join(directory))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_left_out = name.starts_with('.')
            || LEFT_OUT.contains(&name.as_ref())
            || LEFT_OUT_ENDINGS.iter().any(|ending| name.ends_with(ending));
        if is_left_out {
            continue;
        }
        let path = directory.join(name.as_ref());
        match entry.file_type()?.is_dir() {
            true => walk(repository, &path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
