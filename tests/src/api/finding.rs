//! Running pipelines are found by their names and files, and what has ended is not.

use std::net::TcpListener;

use super::fixture::{Pipeline, STEADY};
use crate::harness::{Sandbox, wait_until};

fn said(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = sandbox.millrace(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Waits until the pipeline can be found.
fn registered(sandbox: &Sandbox, file: &str) {
    wait_until(|| said(sandbox, &["status", file]).0 == Some(0));
}

/// A name that nobody has is answered with those that there are.
#[test]
fn an_unknown_name_is_answered_with_those_that_run() {
    let sandbox = Sandbox::new();
    let (code, _, error) = said(&sandbox, &["status", "test"]);
    assert_eq!(code, Some(4));
    assert!(error.contains("no pipeline `test` of this user is running"), "{error}");
    assert!(error.contains("`millrace run FILE` starts one"), "{error}");
    assert_eq!(said(&sandbox, &["status"]).0, Some(0));
    sandbox.pipeline(STEADY);
    let _pipeline = Pipeline::start(&sandbox, &[]);
    registered(&sandbox, "pipeline.toml");
    let (_, _, error) = said(&sandbox, &["top", "tset"]);
    assert!(error.contains("did you mean `test`?"), "{error}");
    let (_, _, error) = said(&sandbox, &["top", "something_else"]);
    assert!(error.contains("there are: test"), "{error}");
    let (code, all, _) = said(&sandbox, &["status"]);
    assert_eq!(code, Some(0));
    assert!(all.starts_with("test  http://127.0.0.1:"), "{all}");
    assert!(all.trim_end().ends_with("pipeline.toml"), "{all}");
    let (code, _, error) = said(&sandbox, &["status", "none.toml"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("cannot read none.toml"), "{error}");
}

/// A process that was killed leaves its entries behind. They mislead nobody: neither while they
/// lie there, nor when the pipeline runs again.
#[test]
fn what_a_killed_process_leaves_misleads_nobody() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    registered(&sandbox, "test");
    let pid = pipeline.child.0.id();
    // SIGKILL.
    pipeline.child.0.kill().unwrap();
    pipeline.child.0.wait().unwrap();
    assert!(sandbox.path(".millrace/test/api.json").exists());
    let (code, _, error) = said(&sandbox, &["stop", "pipeline.toml"]);
    assert_eq!(code, Some(4));
    assert!(error.contains(&format!("process {pid} has ended without a word")), "{error}");
    assert!(error.contains("millrace run pipeline.toml"), "{error}");
    let (code, _, error) = said(&sandbox, &["stop", "test"]);
    assert_eq!(code, Some(4));
    assert!(error.contains("no pipeline `test`"), "{error}");
    assert_eq!(std::fs::read_dir(sandbox.path("run/millrace/running")).unwrap().count(), 0);
    let pipeline = Pipeline::start(&sandbox, &[]);
    registered(&sandbox, "test");
    let (_, all, _) = said(&sandbox, &["status"]);
    assert_eq!(all.lines().count(), 1, "{all}");
    assert!(all.contains(&pipeline.url), "{all}");
}

/// Somebody else has the port by now: they are not taken for the pipeline, and hear no order.
#[test]
fn a_port_that_somebody_else_has_by_now_is_not_the_pipeline() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let mut first = Pipeline::start(&sandbox, &[]);
    registered(&sandbox, "test");
    let address = first.url.strip_prefix("http://").unwrap().to_owned();
    first.child.0.kill().unwrap();
    first.child.0.wait().unwrap();
    sandbox.write("other/other.toml", {
        let text = std::fs::read_to_string(sandbox.path("pipeline.toml")).unwrap();
        text.replace("name = \"test\"", "name = \"other\"")
    });
    let other = ["--listen", address.as_str()];
    let other = Pipeline::start_file(&sandbox, "other/other.toml", &other, &[]);
    assert_eq!(other.url, first.url);
    registered(&sandbox, "other");
    let (code, _, error) = said(&sandbox, &["stop", "pipeline.toml"]);
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("is not running"), "{error}");
    assert_eq!(said(&sandbox, &["stop", "test"]).0, Some(4));
    assert_eq!(said(&sandbox, &["status", "other"]).0, Some(0), "it still runs");
    assert_eq!(said(&sandbox, &["status", &other.url]).0, Some(0));
}

/// Two pipelines may have one name. Who names it is told of both, and can name either.
#[test]
fn of_two_pipelines_with_one_name_the_file_says_which() {
    let sandbox = Sandbox::new();
    let path = sandbox.pipeline(STEADY);
    sandbox.write("second/second.toml", std::fs::read_to_string(path).unwrap());
    let first = Pipeline::start(&sandbox, &[]);
    let second = Pipeline::start_file(&sandbox, "second/second.toml", &[], &[]);
    registered(&sandbox, "pipeline.toml");
    registered(&sandbox, "second/second.toml");
    let mut error = String::new();
    wait_until(|| {
        error = said(&sandbox, &["stop", "test"]).2;
        error.contains("2 pipelines `test` are running")
    });
    for part in ["pipeline.toml", "second/second.toml", &first.url, &second.url] {
        assert!(error.contains(part), "{part} in {error}");
    }
    for (target, url) in [("pipeline.toml", &first.url), ("second/second.toml", &second.url)] {
        let (_, status, _) = said(&sandbox, &["status", target, "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let (_, by_url, _) = said(&sandbox, &["status", url, "--json"]);
        let by_url: serde_json::Value = serde_json::from_str(&by_url).unwrap();
        assert_eq!(status["pid"], by_url["pid"]);
    }
    assert_eq!(said(&sandbox, &["stop", "second/second.toml"]).0, Some(0));
    assert_eq!(said(&sandbox, &["status", "test"]).0, Some(0), "one is left");
}

/// A second process of one pipeline is refused, and does not take the place of the first.
#[test]
fn a_second_process_of_a_pipeline_does_not_hide_the_first() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let pipeline = Pipeline::start(&sandbox, &[]);
    registered(&sandbox, "test");
    assert_eq!(said(&sandbox, &["run", "pipeline.toml"]).0, Some(6));
    for target in ["test", "pipeline.toml"] {
        let (_, status, _) = said(&sandbox, &["status", target, "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["pid"], pipeline.child.0.id());
    }
}

/// A port that is taken is told before anything starts.
#[test]
fn a_port_in_use_is_told_before_anything_starts() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, error) = said(&sandbox, &["run", "pipeline.toml", "--listen", &port]);
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{error}");
    assert!(error.contains("name another port, or none for any that is free"), "{error}");
    assert!(!sandbox.path(".millrace").exists());
    let (code, _, error) = said(&sandbox, &["run", "pipeline.toml", "--listen", "nowhere"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("is no address to listen on"), "{error}");
}

/// Where nobody is to ask, nobody can; and who tries is told why.
#[test]
fn without_an_api_a_pipeline_says_so() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(STEADY);
    let mut command = sandbox.command(&["run", "pipeline.toml", "--no-api", "--quiet"]);
    let _running = crate::harness::Running(command.spawn().unwrap());
    wait_until(|| sandbox.millrace(&["ready", "pipeline.toml"]).status.code() == Some(0));
    let (code, _, error) = said(&sandbox, &["status", "pipeline.toml"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("runs without an API"), "{error}");
    assert!(error.contains("--no-api"), "{error}");
    assert_eq!(said(&sandbox, &["status", "test"]).0, Some(4));
}

/// The file can say where the API listens, or that there is none; a mistake has its place.
#[test]
fn the_file_says_where_the_api_listens() {
    let sandbox = Sandbox::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.pipeline(&format!("[api]\nlisten = \"localhost:{}\"\n{STEADY}", free.port()));
    let pipeline = Pipeline::start(&sandbox, &[]);
    assert_eq!(pipeline.url, format!("http://{free}"));
    drop(pipeline);
    let mistake = sandbox.mistake(&format!("[api]\nlisten = \"localhost\"\n{STEADY}"));
    assert_eq!(mistake.at.as_deref(), Some("\"localhost\""));
    assert!(mistake.message.contains("is no address to listen on"), "{mistake:?}");
    assert!(mistake.help.contains("127.0.0.1:8080"), "{mistake:?}");
}
