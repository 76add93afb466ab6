//! The languages that plugins are written in.

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;

/// A language that `millrace plugin new` and `build` know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    Rust,
    /// JavaScript.
    Js,
    /// TypeScript.
    Ts,
    Python,
    Go,
    C,
    Zig,
}

impl Language {
    /// The directory of its templates.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
            Self::Zig => "zig",
        }
    }
}

impl Language {
    /// The directories of its SDK.
    pub fn sdk(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["sdk/columns/", "sdk/rust/", "sdk/rust-derive/"],
            Self::Js | Self::Ts => &["sdk/js/"],
            Self::Python => &["sdk/python/"],
            Self::Go => &["sdk/go/"],
            Self::C | Self::Zig => &["sdk/c/"],
        }
    }

    /// Where in a project the SDK lies.
    pub fn vendored(self) -> &'static str {
        match self {
            // `vendor` has a meaning of its own there.
            Self::Go => "third_party/millrace",
            Self::Rust | Self::Js | Self::Ts | Self::Python | Self::C | Self::Zig => {
                "vendor/millrace"
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::C => "C",
            Self::Zig => "Zig",
        })
    }
}
