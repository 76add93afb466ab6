//! The conformance suite: the cases of the Rust plugins, through the same plugins in every other
//! language, in one batch, row by row and in batches of seven.

use super::{LANGUAGES, PLUGINS, millrace, repository, run};

fn cases(plugin: &str) -> usize {
    std::fs::read_dir(repository().join("plugins").join(plugin).join("golden")).unwrap().count()
}

/// A plugin must do the same in whichever language it was written.
fn passes(language: &str) {
    let language = LANGUAGES.into_iter().find(|known| known.name == language).unwrap();
    for plugin in PLUGINS {
        let mut command = millrace();
        command.args(["plugin", "test"]).arg(language.project(plugin));
        command.arg("--component").arg(language.component(plugin));
        let (code, text) = run(&mut command);
        assert_eq!(code, 0, "{plugin}: {text}");
        let passed = format!("\n{} passed, 0 failed\n", cases(plugin));
        assert!(text.ends_with(&passed), "{plugin}: {text}");
        assert!(
            text.contains("\nsize ") && text.contains(" ns a row, in batches of 8,192"),
            "{text}"
        );
    }
}

#[test]
fn plugins_in_typescript_do_what_those_in_rust_do() {
    passes("ts");
}

#[test]
fn plugins_in_python_do_what_those_in_rust_do() {
    passes("python");
}

#[test]
fn plugins_in_go_do_what_those_in_rust_do() {
    passes("go");
}

#[test]
fn plugins_in_c_do_what_those_in_rust_do() {
    passes("c");
}

#[test]
fn plugins_in_zig_do_what_those_in_rust_do() {
    passes("zig");
}

/// The plugins that only tests use must pass their own cases in Rust, too.
#[test]
fn the_conformance_plugins_pass_in_rust() {
    for plugin in ["mirror", "remember"] {
        let project = repository().join("plugins").join(plugin);
        let (code, text) = run(millrace().args(["plugin", "test"]).arg(project));
        assert_eq!(code, 0, "{text}");
    }
}
