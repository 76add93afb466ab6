//! What a component does before anything was asked of it, and when it is asked who it is.

use std::fs;

use super::doctored;
use crate::harness::{Sandbox, plugins};

const PIPELINE: &str = r#"
[source.s]
type = "file"
path = "in.ndjson"
format = "ndjson"

[step.h]
from = "s"
plugin = "doctored"
grant = ["log"]
config = { mode = "well_behaved" }
limits = { deadline = "50ms", memory = "16MiB" }

[sink.out]
type = "file"
path = "out"
from = "h"
"#;

fn sandbox(component: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1}");
    sandbox.write("doctored.wasm", component);
    sandbox
}

fn hostile() -> Vec<u8> {
    fs::read(plugins().join("hostile.wasm")).unwrap()
}

/// Start-up code runs before any function of the contract, within the same limits.
#[test]
fn start_up_code_has_limits_too() {
    for (function, message) in [
        ("doctored_loop", "did not return within 50ms"),
        ("doctored_memory", "wants more than its 16 MiB of memory"),
        ("doctored_stack", "wasm trap"),
    ] {
        let sandbox = sandbox(&doctored::at_start(&hostile(), function));
        let found = sandbox.mistake(PIPELINE);
        assert_eq!(found.at.as_deref(), Some("\"doctored\""), "{function}: {found:#?}");
        assert!(found.message.contains("failed to start"), "{function}: {found:#?}");
        assert!(found.message.contains(message), "{function}: {found:#?}");
    }
}

/// A name that never comes keeps nobody waiting, and is not needed to run.
#[test]
fn a_component_that_never_says_who_it_is_is_told_from_others() {
    let about = "millrace:plugin/transformer@0.1.0#about";
    let sandbox = sandbox(&doctored::instead(&hostile(), about, "doctored_about"));
    let output = sandbox.millrace(&["plugin", "inspect", "./doctored.wasm"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("did not return within 1s"), "{text}");
    sandbox.run(PIPELINE);
    assert_eq!(sandbox.rows("out"), ["{\"m\":2,\"n\":1}"]);
}
