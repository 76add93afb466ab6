//! The cache of compiled components holds machine code: what is damaged there must never run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Sandbox;

const PIPELINE: &str = r#"
[source.s]
type = "file"
path = "in.ndjson"
format = "ndjson"

[step.h]
from = "s"
plugin = "hostile"
grant = ["log"]
config = { mode = "well_behaved" }

[sink.out]
type = "file"
path = "out"
from = "h"
"#;

/// However it was damaged, the component is compiled again, the pipeline runs, and the cache is
/// whole again.
#[test]
fn a_damaged_artifact_is_compiled_again() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1}");
    sandbox.pipeline(PIPELINE);
    let check = || {
        let cache = sandbox.path("cache");
        let mut command = sandbox.command(&["check", "pipeline.toml"]);
        let output = command.env("XDG_CACHE_HOME", cache).env("MILLRACE_LOG", "warn").output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    assert!(!check().contains("damaged"));
    let artifact = only_file(&sandbox.path("cache"));
    let intact = fs::read(&artifact).unwrap();
    let flipped = |at: usize| {
        let mut bytes = intact.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        flipped(0),
        flipped(intact.len() / 2),
        flipped(intact.len() - 1),
        intact[..intact.len() / 2].to_vec(),
        [intact.clone(), b"more".to_vec()].concat(),
        Vec::new(),
        b"text".to_vec(),
    ];
    for bytes in damaged {
        fs::write(&artifact, bytes).unwrap();
        let text = check();
        assert!(text.contains("damaged; compiling again"), "{text}");
        assert!(!check().contains("damaged"));
        assert_eq!(only_file(&sandbox.path("cache")), artifact);
    }
}

/// The one artifact in a cache of its own.
fn only_file(directory: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "cwasm"));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
