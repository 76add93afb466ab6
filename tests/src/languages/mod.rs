//! Plugins in every language that Millrace has an SDK for: the same plugins, with the same rows out.

mod bindings;
mod cases;
mod config;
mod every_type;
mod pipelines;
mod projects;

use std::path::PathBuf;

pub use crate::plugin_command::{millrace, repository, run};

/// A language beside Rust.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// As `plugin.toml` has it.
    pub name: &'static str,
    /// Where the plugins are that it has in common with the others.
    examples: &'static str,
}

pub const LANGUAGES: [Language; 5] = [
    Language { name: "ts", examples: "sdk/js/examples" },
    Language { name: "python", examples: "sdk/python/examples" },
    Language { name: "go", examples: "sdk/go/examples" },
    Language { name: "c", examples: "sdk/c/examples" },
    Language { name: "zig", examples: "sdk/c/zig/examples" },
];

/// What each language has.
pub const PLUGINS: [&str; 8] =
    ["fraud_rules", "velocity", "top_k", "haversine", "safe_parse", "enrich", "mirror", "remember"];

impl Language {
    pub fn project(self, plugin: &str) -> PathBuf {
        repository().join(self.examples).join(plugin)
    }

    /// Built by `make languages`.
    pub fn component(self, plugin: &str) -> PathBuf {
        let path = repository().join("plugins/dist").join(self.name).join(format!("{plugin}.wasm"));
        assert!(path.is_file(), "{} is missing: run `make languages`", path.display());
        path
    }
}
