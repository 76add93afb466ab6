//! The store of plugins: components in, by name, version and digest out, also when something is
//! wrong.

mod damage;
mod names;
mod push;
mod signatures;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{Sandbox, plugins};

/// The store of a sandbox.
const STORE: &str = "[plugins]\nstore = \"store\"\n";
const SOURCE: &str = "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
                      schema = { n = \"int64\" }\n";
const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"p\"\n";

/// A pipeline whose step `p` is this component, from the sandbox's store.
fn pipeline(plugin: &str, settings: &str) -> String {
    let settings = if settings.is_empty() { STORE } else { settings };
    format!(
        "{settings}{SOURCE}[step.p]\nfrom = \"s\"\nplugin = \"{plugin}\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"well_behaved\", poison = 13 }}\n{SINK}"
    )
}

/// The component `hostile`, as of this version of five characters.
fn hostile(version: &str) -> Vec<u8> {
    versioned("hostile", version)
}

pub fn versioned(plugin: &str, version: &str) -> Vec<u8> {
    assert_eq!(version.len(), 5, "a text in the component can't grow");
    let mut bytes = fs::read(plugins().join(format!("{plugin}.wasm"))).unwrap();
    let built = format!("{plugin}0.1.0");
    let places: Vec<usize> = bytes
        .windows(built.len())
        .enumerate()
        .filter_map(|(at, part)| (part == built.as_bytes()).then_some(at))
        .collect();
    let [at] = places[..] else { panic!("{} places", places.len()) };
    let at = at + plugin.len();
    bytes[at..at + 5].copy_from_slice(version.as_bytes());
    bytes
}

/// The same component with another digest: with a custom section behind it.
fn marked(mut bytes: Vec<u8>, mark: u64) -> Vec<u8> {
    bytes.extend_from_slice(&[0, 10, 1, b'm']);
    bytes.extend_from_slice(&mark.to_le_bytes());
    bytes
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was printed, after the exit code was as expected.
fn expect(output: &Output, code: i32) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn plugin(sandbox: &Sandbox, code: i32, arguments: &[&str]) -> String {
    expect(&sandbox.millrace(&[&["plugin"], arguments].concat()), code)
}

/// Writes a component beside the pipeline file and pushes it. Its digest.
pub fn push(sandbox: &Sandbox, bytes: &[u8], options: &[&str]) -> String {
    sandbox.write("pushed.wasm", bytes);
    plugin(sandbox, 0, &[&["push", "pushed.wasm"], options].concat());
    digest(bytes)
}

/// `list --json`.
fn listed(sandbox: &Sandbox) -> Vec<Value> {
    let text = plugin(sandbox, 0, &["list", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Makes a pair of keys in the file `name`. The public one.
pub fn keygen(sandbox: &Sandbox, name: &str) -> String {
    let output = sandbox.millrace(&["plugin", "keygen", name]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Where the store of a sandbox has the bytes with this digest.
fn component(sandbox: &Sandbox, digest: &str) -> PathBuf {
    sandbox.path("store/components").join(format!("{digest}.wasm"))
}

/// The digest of the component that step `p` of the pipeline is.
fn chosen(sandbox: &Sandbox, text: &str) -> String {
    let plan = sandbox.check(text).plan;
    let (_, digest) = plan.digests().find(|(step, _)| *step == "p").unwrap();
    digest.to_owned()
}
