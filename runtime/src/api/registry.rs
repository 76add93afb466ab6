//! Where running pipelines are found: a small file beside each one's checkpoint, and one for each in
//! a directory of the user's. A process that was killed leaves its files behind; whoever finds them
//! looks whether somebody answers there.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file beside the checkpoint.
const FILE: &str = "api.json";

/// A running pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub name: String,
    pub pid: u32,
    /// Where its API is, for programs on the same machine.
    pub url: String,
    pub run_id: String,
    /// The pipeline file.
    pub file: PathBuf,
    pub checkpoint: PathBuf,
    /// When the process was started.
    pub started: String,
    /// Where the token is read from, if it is from a file.
    pub token_file: Option<PathBuf>,
}

/// An entry's files, until it is dropped.
pub struct Registration {
    paths: Vec<PathBuf>,
    run_id: String,
}

impl Registration {
    /// Writes the entry wherever it can be. The log says where it can't: the API answers all the
    /// same.
    pub fn make(entry: &Entry) -> Self {
        let mut made = Vec::new();
        let name = format!("{}-{}.json", entry.name, entry.pid);
        let own = directories().into_iter().find_map(|directory| {
            std::fs::create_dir_all(&directory).ok()?;
            write(&directory.join(&name), entry).ok()
        });
        match own {
            Some(path) => made.push(path),
            None => tracing::info!(pipeline = entry.name, "no directory for running pipelines"),
        }
        match write(&entry.checkpoint.join(FILE), entry) {
            Ok(path) => made.push(path),
            Err(error) => tracing::info!(%error, "the API is not noted beside the checkpoint"),
        }
        Self { paths: made, run_id: entry.run_id.clone() }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        for path in &self.paths {
            // The next process may have taken over the checkpoint already.
            if read(path).is_some_and(|entry| entry.run_id == self.run_id) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Whole or not at all, and for the user alone.
fn write(path: &Path, entry: &Entry) -> std::io::Result<PathBuf> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut file, entry)?;
    file.flush()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(path.to_owned())
}

/// The entry of the pipeline with this checkpoint, if it was left there.
pub fn of_checkpoint(checkpoint: &Path) -> Option<Entry> {
    read(&checkpoint.join(FILE))
}

/// All entries of this user's pipelines, each with its file.
pub fn all() -> Vec<(PathBuf, Entry)> {
    let mut found = Vec::new();
    for directory in directories() {
        let Ok(files) = std::fs::read_dir(directory) else { continue };
        let paths = files.flatten().map(|file| file.path());
        let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
        found.extend(paths.filter_map(|path| Some((path.clone(), read(&path)?))));
    }
    found.sort_by(|(_, a), (_, b)| (&a.name, &a.started).cmp(&(&b.name, &b.started)));
    found
}

/// `None` also if another user wrote it: commands would show that user's address their token.
fn read(path: &Path) -> Option<Entry> {
    let own = std::fs::metadata("/proc/self").ok()?.uid();
    if own != 0 && std::fs::metadata(path).ok()?.uid() != own {
        return None;
    }
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Where a user's entries may be, the best place first.
fn directories() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = variable("HOME").map(|home| Path::new(&home).join(".local/state"));
    let state = variable("XDG_STATE_HOME").map(PathBuf::from).or(home);
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let places = runtime.into_iter().chain(state);
    places.filter(|place| place.is_absolute()).map(|place| place.join("millrace/running")).collect()
}

/// Whether there is a process of this id. `true` where the system does not tell.
pub fn is_alive(pid: u32) -> bool {
    let processes = Path::new("/proc/self");
    !processes.exists() || Path::new("/proc").join(pid.to_string()).exists()
}
