//! A store that is not as it was written, and what a checkpoint keeps of it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use millrace::plugin::PluginHost;
use millrace::plugin::store::{PublicKey, Store};
use millrace::storage::LocalStorage;

use super::{component, digest, hostile, keygen, pipeline, plugin, push};
use crate::harness::{Sandbox, wait_until};

/// What is damaged, how, and what is said of it.
type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>, &'a str);

/// Whatever is damaged is found, named, refused by a pipeline, and mended by a push.
#[test]
fn damage_is_found_and_mended_by_pushing_again() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    keygen(&sandbox, "key");
    let digest = push(&sandbox, &hostile("1.0.0"), &["--sign", "key"]);
    let bytes = component(&sandbox, &digest);
    let metadata = sandbox.path("store/metadata").join(format!("{digest}.json"));
    let pointer = sandbox.path("store/names/hostile/1.0.0");
    let text = plugin(&sandbox, 0, &["verify"]);
    assert!(
        text.contains("1 components and 1 signatures") && text.contains("all is well"),
        "{text}"
    );

    let flip = |path: &Path| {
        let mut content = fs::read(path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(path, content).unwrap();
    };
    let replace = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    let damages: [Damage; 8] = [
        ("a flipped bit", Box::new(|| flip(&bytes)), "its bytes have the digest"),
        ("missing bytes", Box::new(|| fs::remove_file(&bytes).unwrap()), "its component is gone"),
        ("cut metadata", Box::new(|| fs::write(&metadata, "{").unwrap()), "is damaged"),
        ("no metadata", Box::new(|| fs::remove_file(&metadata).unwrap()), "its metadata is gone"),
        (
            "another name",
            Box::new(|| replace(&metadata, "\"hostile\"", "\"hostole\"")),
            "the component calls itself hostile@1.0.0",
        ),
        (
            "a changed signature",
            Box::new(|| replace(&metadata, "\"signature\": \"", "\"signature\": \"AA")),
            "is not of 64 bytes",
        ),
        ("a lost pointer", Box::new(|| fs::write(&pointer, "").unwrap()), "holds no digest"),
        (
            "a pointer to nothing",
            Box::new(|| fs::write(&pointer, "0".repeat(64)).unwrap()),
            "which is not there",
        ),
    ];
    for (what, damage, found) in &damages {
        damage();
        let text = plugin(&sandbox, 5, &["verify"]);
        assert!(text.contains(found), "{what}: {text}");
        push(&sandbox, &hostile("1.0.0"), &["--sign", "key", "--force"]);
        let text = plugin(&sandbox, 0, &["verify"]);
        assert!(text.contains("1 signatures") && text.contains("all is well"), "{what}: {text}");
    }

    // No pipeline runs what is not what its name says.
    flip(&bytes);
    for name in ["hostile@1", &format!("sha256:{digest}")] {
        let mistake = sandbox.mistake(&pipeline(name, ""));
        assert!(mistake.message.contains(&digest), "{mistake:?}");
        assert!(mistake.help.contains("pull it again"), "{mistake:?}");
    }
}

/// kill -9 while it writes: what is in the store is whole, and the next push completes the rest.
#[test]
fn a_push_that_is_killed_leaves_a_store_in_order() {
    let sandbox = Sandbox::new();
    push(&sandbox, &hostile("1.0.0"), &[]);
    let big = marked_large(hostile("1.0.1"));
    sandbox.write("big.wasm", &big);
    let digest = digest(&big);
    let components = sandbox.path("store/components");
    let unfinished = || {
        let mut files = fs::read_dir(&components).unwrap();
        files.any(|file| file.unwrap().file_name().to_string_lossy().starts_with(".unfinished"))
    };
    let metadata = sandbox.path("store/metadata").join(format!("{digest}.json"));
    let moments: [&dyn Fn() -> bool; 3] =
        [&unfinished, &|| component(&sandbox, &digest).exists(), &|| metadata.exists()];
    for moment in moments {
        let mut pushing = sandbox.command(&["plugin", "push", "big.wasm"]);
        let mut pushing = pushing.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until(|| moment() || pushing.try_wait().unwrap().is_some());
        // It may have come to its end by itself.
        let _ = pushing.kill();
        pushing.wait().unwrap();
        let text = plugin(&sandbox, 0, &["verify"]);
        assert!(text.contains("all is well"), "{text}");
    }
    // What a crash leaves in the middle of a file.
    sandbox.write("store/components/.unfinished-1", "half");
    sandbox.write("store/names/hostile/.unfinished-2", "half");
    plugin(&sandbox, 0, &["push", "big.wasm"]);
    assert!(!sandbox.path("store/components/.unfinished-1").exists());
    assert!(!sandbox.path("store/names/hostile/.unfinished-2").exists());
    let text = plugin(&sandbox, 0, &["verify"]);
    assert!(text.contains("verified 2 components"), "{text}");
}

/// The component with a custom section of some megabytes behind it, which take a while to write.
fn marked_large(mut bytes: Vec<u8>) -> Vec<u8> {
    // 0x80_0000 bytes and their name, as LEB128.
    bytes.extend_from_slice(&[0, 0x82, 0x80, 0x80, 0x04, 1, b'm']);
    bytes.resize(bytes.len() + 0x80_0000, 7);
    bytes
}

/// A component that a checkpoint keeps is found by its digest when the store has lost it, with its
/// signature.
#[test]
fn a_kept_component_outlives_the_store() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let key = keygen(&sandbox, "key");
    let bytes = hostile("1.0.0");
    let digest = push(&sandbox, &bytes, &["--sign", "key"]);
    let text = format!(
        "[plugins]\nstore = \"store\"\nrequire_signature = true\ntrusted_keys = [\"{key}\"]\n"
    );
    let pipeline = sandbox.check(&pipeline("hostile@1", &text));
    let kept = sandbox.path("kept");
    let path = pipeline.plugins.keep(&digest, &kept, &LocalStorage).unwrap();
    assert_eq!(path, kept.join(format!("{digest}.wasm")));
    fs::remove_dir_all(sandbox.path("store")).unwrap();

    let public = PublicKey::parse(&key).unwrap();
    let store = Store::at(sandbox.path("store"));
    let host = PluginHost::of_store(store.clone()).trusting(vec![public]);
    let Err(error) = host.load_digest(&digest) else { panic!("nothing is there") };
    assert!(error.to_string().contains("there is no component sha256:"), "{error}");
    host.look_in(&kept);
    assert_eq!(host.load_digest(&digest).unwrap().digest, digest);
    assert_eq!(host.find(&format!("sha256:{}", &digest[..8])).unwrap(), path);
    assert_eq!(host.component_bytes(&digest).unwrap(), bytes);

    // Without the signature that was kept with it, it is not trusted.
    fs::remove_file(kept.join(format!("{digest}.wasm.sig"))).unwrap();
    let host = PluginHost::of_store(store).trusting(vec![PublicKey::parse(&key).unwrap()]);
    host.look_in(&kept);
    assert!(host.load_digest(&digest).is_err());
}
