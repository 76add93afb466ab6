//! The binary: arguments in, exit code and text out.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::harness::{Running, Sandbox, wait_until};

const SOURCE: &str = "[source.s]\ntype = \"file\"\npath = \"in.ndjson\"\nformat = \"ndjson\"\n";
const SINK: &str = "[sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"p\"\n";

/// Numbers through `hostile`, 13 being poison for `mode`.
fn hostile(mode: &str) -> String {
    format!(
        "{SOURCE}[step.p]\nfrom = \"s\"\nplugin = \"hostile\"\ngrant = [\"log\"]\n\
         config = {{ mode = \"{mode}\", poison = 13 }}\n{SINK}"
    )
}

fn numbers(sandbox: &Sandbox, count: usize) {
    let rows: Vec<String> = (1..=count).map(|n| format!("{{\"n\": {n}}}")).collect();
    sandbox.write("in.ndjson", rows.join("\n"));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn expect(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

/// What `check` says of a pipeline that is in order is what a reader wants to know of it.
#[test]
fn check_shows_the_plan_and_starts_nothing() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 3);
    sandbox.pipeline(&hostile("well_behaved"));
    let (out, _) = expect(&sandbox.millrace(&["check", "pipeline.toml"]), 0);
    assert!(out.contains("`test` is in order"), "{out}");
    assert!(out.contains("main: n Int64, m Int64"), "{out}");
    assert!(!sandbox.path(".millrace").exists() && !sandbox.path("out").exists());
}

/// Mistakes with line and remedy, and the code that says whose fault it is.
#[test]
fn mistakes_end_with_code_2_and_are_shown_in_their_place() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 3);
    sandbox.pipeline(&hostile("well_behaved").replace("from = \"p\"", "form = \"p\""));
    for command in ["check", "run"] {
        let (_, err) = expect(&sandbox.millrace(&[command, "pipeline.toml"]), 2);
        assert!(err.contains("unknown key `form`"), "{err}");
        assert!(err.contains("pipeline.toml:15:1"), "{err}");
        assert!(err.contains("did you mean `from`?"), "{err}");
        assert!(err.contains("2 mistakes; nothing was started"), "{err}");
    }
    let (_, err) = expect(&sandbox.millrace(&["run", "none.toml"]), 2);
    assert!(err.contains("cannot read none.toml"), "{err}");
    expect(&sandbox.millrace(&["rum"]), 2);
}

/// A plugin that fails on everything has a code of its own: whoever is called must mend it.
#[test]
fn a_broken_plugin_ends_with_code_3() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 3);
    sandbox.pipeline(&hostile("panic").replace(", poison = 13", ""));
    let text = std::fs::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let limits = "grant = [\"log\"]\nlimits = { consecutive_failures = 2 }";
    std::fs::write(sandbox.path("pipeline.toml"), text.replace("grant = [\"log\"]", limits))
        .unwrap();
    let (_, err) = expect(&sandbox.millrace(&["run", "pipeline.toml"]), 3);
    assert!(err.contains("is poison") && err.contains("on_failure"), "{err}");
}

/// Stored output that was changed by someone is not published.
#[test]
fn a_damaged_checkpoint_ends_with_code_5() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 3);
    sandbox.pipeline(&hostile("well_behaved"));
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    std::fs::write(sandbox.path(".millrace/test/checkpoint.redb"), b"not a database").unwrap();
    let (_, err) = expect(&sandbox.millrace(&["run", "pipeline.toml"]), 5);
    assert!(err.contains("checkpoint.redb"), "{err}");
}

/// Editors complete keys and show what they mean.
#[test]
fn schema_is_a_json_schema_that_knows_every_key() {
    let sandbox = Sandbox::new();
    let (out, _) = expect(&sandbox.millrace(&["schema"]), 0);
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for key in ["name", "parallelism", "batch_rows", "plugin_path", "checkpoint", "restart"] {
        assert!(
            schema["properties"][key]["$ref"].is_string()
                || schema["properties"][key]["description"].is_string(),
            "{key}"
        );
    }
    for key in ["source", "table", "step", "sink"] {
        assert_eq!(schema["properties"][key]["type"], "object", "{key}");
    }
    for key in ["limit_per_epoch", "consecutive_failures", "partition_by", "on_failure", "listen"] {
        assert!(out.contains(&format!("\"{key}\"")), "{key}");
    }
}

/// Programs read progress line by line.
#[test]
fn run_reports_json_lines() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 20);
    sandbox.pipeline(&hostile("fail"));
    let (out, err) = expect(&sandbox.millrace(&["run", "--json", "pipeline.toml"]), 0);
    assert!(out.is_empty(), "{out}");
    let lines: Vec<Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "end");
    assert_eq!(
        (&last["rows_in"], &last["rows_out"], &last["errors"]),
        (&20.into(), &19.into(), &1.into())
    );
    assert_eq!(last["nodes"]["p"]["ports"]["main"], 19);
    expect(&sandbox.millrace(&["run", "--quiet", "pipeline.toml"]), 0);
}

/// The working directory is nobody's business: rows are read once, wherever a run starts.
#[test]
fn a_pipeline_is_the_same_from_every_directory() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 3);
    let path = sandbox.pipeline(&hostile("well_behaved").replace("in.ndjson", "*.ndjson"));
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out").len(), 3);
    expect(&sandbox.millrace(&["run", path.to_str().unwrap()]), 0);
    std::fs::create_dir(sandbox.path("below")).unwrap();
    let mut command = sandbox.command(&["run", "../pipeline.toml"]);
    expect(&command.current_dir(sandbox.path("below")).output().unwrap(), 0);
    assert_eq!(sandbox.rows("out").len(), 3);
}

/// The whole way of a dead letter: listed, its step mended, replayed once.
#[test]
fn dead_letters_are_listed_and_replayed_once() {
    let sandbox = Sandbox::new();
    numbers(&sandbox, 20);
    sandbox.pipeline(&hostile("fail"));
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out").len(), 19);
    let list = |more: &[&str]| {
        let mut arguments = vec!["dlq", "list", "pipeline.toml"];
        arguments.extend(more);
        expect(&sandbox.millrace(&arguments), 0)
    };
    let (out, err) = list(&[]);
    assert!(
        out.contains("the value 13 can't be taken") && out.contains("row 12 of in.ndjson"),
        "{out}"
    );
    assert!(err.contains("1 dead letters") && err.contains("p: failed"), "{err}");
    let (out, _) = list(&["--json"]);
    let letter: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(letter["payload"], "{\"n\":13}");
    assert!(list(&["--code", "trap"]).1.contains("0 dead letters"));
    assert!(list(&["--step", "p", "--code", "failed"]).1.contains("1 dead letters"));

    // Not mended: it is a dead letter again, and the old one is done with.
    expect(&sandbox.millrace(&["dlq", "replay", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out").len(), 19);
    assert!(list(&[]).1.contains("1 dead letters"));

    sandbox.pipeline(&hostile("well_behaved"));
    for _ in 0..2 {
        expect(&sandbox.millrace(&["dlq", "replay", "pipeline.toml", "--step", "p"]), 0);
        let rows = sandbox.rows("out");
        assert_eq!(rows.len(), 20, "{rows:?}");
        assert!(rows.contains(&"{\"m\":26,\"n\":13}".to_owned()), "{rows:?}");
        assert!(list(&[]).1.contains("0 dead letters"));
    }
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out").len(), 20);
    let (_, err) = expect(&sandbox.millrace(&["dlq", "replay", "pipeline.toml", "--step", "q"]), 2);
    assert!(err.contains("no dead letters of a step `q`"), "{err}");
}

/// Letters of a source are the records themselves, and are decoded again.
#[test]
fn dead_letters_of_a_source_are_decoded_again() {
    let sandbox = Sandbox::new();
    sandbox.write("in.ndjson", "{\"n\": 1}\n{\"n\": \"two\"}\n");
    let text = format!("{SOURCE}schema = {{ n = \"int64\" }}\n{}", SINK.replace("\"p\"", "\"s\""));
    sandbox.pipeline(&text);
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.letters()[0].text("payload"), "{\"n\": \"two\"}");
    sandbox.pipeline(&text.replace("\"int64\"", "\"string\""));
    expect(&sandbox.millrace(&["dlq", "replay", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out"), ["{\"n\":\"two\"}", "{\"n\":1}"]);
}

/// Starts a pipeline that listens for rows, and waits until it does.
fn start_endless(sandbox: &Sandbox) -> Running {
    sandbox.write("in/1.ndjson", "{\"n\": 1}\n");
    let text = hostile("well_behaved").replace("in.ndjson\"", "in/*.ndjson\"\nfollow = \"10ms\"");
    sandbox.pipeline(&text);
    let mut command = sandbox.command(&["run", "--quiet", "pipeline.toml"]);
    let running = Running(command.spawn().unwrap());
    wait_until(|| sandbox.rows("out").len() == 1);
    running
}

/// Two processes on one checkpoint would write everything twice; looking is allowed.
#[test]
fn a_second_process_on_the_same_checkpoint_is_refused() {
    let sandbox = Sandbox::new();
    let running = start_endless(&sandbox);
    for arguments in [vec!["run", "pipeline.toml"], vec!["run", "--json", "pipeline.toml"]] {
        let (_, err) = expect(&sandbox.millrace(&arguments), 6);
        assert!(err.contains("another process runs this pipeline"), "{err}");
    }
    expect(&sandbox.millrace(&["check", "pipeline.toml"]), 0);
    let (_, err) = expect(&sandbox.millrace(&["dlq", "list", "pipeline.toml"]), 0);
    assert!(err.contains("is running") && err.contains("0 dead letters"), "{err}");
    drop(running);
    // Even a process that was killed leaves no lock behind.
    let finite = hostile("well_behaved").replace("in.ndjson", "in/*.ndjson");
    sandbox.pipeline(&finite);
    expect(&sandbox.millrace(&["run", "pipeline.toml"]), 0);
    assert_eq!(sandbox.rows("out").len(), 1);
}

/// A signal ends the job in good order: everything that was read is in sight, and code 0 says so.
#[test]
fn a_signal_stops_in_good_order() {
    let sandbox = Sandbox::new();
    let mut running = start_endless(&sandbox);
    let mut kill = std::process::Command::new("kill");
    kill.arg("-TERM").arg(running.0.id().to_string());
    assert!(kill.status().unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.rows("out").len(), 1);
}

/// `producer | millrace run | consumer`.
#[test]
fn standard_input_to_standard_output() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(
        "[source.s]\ntype = \"stdin\"\nformat = \"csv\"\nschema = { a = \"int64\", b = \"string\" }\n\
         [sink.out]\ntype = \"console\"\nfrom = \"s\"\n",
    );
    let mut command = sandbox.command(&["run", "--quiet", "pipeline.toml"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"a,b\n1,x\n2,\"y\nz\"").unwrap();
    drop(input);
    let (out, _) = expect(&child.wait_with_output().unwrap(), 0);
    assert_eq!(out, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\\nz\"}\n");
}

/// Rows that come by a socket are in sight while it is still open, and all of them at its end.
#[test]
fn a_socket_that_we_connect_to_is_read_to_its_end() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    sandbox.pipeline(&format!(
        "[source.s]\ntype = \"socket\"\nconnect = \"{address}\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\" }}\n{}",
        SINK.replace("\"p\"", "\"s\"")
    ));
    let mut command = sandbox.command(&["run", "--quiet", "pipeline.toml"]);
    let mut running = Running(command.stderr(Stdio::null()).spawn().unwrap());
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"{\"n\": 1}\n{\"n\":").unwrap();
    wait_until(|| sandbox.rows("out").len() == 1);
    stream.write_all(b" 2}\n{\"n\": 3}").unwrap();
    drop(stream);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.rows("out"), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

/// Any number of senders, each framed by itself, until the job is stopped.
#[test]
fn a_socket_that_listens_serves_several_connections() {
    let sandbox = Sandbox::new();
    sandbox.pipeline(&format!(
        "[source.s]\ntype = \"socket\"\nlisten = \"127.0.0.1:0\"\nformat = \"ndjson\"\n\
         schema = {{ n = \"int64\" }}\n{}",
        SINK.replace("\"p\"", "\"s\"")
    ));
    let mut command = sandbox.command(&["run", "--quiet", "pipeline.toml"]);
    command.env("MILLRACE_LOG", "info").stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let log = BufReader::new(running.0.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("listening")).unwrap();
    let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
    let connect = || std::net::TcpStream::connect(address.trim_matches('"')).unwrap();
    let (mut first, mut second) = (connect(), connect());
    first.write_all(b"{\"n\":").unwrap();
    second.write_all(b"{\"n\": 1}\n").unwrap();
    wait_until(|| sandbox.rows("out").len() == 1);
    drop(second);
    first.write_all(b" 2}\n").unwrap();
    wait_until(|| sandbox.rows("out").len() == 2);
    let mut third = connect();
    third.write_all(b"{\"n\": 3}").unwrap();
    drop(third);
    wait_until(|| sandbox.rows("out").len() == 3);
    assert_eq!(sandbox.rows("out"), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

/// What a plugin is, without a pipeline.
#[test]
fn a_plugin_is_inspected() {
    let sandbox = Sandbox::new();
    let path = crate::harness::plugins().join("hostile.wasm");
    let (out, _) = expect(&sandbox.millrace(&["plugin", "inspect", path.to_str().unwrap()]), 0);
    assert!(out.contains("name     hostile") && out.contains("grants   log"), "{out}");
    sandbox.write("wasi.wasm", "(component (import \"wasi:random/random@0.2.0\" (func)))");
    let (out, _) = expect(&sandbox.millrace(&["plugin", "inspect", "./wasi.wasm"]), 3);
    assert!(out.contains("refused") && out.contains("wasi:random"), "{out}");
    expect(&sandbox.millrace(&["plugin", "inspect", "none"]), 2);
}

/// `millrace dlq list | head` is how people look: enough is enough, and no bug.
#[test]
fn a_reader_that_has_seen_enough_ends_the_command_in_peace() {
    let sandbox = Sandbox::new();
    let mut child =
        sandbox.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
