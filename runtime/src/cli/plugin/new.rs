//! `millrace plugin new`: a project that builds at once, wherever it lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::language::Language;
use super::vendor;
use crate::error::{Error, Result};
use crate::planner::is_name;
use crate::plugin::World;

/// `LANGUAGE/common` is what all new plugins of a language have, `LANGUAGE/WORLD` those of a world,
/// and `golden/WORLD` their cases, which are the same in all languages.
static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/template");

/// What the template's files call the plugin, and what it does.
const PLACEHOLDER: &str = "plugin_name";
const SUMMARY: &str = "plugin_summary";
const GOLDEN: &str = "golden";
const NAME_BYTES_MAX: usize = 64;

/// Crates that the plugin or its tests name, and crates of Rust's own.
const CRATES: [&str; 9] = [
    "alloc",
    "arrow_array",
    "arrow_schema",
    "core",
    "millrace_plugin",
    "proc_macro",
    "serde",
    "std",
    "test",
];
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// What a plugin is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewWorld {
    /// Rows in, rows out.
    Transform,
    /// Rows of a key with what is remembered of the key.
    Keyed,
    /// An aggregate function for SQL.
    Aggregate,
    /// A scalar function for SQL.
    Scalar,
}

impl NewWorld {
    /// The world of the contract.
    pub fn world(self) -> World {
        match self {
            Self::Transform => World::Transform,
            Self::Keyed => World::Keyed,
            Self::Aggregate => World::Aggregate,
            Self::Scalar => World::Scalar,
        }
    }

    /// What a new plugin does.
    fn summary(self) -> &'static str {
        match self {
            Self::Transform => "Marks rows whose amount is above a limit",
            Self::Keyed => "Counts the rows of each key",
            Self::Aggregate => "The longest text of a group",
            Self::Scalar => "Masks all but the last characters of a text",
        }
    }
}

pub fn new(
    name: &str,
    (language, world): (Language, NewWorld),
    dir: Option<&Path>,
) -> Result<ExitCode> {
    check_name(name, language).map_err(Error::config)?;
    let project = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if let Some(parent) = project.parent() {
        fs::create_dir_all(parent).map_err(|e| Error::io("make", parent, e))?;
    }
    fs::create_dir(&project).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::config(format!(
            "{} exists already: give another name, or another place with --dir",
            project.display()
        )),
        _ => Error::io("make", &project, e),
    })?;
    let (templates, world_name) = (language.directory(), world.world().name());
    let parts = [
        (format!("{templates}/common"), ""),
        (format!("{templates}/{world_name}"), ""),
        (format!("golden/{world_name}"), GOLDEN),
    ];
    for (part, place) in parts {
        let template = TEMPLATES.get_dir(&part).ok_or_else(|| {
            Error::internal(format!("there is no template {part} for new plugins"))
        })?;
        for file in vendor::files(template) {
            let path = file.path().strip_prefix(&part).unwrap_or(file.path());
            let text = String::from_utf8_lossy(file.contents());
            let text = text.replace(PLACEHOLDER, name).replace(SUMMARY, world.summary());
            write(&project.join(place).join(path), text.as_bytes())?;
        }
    }
    let vendored = project.join(language.vendored());
    vendor::unpack(language, |path, bytes| write(&vendored.join(path), bytes))?;
    let dir = project.display();
    out!("made the plugin `{name}` in {dir}; next:");
    out!("    millrace plugin build {dir}\n    millrace plugin test {dir}");
    Ok(ExitCode::SUCCESS)
}

/// Whether a crate, a component and a pipeline can all use the name.
fn check_name(name: &str, language: Language) -> Result<(), String> {
    if !is_name(name) || name.len() > NAME_BYTES_MAX {
        let near: String = name.to_lowercase().replace(['-', ' ', '.'], "_");
        let near = if is_name(&near) && near.len() <= NAME_BYTES_MAX {
            format!(", such as `{near}`")
        } else {
            String::new()
        };
        return Err(format!(
            "`{name}` can't be a plugin's name: it must be a lower-case letter, then lower-case \
             letters, digits and underscores, {NAME_BYTES_MAX} at most{near}"
        ));
    }
    if language == Language::Rust && (KEYWORDS.contains(&name) || CRATES.contains(&name)) {
        return Err(format!(
            "`{name}` can't be a plugin's name: Rust needs it for something else; `{name}_rows` \
             would do"
        ));
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| Error::io("make", parent, e))?;
    }
    fs::write(path, bytes).map_err(|e| Error::io("write", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name becomes a crate's, a file's and a text in pipelines.
    #[test]
    fn names_that_something_else_could_not_take_are_refused() {
        for good in ["a", "flag_large", "v2"] {
            assert_eq!(check_name(good, Language::Rust), Ok(()));
        }
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in ["", "2x", "a b", "../x", "a/b", "é", "fn", "serde", "test", &long] {
            assert!(check_name(bad, Language::Rust).is_err(), "{bad}");
        }
        assert!(check_name("Flag-Large", Language::Go).unwrap_err().contains("`flag_large`"));
    }
}
