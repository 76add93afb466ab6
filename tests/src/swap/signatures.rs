//! Signed pipelines stay signed while they run.

use std::fs;
use std::sync::Arc;

use millrace::swap::SwapRequest;
use serde_json::json;

use super::fixture::{Live, pipeline, to};
use crate::harness::Sandbox;
use crate::plugin_store::{keygen, push, versioned};

/// What a pipeline would not have started with can't be swapped in, and what was swapped in keeps
/// its signature when the store loses it.
#[test]
fn only_what_is_signed_is_swapped_in() {
    let sandbox = Sandbox::new();
    let key = keygen(&sandbox, "key");
    push(&sandbox, &versioned("tagged", "1.0.0"), &["--sign", "key"]);
    push(&sandbox, &versioned("tagged", "1.1.0"), &[]);
    let newest = push(&sandbox, &versioned("tagged", "2.0.0"), &["--sign", "key"]);
    sandbox.write("in/first.ndjson", "");
    let text = pipeline("plugin = \"tagged@1.0\"\nconfig = { tag = \"a\" }\n");
    sandbox.pipeline(&format!(
        "{text}[plugins]\nstore = \"store\"\nrequire_signature = true\n\
         trusted_keys = [\"{key}\"]\n"
    ));
    let mut live = Live::again(Arc::new(sandbox));
    live.next = 1;
    live.pass(5);
    let named = |component: &str| SwapRequest {
        component: Some(component.to_owned()),
        ..to(json!({ "tag": "b" }))
    };
    for component in ["tagged@1", "tagged"] {
        let refused = live.refused(&named(component));
        assert!(refused.contains("is not signed by a trusted key"), "{refused}");
    }
    let swap = live.swap(&named("tagged@2"));
    assert_eq!(swap.to.digest, newest);
    live.pass(5);
    let sandbox = live.stop();
    for file in [format!("components/{newest}.wasm"), format!("metadata/{newest}.json")] {
        fs::remove_file(sandbox.path("store").join(file)).unwrap();
    }
    let mut live = Live::again(sandbox);
    live.next = 11;
    live.pass(5);
    assert_eq!(live.tagged("a"), (1..=5).collect::<Vec<_>>());
    assert_eq!(live.tagged("b"), (6..=15).collect::<Vec<_>>());
}
