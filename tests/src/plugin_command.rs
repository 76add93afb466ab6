//! `millrace plugin new`, `build` and `test`, as their users run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const NEW_PLUGIN: &str = "flag_new";

/// The directory in which cargo puts this test: `deps` beside the binary.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().to_owned()
}

pub fn millrace() -> Command {
    Command::new(built().join("millrace"))
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The exit code, and what was printed.
fn outcome(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

pub fn run(command: &mut Command) -> (i32, String) {
    outcome(&command.output().unwrap())
}

/// A copy of a shipped plugin's golden cases, to be changed, and its component.
fn golden_copy(plugin: &str) -> (TempDir, PathBuf) {
    let copy = tempfile::tempdir().unwrap();
    let from = repository().join("plugins").join(plugin).join("golden");
    for case in fs::read_dir(from).unwrap() {
        let case = case.unwrap();
        let to = copy.path().join("golden").join(case.file_name());
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(case.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let component = repository().join(format!("plugins/dist/{plugin}.wasm"));
    (copy, component)
}

fn test(dir: &Path, component: &Path) -> Command {
    let mut command = millrace();
    command.args(["plugin", "test"]).arg(dir).arg("--component").arg(component);
    command
}

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// The plugins that ship must do what their cases say, in the sandbox and in batches of any size.
#[test]
fn the_cases_of_all_shipped_plugins_pass() {
    for (plugin, cases) in [
        ("safe_parse", 3),
        ("enrich", 2),
        ("fraud_rules", 2),
        ("velocity", 1),
        ("sessionize", 1),
        ("top_k", 1),
        ("haversine", 1),
        ("hostile", 4),
    ] {
        let (code, text) =
            run(millrace().args(["plugin", "test"]).arg(repository().join("plugins").join(plugin)));
        assert_eq!(code, 0, "{text}");
        assert!(text.ends_with(&format!("\n{cases} passed, 0 failed\n")), "{text}");
    }
}

/// A difference must end with exit code 1 and say where and what it is.
#[test]
fn a_wrong_expected_row_fails_and_is_named() {
    let (copy, component) = golden_copy("enrich");
    let main = copy.path().join("golden/payments/expected.main.ndjson");
    change(&main, r#""amount_base": 2.5"#, r#""amount_base": 2.75"#);
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("ok   codes"), "{text}");
    assert!(text.contains("payments/expected.main.ndjson:2\n"), "{text}");
    assert!(text.contains("`amount_base`: expected 2.75, got 2.5"), "{text}");
    assert!(text.ends_with("1 passed, 1 failed\n"), "{text}");
}

/// Refused rows are compared as rows are, and a file for a port that is not there is a mistake.
#[test]
fn wrong_errors_and_unknown_ports_fail() {
    let (copy, component) = golden_copy("safe_parse");
    let strict = copy.path().join("golden/strict");
    change(&strict.join("expected.errors.ndjson"), "unknown_field", "missing");
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("strict/expected.errors.ndjson:1\n"), "{text}");
    assert!(text.contains(r#"`code`: expected "missing", got "unknown_field""#), "{text}");

    let (copy, component) = golden_copy("enrich");
    fs::write(copy.path().join("golden/codes/expected.other.ndjson"), "").unwrap();
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the plugin has no port `other`"), "{text}");
}

/// Blessing writes what came out and nothing else: cases that pass stay as they are.
#[test]
fn blessing_writes_the_expected_files() {
    let (copy, component) = golden_copy("fraud_rules");
    let ports = copy.path().join("golden/ports");
    let review = fs::read_to_string(ports.join("expected.review.ndjson")).unwrap();
    for file in ["expected.review.ndjson", "expected.main.ndjson"] {
        fs::remove_file(ports.join(file)).unwrap();
    }
    fs::write(ports.join("expected.gone.ndjson"), "").unwrap();
    let (code, text) = run(test(copy.path(), &component).arg("--bless"));
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("1 passed, 0 failed, 1 blessed\n"), "{text}");
    assert_eq!(fs::read_to_string(ports.join("expected.review.ndjson")).unwrap(), review);
    assert!(!ports.join("expected.gone.ndjson").exists());
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 0, "{text}");
}

/// A case that could not be read, or a plugin that was not built, must not pass for a success.
#[test]
fn what_cannot_be_tested_is_said() {
    let (copy, component) = golden_copy("enrich");
    let input = copy.path().join("golden/codes/input.ndjson");
    change(&input, r#""c""#, r#""d""#);
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("schema.json has no column `d`"), "{text}");

    let (code, text) = run(millrace().args(["plugin", "test"]).arg(copy.path()));
    assert_eq!(code, 2, "{text}");

    change(&input, r#""d""#, r#""c""#);
    let (code, text) = run(millrace().args(["plugin", "test"]).arg(copy.path()));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("millrace plugin build"), "{text}");

    change(&copy.path().join("golden/codes/config.json"), r#""column""#, r#""colum""#);
    let (code, text) = run(&mut test(copy.path(), &component));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the plugin refuses config.json"), "{text}");
}

/// The project must be whole without this repository: the SDK is on no registry.
#[test]
fn a_new_project_has_all_it_needs() {
    let place = tempfile::tempdir().unwrap();
    let (code, text) =
        run(millrace().args(["plugin", "new", NEW_PLUGIN]).current_dir(place.path()));
    assert_eq!(code, 0, "{text}");
    let project = place.path().join(NEW_PLUGIN);
    for file in [
        ".gitignore",
        "README.md",
        "src/lib.rs",
        "tests/flag_large.rs",
        "golden/limit/input.ndjson",
        "vendor/millrace/wit/plugin.wit",
        "vendor/millrace/wit/types.wit",
        "vendor/millrace/sdk/columns/src/lib.rs",
        "vendor/millrace/sdk/rust/src/lib.rs",
        "vendor/millrace/sdk/rust-derive/src/lib.rs",
    ] {
        let text = fs::read_to_string(project.join(file)).unwrap();
        assert!(!text.contains("plugin_name"), "{file}");
    }
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("name = \"{NEW_PLUGIN}\"")), "{manifest}");
    for sdk in ["columns", "rust", "rust-derive"] {
        let path = project.join("vendor/millrace/sdk").join(sdk).join("Cargo.toml");
        let manifest = fs::read_to_string(path).unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
    }
}

/// What is there must not be overwritten, and a name must do for a crate.
#[test]
fn a_new_project_refuses_what_exists_and_bad_names() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join(NEW_PLUGIN)).unwrap();
    let new = |arguments: &[&str]| {
        run(millrace().args(["plugin", "new"]).args(arguments).current_dir(place.path()))
    };
    let (code, text) = new(&[NEW_PLUGIN]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("flag_new exists already"), "{text}");
    let (code, text) = new(&["Flag-New"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("such as `flag_new`"), "{text}");
    let (code, text) = new(&["fn"]);
    assert_eq!(code, 2, "{text}");
    assert!(!place.path().join("Flag-New").exists() && !place.path().join("fn").exists());
}

/// The five minutes of the SDK's README: a project is made, built, tested, broken and mended.
#[test]
fn a_new_project_builds_and_passes_its_tests() {
    let place = tempfile::tempdir().unwrap();
    let project = place.path().join("project");
    let target = built().parent().unwrap().join("new-plugin");
    let plugin = |arguments: &[&str]| {
        let mut command = millrace();
        command.arg("plugin").args(arguments).env("CARGO_TARGET_DIR", &target);
        command.current_dir(place.path());
        run(&mut command)
    };
    let (code, text) = plugin(&["new", NEW_PLUGIN, "--dir", "project"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = plugin(&["build", "project"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("path     project/flag_new.wasm"), "{text}");
    assert!(text.contains("name     flag_new\nversion  0.1.0"), "{text}");
    let component = fs::read(project.join("flag_new.wasm")).unwrap();
    let here = place.path().to_str().unwrap().as_bytes();
    assert!(!component.windows(here.len()).any(|part| part == here), "a path is in the component");
    let (code, text) = plugin(&["test", "project"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("1 passed, 0 failed\n"), "{text}");

    change(&project.join("src/lib.rs"), "a > self.limit", "a >= self.limit");
    let (code, text) = plugin(&["build", "project"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = plugin(&["test", "project"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("`large`: expected false, got true"), "{text}");

    let by_batch = "a > self.limit * amount.len() as f64";
    change(&project.join("src/lib.rs"), "a >= self.limit", by_batch);
    let (code, text) = plugin(&["build", "project"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = plugin(&["test", "project"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("batches of 1 give other rows than one batch of all"), "{text}");

    change(&project.join("src/lib.rs"), by_batch, "a >>= self.limit");
    let (code, text) = plugin(&["build", "project"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("cargo could not build flag_new"), "{text}");
}

/// Each world has a project of its own to begin with.
#[test]
fn new_projects_of_all_worlds_build_and_pass_their_tests() {
    let place = tempfile::tempdir().unwrap();
    let target = built().parent().unwrap().join("new-plugin");
    let plugin = |arguments: &[&str]| {
        let mut command = millrace();
        command.arg("plugin").args(arguments).env("CARGO_TARGET_DIR", &target);
        command.current_dir(place.path());
        run(&mut command)
    };
    for world in ["keyed", "aggregate", "scalar"] {
        let name = format!("new_{world}");
        let (code, text) = plugin(&["new", &name, "--world", world]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = plugin(&["build", &name]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains(&format!("world    {world}")), "{text}");
        let (code, text) = plugin(&["test", &name]);
        assert_eq!(code, 0, "{text}");
        assert!(text.ends_with("1 passed, 0 failed\n"), "{text}");
    }
}
