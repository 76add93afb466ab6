//! Which component a name means.

use std::collections::HashMap;
use std::fs;

use sha2::{Digest, Sha256};

use super::{chosen, digest, hostile, marked, pipeline, plugin, push, versioned};
use crate::harness::{Mistake, Sandbox};

fn refused(sandbox: &Sandbox, plugin: &str) -> Mistake {
    let mistake = sandbox.mistake(&pipeline(plugin, ""));
    assert_eq!(mistake.at.as_deref(), Some(format!("\"{plugin}\"").as_str()));
    mistake
}

/// A pipeline says how much change it accepts; numbers are compared as numbers.
#[test]
fn the_highest_version_that_fits_is_taken() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let versions = ["1.2.3", "1.2.9", "1.9.0", "2.0.0"];
    let mut digests: HashMap<&str, String> = HashMap::new();
    for version in versions {
        digests.insert(version, push(&sandbox, &hostile(version), &[]));
    }
    // Ten is more than nine; a text of the same length stands for 1.10.0 in the store's names.
    let names = sandbox.path("store/names/hostile");
    fs::rename(names.join("1.9.0"), names.join("1.10.0")).unwrap();
    for (written, version) in [
        ("hostile@1.2.3", "1.2.3"),
        ("hostile@1.2", "1.2.9"),
        ("hostile@1", "1.9.0"),
        ("hostile@2", "2.0.0"),
    ] {
        assert_eq!(chosen(&sandbox, &pipeline(written, "")), digests[version], "{written}");
    }
    let prefix = format!("sha256:{}", &digests["1.2.9"][..8].to_uppercase());
    assert_eq!(chosen(&sandbox, &pipeline(&prefix, "")), digests["1.2.9"]);
}

/// A plugin that is being worked on lies in the plugin path, and goes before what was released.
#[test]
fn a_bare_name_means_the_plugin_path_and_then_the_store() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    push(&sandbox, &hostile("1.2.3"), &[]);
    let highest = push(&sandbox, &hostile("1.3.0"), &[]);
    let built = fs::read(crate::harness::plugins().join("hostile.wasm")).unwrap();
    assert_eq!(chosen(&sandbox, &pipeline("hostile", "")), digest(&built));

    let text = pipeline("hostile", "plugin_path = []\n[plugins]\nstore = \"store\"\n");
    let whole = format!("name = \"test\"\n{text}");
    sandbox.write("own.toml", whole);
    let plan = crate::harness::checked(&sandbox.path("own.toml")).plan;
    assert_eq!(plan.digests().next(), Some(("p", highest.as_str())));
}

/// An error says where was looked, and what is there.
#[test]
fn what_is_not_there_is_answered_with_what_is_near() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let there = push(&sandbox, &hostile("1.2.3"), &[]);
    push(&sandbox, &hostile("1.3.0"), &[]);
    let store = sandbox.path("store").display().to_string();

    let mistake = refused(&sandbox, "hostile@3");
    assert!(mistake.message.contains("has no release 3.x of `hostile`"), "{mistake:?}");
    assert!(mistake.message.contains(&store), "{mistake:?}");
    assert_eq!(mistake.help, "it has 1.3.0, 1.2.3");

    let mistake = refused(&sandbox, "hostil@1");
    assert!(mistake.message.contains("no plugin `hostil`"), "{mistake:?}");
    assert_eq!(mistake.help, "did you mean `hostile`?");

    // Built, and never pushed.
    let mistake = refused(&sandbox, "enrich@0.1");
    assert!(mistake.help.contains("millrace plugin push"), "{mistake:?}");
    assert!(mistake.help.contains("enrich.wasm is in the plugin path"), "{mistake:?}");

    let mistake = refused(&sandbox, "hostile@latest");
    assert!(mistake.message.contains("`latest` is no version"), "{mistake:?}");

    let mistake = refused(&sandbox, "sha256:0123456");
    assert!(mistake.help.contains("8 to 64 hexadecimal digits"), "{mistake:?}");

    let other = if there.starts_with('0') { "1" } else { "0" };
    let near = format!("sha256:{other}{}", &there[1..10]);
    let mistake = refused(&sandbox, &near);
    assert!(mistake.message.contains(&store), "{mistake:?}");
    assert_eq!(mistake.help, format!("did you mean `{}`?", &there[..10]));
}

/// Two digests may begin alike: then neither is meant.
#[test]
fn an_ambiguous_digest_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "");
    let base = hostile("1.0.0");
    // By the birthday paradox some 80,000 marks hold two whose digests share 8 digits.
    let mut hasher = Sha256::new();
    hasher.update(&base);
    hasher.update([0, 10, 1, b'm']);
    let mut seen: HashMap<[u8; 4], u64> = HashMap::new();
    let (one, other) = (0_u64..)
        .find_map(|mark| {
            let digest = hasher.clone().chain_update(mark.to_le_bytes()).finalize();
            let first = digest[..4].try_into().unwrap();
            seen.insert(first, mark).map(|earlier| (earlier, mark))
        })
        .unwrap();
    let digests: Vec<String> = [one, other]
        .iter()
        .map(|mark| push(&sandbox, &marked(base.clone(), *mark), &["--force"]))
        .collect();
    assert_eq!(digests[0][..8], digests[1][..8]);
    let mistake = refused(&sandbox, &format!("sha256:{}", &digests[0][..8]));
    assert!(mistake.message.contains("begins the digests of several components"), "{mistake:?}");
    for digest in &digests {
        assert!(mistake.help.contains(digest), "{mistake:?}");
        assert_eq!(chosen(&sandbox, &pipeline(&format!("sha256:{digest}"), "")), *digest);
    }
}

/// Functions of SQL come from the store as steps do.
#[test]
fn a_function_is_named_by_version() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 90}\n");
    let digest = push(&sandbox, &versioned("haversine", "3.1.4"), &[]);
    let text = "[plugins]\nstore = \"store\"\n[function.km]\nplugin = \"haversine@3\"\n\
                [source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n\
                schema = { n = \"float64\" }\n\
                [step.p]\nsql = \"SELECT round(km(n, 0.0, n, 0.0)) AS d FROM s\"\n\
                [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"p\"\n";
    let plan = sandbox.check(text).plan;
    assert_eq!(plan.digests().next(), Some(("function.km", digest.as_str())));
    sandbox.run(text);
    assert_eq!(sandbox.rows("out"), [r#"{"d":0.0}"#]);
}

/// Commands name components as pipelines do.
#[test]
fn inspect_finds_what_the_store_has() {
    let sandbox = Sandbox::new();
    let digest = push(&sandbox, &hostile("1.2.3"), &[]);
    for name in ["hostile", "hostile@1.2", &format!("sha256:{}", &digest[..10])] {
        let text = plugin(&sandbox, 0, &["inspect", name]);
        assert!(text.contains(&digest) && text.contains("version  1.2.3"), "{text}");
    }
}
