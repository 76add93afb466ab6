//! Components into the store, from files and other stores.

use std::fs;

use serde_json::json;

use super::{chosen, component, digest, expect, hostile, listed, marked, pipeline, plugin, push};
use crate::harness::Sandbox;

/// The way of a component: pushed, listed with what it declares, run by name.
#[test]
fn a_pushed_component_is_listed_and_runs_by_its_name() {
    let sandbox = Sandbox::new();
    let digest = push(&sandbox, &hostile("1.2.3"), &[]);
    let velocity = fs::read(crate::harness::plugins().join("velocity.wasm")).unwrap();
    push(&sandbox, &velocity, &[]);

    let text = plugin(&sandbox, 0, &["list"]);
    assert!(text.starts_with("NAME"), "{text}");
    let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["hostile", "1.2.3", &format!("sha256:{}", &digest[..12])], "{text}");

    let entries = listed(&sandbox);
    assert_eq!(entries.len(), 2);
    let hostile = &entries[0];
    assert_eq!(hostile["name"], "hostile");
    assert_eq!(hostile["version"], "1.2.3");
    assert_eq!(hostile["digest"], digest);
    let bytes = fs::read(component(&sandbox, &digest)).unwrap();
    assert_eq!(hostile["size"], bytes.len());
    assert_eq!(hostile["replaced"], false);
    assert_eq!(hostile["signatures"], json!([]));
    // It wants an input before it says anything, and its reason is kept.
    let worlds = hostile["worlds"].as_array().unwrap();
    assert_eq!(worlds[0]["world"], "transform");
    assert!(worlds[0]["unknown"].as_str().unwrap().contains("mode"), "{hostile}");
    assert!(hostile["imports"].to_string().contains("millrace:plugin/log"), "{hostile}");
    assert!(entries[1]["worlds"][0]["world"] == "keyed", "{}", entries[1]);

    sandbox.write("in.ndjson", "{\"n\": 1}\n{\"n\": 2}\n");
    sandbox.pipeline(&pipeline("hostile@1.2", ""));
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out"), [r#"{"m":2,"n":1}"#, r#"{"m":4,"n":2}"#]);
}

/// What a plugin declares without an input or configuration is known before it is used.
#[test]
fn declared_columns_ports_and_versions_are_listed() {
    let sandbox = Sandbox::new();
    for name in ["top_k", "haversine", "enrich"] {
        let bytes = fs::read(crate::harness::plugins().join(format!("{name}.wasm"))).unwrap();
        push(&sandbox, &bytes, &[]);
    }
    let entries = listed(&sandbox);
    let world = |name: &str| {
        let entry = entries.iter().find(|entry| entry["name"] == name).unwrap();
        entry["worlds"][0].clone()
    };
    for (name, of) in [("top_k", "aggregate"), ("haversine", "scalar"), ("enrich", "transform")] {
        let world = world(name);
        assert_eq!(world["world"], of, "{world}");
        let said = ["unknown", "result", "ports"].iter().any(|key| world.get(key).is_some());
        assert!(said, "{world}");
    }
}

/// A version, once pushed, means one component: whoever named it must get what was tried.
#[test]
fn another_component_under_a_taken_version_is_refused_without_force() {
    let sandbox = Sandbox::new();
    let first = push(&sandbox, &hostile("1.0.0"), &[]);
    let again = plugin(&sandbox, 0, &["push", "pushed.wasm"]);
    assert!(again.contains("hostile@1.0.0 (was there already)"), "{again}");

    let other = marked(hostile("1.0.0"), 1);
    sandbox.write("other.wasm", &other);
    let refused = plugin(&sandbox, 2, &["push", "other.wasm"]);
    for part in [&first, &digest(&other), "raise its version", "--force"] {
        assert!(refused.contains(part), "{refused}");
    }
    sandbox.write("in.ndjson", "");
    assert_eq!(chosen(&sandbox, &pipeline("hostile@1.0.0", "")), first);

    let forced = plugin(&sandbox, 0, &["push", "other.wasm", "--force"]);
    assert!(forced.contains(&format!("in place of sha256:{first}")), "{forced}");
    assert_eq!(chosen(&sandbox, &pipeline("hostile@1.0.0", "")), digest(&other));
    // A pipeline that names the digest keeps what it had.
    assert_eq!(chosen(&sandbox, &pipeline(&format!("sha256:{first}"), "")), first);
    let replaced: Vec<bool> =
        listed(&sandbox).iter().map(|entry| entry["replaced"].as_bool().unwrap()).collect();
    assert_eq!(replaced, [false, true]);
    plugin(&sandbox, 0, &["verify"]);
}

/// What can't run as a plugin, or would break the store's order, does not get in.
#[test]
fn what_is_no_plugin_or_has_no_version_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("text.wasm", "no component");
    let text = plugin(&sandbox, 3, &["push", "text.wasm"]);
    assert!(text.contains("text.wasm cannot be loaded"), "{text}");

    sandbox.write("v.wasm", hostile("1.2.x"));
    let text = plugin(&sandbox, 3, &["push", "v.wasm"]);
    assert!(text.contains("`1.2.x` is no version such as 1.2.3"), "{text}");

    // A name that would lead out of the store.
    let mut bytes = hostile("1.0.0");
    let at = bytes.windows(12).position(|part| part == b"hostile1.0.0").unwrap();
    bytes[at..at + 7].copy_from_slice(b"../../x");
    sandbox.write("n.wasm", bytes);
    let text = plugin(&sandbox, 3, &["push", "n.wasm"]);
    assert!(text.contains("it calls itself `../../x`"), "{text}");

    let text = plugin(&sandbox, 2, &["push", "nothing.wasm"]);
    assert!(text.contains("there is no component nothing.wasm"), "{text}");
    assert!(!sandbox.path("store/names").exists());
}

/// Build machines push at the same time; no push may be lost or half done.
#[test]
fn processes_push_at_once() {
    let sandbox = Sandbox::new();
    let versions = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"];
    let mut pushing = Vec::new();
    for (i, version) in versions.iter().enumerate() {
        sandbox.write(&format!("{i}.wasm"), hostile(version));
    }
    // Each twice: of two pushes of one component both succeed.
    for i in (0..versions.len()).chain(0..versions.len()) {
        let file = format!("{i}.wasm");
        let mut command = sandbox.command(&["plugin", "push", &file]);
        pushing.push(command.stdout(std::process::Stdio::null()).spawn().unwrap());
    }
    for mut push in pushing {
        assert!(push.wait().unwrap().success());
    }
    let mut there: Vec<String> =
        listed(&sandbox).iter().map(|e| e["version"].as_str().unwrap().to_owned()).collect();
    there.reverse();
    assert_eq!(there, versions);
    let text = plugin(&sandbox, 0, &["verify"]);
    assert!(text.contains("verified 4 components"), "{text}");
}

/// A team's store is a directory too: what is pulled from it is asked again what it is.
#[test]
fn components_are_pulled_from_another_store() {
    let sandbox = Sandbox::new();
    let bytes = hostile("1.4.0");
    let digest = push(&sandbox, &bytes, &["--store", "team"]);
    let text = plugin(&sandbox, 2, &["pull", "hostile@1.4"]);
    assert!(text.contains("--from"), "{text}");
    let text = plugin(&sandbox, 2, &["pull", "hostile@1", "--from", "teem"]);
    assert!(text.contains("there is no store teem"), "{text}");

    // The other store lies about the version: its word is not taken.
    let metadata = sandbox.path("team/metadata").join(format!("{digest}.json"));
    let lie = fs::read_to_string(&metadata).unwrap().replace("1.4.0", "9.9.9");
    fs::write(&metadata, lie).unwrap();
    let text = plugin(&sandbox, 0, &["pull", "hostile@1.4", "--from", "team"]);
    assert!(text.contains("pushed   hostile@1.4.0"), "{text}");
    assert_eq!(fs::read(component(&sandbox, &digest)).unwrap(), bytes);
    plugin(&sandbox, 0, &["verify"]);

    plugin(&sandbox, 0, &["pull", &format!("sha256:{}", &digest[..8]), "-o", "out.wasm"]);
    assert_eq!(fs::read(sandbox.path("out.wasm")).unwrap(), bytes);
    assert!(!sandbox.path("out.wasm.sig").exists());

    // What the other store has damaged does not come over.
    let theirs = sandbox.path("team/components").join(format!("{digest}.wasm"));
    fs::write(&theirs, &bytes[..bytes.len() - 1]).unwrap();
    let text = plugin(&sandbox, 5, &["pull", "hostile@1.4", "--from", "team", "--force"]);
    assert!(text.contains("is damaged"), "{text}");
}
