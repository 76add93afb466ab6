//! `millrace plugin new`, `build` and `test` in every language, from an empty directory.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{millrace, run};

const WORLDS: [&str; 4] = ["transform", "keyed", "aggregate", "scalar"];

fn plugin(place: &Path, arguments: &[&str]) -> (i32, String) {
    run(millrace().arg("plugin").args(arguments).current_dir(place))
}

/// The five minutes of each README: a project is made, built and tested in each world.
fn builds(language: &str) {
    let place = TempDir::new().unwrap();
    for world in WORLDS {
        let name = format!("new_{world}");
        let new = ["new", &name, "--lang", language, "--world", world];
        let (code, text) = plugin(place.path(), &new);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains(&format!("millrace plugin build {name}")), "{text}");
        let (code, text) = plugin(place.path(), &["build", &name]);
        assert_eq!(code, 0, "{world}: {text}");
        assert!(text.contains(&format!("name     {name}\nversion  0.1.0")), "{text}");
        assert!(text.contains(&format!("world    {world}")), "{text}");
        assert!(text.contains("grants   none needed"), "{text}");
        assert!(!text.contains("wasi"), "{text}");
        let (code, text) = plugin(place.path(), &["test", &name]);
        assert_eq!(code, 0, "{world}: {text}");
        assert!(text.ends_with("1 passed, 0 failed\n"), "{text}");
        let component = fs::read(place.path().join(&name).join(format!("{name}.wasm"))).unwrap();
        let here = place.path().to_str().unwrap().as_bytes();
        assert!(!component.windows(here.len()).any(|part| part == here), "a path is in {name}");
    }
}

#[test]
fn new_projects_in_javascript_build_and_pass() {
    builds("js");
}

#[test]
fn new_projects_in_typescript_build_and_pass() {
    builds("ts");
}

#[test]
fn new_projects_in_python_build_and_pass() {
    builds("python");
}

#[test]
fn new_projects_in_go_build_and_pass() {
    builds("go");
}

#[test]
fn new_projects_in_c_build_and_pass() {
    builds("c");
}

#[test]
fn new_projects_in_zig_build_and_pass() {
    builds("zig");
}

/// What `plugin.toml` says must be true, and what it lacks must be said.
#[test]
fn a_wrong_plugin_file_is_named_with_its_remedy() {
    let place = TempDir::new().unwrap();
    let (code, text) = plugin(place.path(), &["new", "p", "--lang", "c"]);
    assert_eq!(code, 0, "{text}");
    let file = place.path().join("p/plugin.toml");
    let good = fs::read_to_string(&file).unwrap();
    let refused = |from: &str, to: &str, says: &[&str], expected: i32| {
        assert!(good.contains(from), "{good}");
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let (code, text) = plugin(place.path(), &["build", "p"]);
        assert_eq!(code, expected, "{text}");
        says.iter().for_each(|says| assert!(text.contains(says), "`{says}` is not in {text}"));
    };
    refused("language = \"c\"", "language = \"cobol\"", &["plugin.toml", "`cobol`", "`zig`"], 2);
    refused("language = \"c\"", "language = \"rust\"", &["needs no plugin.toml"], 2);
    refused("world = ", "wrold = ", &["plugin.toml", "wrold"], 2);
    refused("name = \"p\"", "name = \"P!\"", &["`P!` can't be a plugin's name"], 2);
    refused("name = \"p\"", "name = \"q\"", &["called `p`, plugin.toml `q`"], 3);
    refused("name = \"p\"", "name = \"p\"\nsdk = \"nowhere\"", &["there is no SDK at"], 2);
    refused("world = \"transform\"", "world = \"keyed\"", &["error"], 3);
}

/// A mistake in the sources is the compiler's to tell, and leaves the old component in place.
#[test]
fn a_mistake_in_the_sources_is_told_and_changes_nothing() {
    let place = TempDir::new().unwrap();
    let (code, text) = plugin(place.path(), &["new", "p", "--lang", "c"]);
    assert_eq!(code, 0, "{text}");
    let component = place.path().join("p/p.wasm");
    fs::write(&component, "old").unwrap();
    fs::write(place.path().join("p/src/more.c"), "int x = ;\n").unwrap();
    let (code, text) = plugin(place.path(), &["build", "p"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("more.c:1:9: error"), "{text}");
    assert!(text.contains("the C compiler could not build the plugin: see above"), "{text}");
    assert_eq!(fs::read_to_string(&component).unwrap(), "old");
}

/// Two builds of one project take turns.
#[test]
fn builds_of_one_project_at_once_do_not_disturb_each_other() {
    let place = TempDir::new().unwrap();
    let (code, text) = plugin(place.path(), &["new", "p", "--lang", "c"]);
    assert_eq!(code, 0, "{text}");
    std::thread::scope(|scope| {
        let build = || plugin(place.path(), &["build", "p"]);
        let builds: Vec<_> = (0..3).map(|_| scope.spawn(build)).collect();
        for build in builds {
            let (code, text) = build.join().unwrap();
            assert_eq!(code, 0, "{text}");
        }
    });
    let (code, text) = plugin(place.path(), &["test", "p"]);
    assert_eq!(code, 0, "{text}");
}
