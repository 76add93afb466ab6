//! Who stands for a component, and what a pipeline makes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use millrace::diagnostic::Severity;

use super::{
    chosen, component, digest, expect, hostile, keygen, listed, marked, pipeline, plugin, push,
    versioned,
};
use crate::harness::{Mistake, Sandbox, plugins};

/// Settings of a pipeline that takes only what one of these keys has signed.
fn demand(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!(
        "[plugins]\nstore = \"store\"\nrequire_signature = true\ntrusted_keys = [{}]\n",
        keys.join(", ")
    )
}

fn refused(sandbox: &Sandbox, plugin: &str, settings: &str, why: &str) -> Mistake {
    let mistake = sandbox.mistake(&pipeline(plugin, settings));
    let unsigned = format!("plugin `{plugin}` is not signed by a trusted key");
    assert!(mistake.message.contains(&unsigned), "{mistake:?}");
    assert!(mistake.message.contains(why), "{mistake:?}");
    assert_eq!(mistake.at, Some(format!("\"{plugin}\"")));
    mistake
}

/// The way from a new key to a pipeline that runs nothing else.
#[test]
fn a_pipeline_takes_what_a_trusted_key_has_signed_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1}\n");
    let ours = keygen(&sandbox, "ours.key");
    let theirs = keygen(&sandbox, "theirs.key");
    let signed = push(&sandbox, &hostile("1.0.0"), &["--sign", "ours.key"]);
    push(&sandbox, &hostile("1.1.0"), &["--sign", "theirs.key"]);
    push(&sandbox, &hostile("1.2.0"), &[]);
    let settings = demand(&[&ours]);

    assert_eq!(chosen(&sandbox, &pipeline("hostile@1.0", &settings)), signed);
    let mistake = refused(&sandbox, "hostile@1.1", &settings, &theirs);
    assert!(mistake.help.contains("--sign KEYFILE"), "{mistake:?}");
    refused(&sandbox, "hostile@1.2", &settings, "it has no signature");
    assert!(sandbox.mistakes(&pipeline("hostile@1.1", &demand(&[&ours, &theirs]))).is_empty());

    // The command refuses to start it, and starts what is signed.
    sandbox.pipeline(&pipeline("hostile@1", &settings));
    let text = expect(&sandbox.millrace(&["run", "pipeline.toml"]), 2);
    assert!(text.contains("not signed by a trusted key"), "{text}");
    sandbox.pipeline(&pipeline("hostile@1.0", &settings));
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out"), [r#"{"m":2,"n":1}"#]);

    // What is in the store can be signed later, and by several.
    plugin(&sandbox, 0, &["push", "hostile@1.1", "--sign", "ours.key"]);
    assert!(sandbox.mistakes(&pipeline("hostile@1.1", &settings)).is_empty());
    let keys: Vec<usize> =
        listed(&sandbox).iter().map(|e| e["signatures"].as_array().unwrap().len()).collect();
    assert_eq!(keys, [0, 2, 1]);
    let text = plugin(&sandbox, 0, &["verify"]);
    assert!(text.contains("3 components and 3 signatures"), "{text}");
}

/// Functions of SQL are plugins as well.
#[test]
fn a_function_must_be_signed_too() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let key = keygen(&sandbox, "key");
    let bytes = versioned("haversine", "1.0.0");
    push(&sandbox, &bytes, &[]);
    let text = format!(
        "{}[function.km]\nplugin = \"haversine@1\"\n[source.s]\ntype = \"file\"\n\
         path = \"in.ndjson\"\nformat = \"ndjson\"\nschema = {{ n = \"float64\" }}\n\
         [step.p]\nsql = \"SELECT km(n, n, n, n) AS d FROM s\"\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"p\"\n",
        demand(&[&key])
    );
    let mistakes = sandbox.mistakes(&text);
    assert!(mistakes[0].message.contains("is not signed by a trusted key"), "{mistakes:?}");
    push(&sandbox, &bytes, &["--sign", "key"]);
    assert!(sandbox.mistakes(&text).is_empty());
}

/// Where there is no store, the signature travels beside the file.
#[test]
fn a_signature_beside_the_file_will_do() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let key = keygen(&sandbox, "key");
    let settings = demand(&[&key]);
    let bytes = hostile("1.0.0");
    push(&sandbox, &bytes, &["--sign", "key", "--store", "elsewhere"]);
    sandbox.write("own/hostile.wasm", &bytes);
    refused(&sandbox, "own/hostile.wasm", &settings, "it has no signature");

    let pull = ["pull", "hostile", "--from", "elsewhere", "-o", "own/hostile.wasm"];
    plugin(&sandbox, 0, &pull);
    assert_eq!(chosen(&sandbox, &pipeline("own/hostile.wasm", &settings)), digest(&bytes));

    // Built again, and not signed again.
    sandbox.write("own/hostile.wasm", marked(bytes, 1));
    refused(&sandbox, "own/hostile.wasm", &settings, "the signature beside it is of other bytes");
    sandbox.write("own/hostile.wasm.sig", "{}");
    refused(&sandbox, "own/hostile.wasm", &settings, "hostile.wasm.sig holds no signature");

    // Plugins of the plugin path are signed by their digest in the store.
    let built = plugins().join("hostile.wasm");
    refused(&sandbox, "hostile", &settings, "it has no signature");
    plugin(&sandbox, 0, &["push", built.to_str().unwrap(), "--sign", "key"]);
    assert!(sandbox.mistakes(&pipeline("hostile", &settings)).is_empty());
}

/// Who can write to the store, and has no key, can't pass anything for something else.
#[test]
fn signed_components_cannot_take_each_others_places() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let key = keygen(&sandbox, "key");
    let settings = demand(&[&key]);
    let old = push(&sandbox, &hostile("1.0.0"), &["--sign", "key"]);
    let new = push(&sandbox, &hostile("1.5.0"), &["--sign", "key"]);
    let enrich = push(&sandbox, &versioned("enrich", "1.0.0"), &["--sign", "key"]);
    assert_eq!(chosen(&sandbox, &pipeline("hostile@1", &settings)), new);

    // An older version, with holes that the newer one has mended.
    sandbox.write("store/names/hostile/1.5.0", format!("{old}\n"));
    refused(&sandbox, "hostile@1", &settings, "it is signed as hostile@1.0.0");
    // Another plugin.
    sandbox.write("store/names/hostile/1.5.0", format!("{enrich}\n"));
    refused(&sandbox, "hostile@1", &settings, "it is signed as enrich@1.0.0");
    // Its metadata can say what it wants.
    let metadata = format!("store/metadata/{enrich}.json");
    let text = fs::read_to_string(sandbox.path(&metadata)).unwrap();
    sandbox.write(&metadata, text.replace("\"enrich\"", "\"hostile\"").replace("1.0.0", "1.5.0"));
    refused(&sandbox, "hostile@1", &settings, "does not hold");
    // The bytes are another matter than their name.
    sandbox.write("store/names/hostile/1.5.0", format!("{new}\n"));
    fs::write(component(&sandbox, &new), hostile("1.0.0")).unwrap();
    let mistake = sandbox.mistake(&pipeline("hostile@1", &settings));
    assert!(mistake.message.contains("is damaged"), "{mistake:?}");
    // A trusted signature of one component, copied to another.
    fs::write(component(&sandbox, &new), hostile("1.5.0")).unwrap();
    let unsigned = push(&sandbox, &hostile("1.6.0"), &[]);
    let of = |digest: &str| sandbox.path("store/metadata").join(format!("{digest}.json"));
    let mut forged: serde_json::Value =
        serde_json::from_slice(&fs::read(of(&unsigned)).unwrap()).unwrap();
    let signed: serde_json::Value = serde_json::from_slice(&fs::read(of(&new)).unwrap()).unwrap();
    forged["signatures"] = signed["signatures"].clone();
    fs::write(of(&unsigned), forged.to_string()).unwrap();
    refused(&sandbox, "hostile@1", &settings, "does not hold");
    let text = plugin(&sandbox, 5, &["verify"]);
    assert!(text.contains("does not hold"), "{text}");
}

/// Mistakes in the settings are said in their place; none of them opens the door.
#[test]
fn settings_of_signatures_are_checked() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let key = keygen(&sandbox, "key");
    push(&sandbox, &hostile("1.0.0"), &[]);

    let mistake = sandbox.mistake(&pipeline("hostile@1", &demand(&["ed25519:AAAA"])));
    assert_eq!(mistake.at.as_deref(), Some("\"ed25519:AAAA\""));
    assert!(mistake.message.contains("no public key"), "{mistake:?}");

    let mistakes = sandbox.mistakes(&pipeline("hostile@1", &demand(&[])));
    assert!(mistakes[0].message.contains("no key is trusted"), "{mistakes:?}");
    assert_eq!(mistakes[0].at.as_deref(), Some("true"));

    let idle = demand(&[&key]).replace("require_signature = true\n", "");
    // A warning does not keep it from running.
    let warnings = sandbox.mistakes(&pipeline("hostile@1", &idle));
    assert_eq!(warnings[0].severity, Severity::Warning);
    assert!(warnings[0].message.contains("do nothing"), "{warnings:?}");
    sandbox.check(&pipeline("hostile@1", &idle));
}

/// A secret key is for its owner alone, and is never overwritten or shown.
#[test]
fn a_secret_key_stays_secret_and_is_not_lost() {
    let sandbox = Sandbox::new();
    let public = keygen(&sandbox, "key");
    assert!(public.starts_with("ed25519:"), "{public}");
    let path = sandbox.path("key");
    let secret = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = plugin(&sandbox, 2, &["keygen", "key"]);
    assert!(text.contains("is there already"), "{text}");
    assert_eq!(fs::read_to_string(&path).unwrap(), secret);

    sandbox.write("hostile.wasm", hostile("1.0.0"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let text = plugin(&sandbox, 0, &["push", "./hostile.wasm", "--sign", "key"]);
    assert!(text.contains("others may read key"), "{text}");
    // A file that is cut short is not shown either.
    fs::write(&path, &secret[..secret.len() - 10]).unwrap();
    let text = plugin(&sandbox, 2, &["push", "./hostile.wasm", "--sign", "key"]);
    assert!(text.contains("holds no secret key"), "{text}");
    assert!(!text.contains(&secret[30..secret.len() - 10]), "{text}");
}
