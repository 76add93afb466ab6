//! What does not answer is told by its name, and no longer once it is mended.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress};
use serde_json::Value;

use crate::full_disk::FullDisk;
use crate::harness::{Running, Sandbox, checked, wait_until};

/// What `millrace ready` prints, and its exit code.
fn ask(sandbox: &Sandbox, more: &[&str]) -> (String, Option<i32>) {
    let output = sandbox.millrace(&[&["ready", "pipeline.toml"], more].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "", "it prints its answer, whatever it is");
    (String::from_utf8(output.stdout).unwrap().trim_end().to_owned(), output.status.code())
}

/// Notes which node the job started again for.
#[derive(Default)]
struct Restarts {
    nodes: Vec<Option<String>>,
    counted: u64,
}

impl Observer for Restarts {
    fn progress(&mut self, progress: &Progress) {
        self.counted = progress.restarts.count;
    }

    fn restart(&mut self, error: &Error, _: Duration) {
        self.nodes.push(error.node.clone());
    }
}

const FAN_OUT: &str = r#"
[restart]
delay_max = "20ms"

[source.orders]
type = "file"
path = "orders/*.ndjson"
format = "ndjson"
schema = { id = "int64" }
follow = "10ms"

[sink.kept]
type = "file"
from = "orders"
path = "kept"

[sink.alerts]
type = "file"
from = "orders"
path = "alerts"
"#;

/// Of two sinks, the one whose disk is full is named, also between two tries; once it has room, the
/// answer is yes and nothing is missing.
#[test]
fn a_sink_without_room_is_named_until_it_has_room() {
    let sandbox = Sandbox::new();
    sandbox.write("orders/0.ndjson", "{\"id\": 1}\n");
    let pipeline = checked(&sandbox.pipeline(FAN_OUT));
    assert_eq!(ask(&sandbox, &[]), ("not ready: the pipeline is not running".into(), Some(4)));
    let disk = FullDisk::below(&sandbox.path("alerts"));
    let (stop, stopped) = bounded(1);
    let options = JobOptions { storage: Arc::new(disk.clone()), ..JobOptions::new(stopped) };
    let observer = std::thread::scope(|scope| {
        let job = scope.spawn(move || {
            let mut observer = Restarts::default();
            job::run(&pipeline.plan, &pipeline.plugins, &options, &mut observer).unwrap();
            observer
        });
        wait_until(|| ask(&sandbox, &[]).0.contains("sink.alerts: cannot create"));
        let (said, code) = ask(&sandbox, &[]);
        assert!(said.starts_with("not ready: "), "{said}");
        assert!(!said.contains("kept"), "{said}");
        assert_eq!(code, Some(4));
        disk.make_room();
        assert_eq!(ask(&sandbox, &["--wait", "50s"]), ("ready".into(), Some(0)));
        stop.send(()).unwrap();
        job.join().unwrap()
    });
    assert_eq!(sandbox.rows("kept"), ["{\"id\":1}"]);
    assert_eq!(sandbox.rows("alerts"), ["{\"id\":1}"]);
    assert!(!observer.nodes.is_empty());
    assert!(observer.nodes.iter().all(|node| node.as_deref() == Some("sink.alerts")));
    assert_eq!(observer.counted, observer.nodes.len() as u64);
    assert_eq!(ask(&sandbox, &[]), ("not ready: the pipeline is not running".into(), Some(4)));
}

/// A server that is not there yet is a source that is down; the process says so while it waits, and
/// reads from it once it is there.
#[test]
fn a_source_that_does_not_answer_is_named_until_it_does() {
    let sandbox = Sandbox::new();
    // A free port, on which nobody listens any more.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.pipeline(&format!(
        "[restart]\ndelay_max = \"50ms\"\n\
         [source.lines]\ntype = \"socket\"\nconnect = \"{address}\"\nformat = \"ndjson\"\n\
         schema = {{ id = \"int64\" }}\n\
         [sink.out]\ntype = \"file\"\npath = \"out\"\nfrom = \"lines\"\n"
    ));
    let mut command = sandbox.command(&["run", "pipeline.toml", "--json"]);
    let child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut running = Running(child);
    let said = running.0.stderr.take().unwrap();
    wait_until(|| ask(&sandbox, &[]).0.starts_with("not ready: lines: cannot connect to"));
    let (json, code) = ask(&sandbox, &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ready"], false);
    assert_eq!(json["down"][0]["node"], "lines");
    assert!(json["restarts"].as_u64().unwrap() > 0, "{json}");
    assert_eq!(code, Some(4));

    let listener = TcpListener::bind(address).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"{\"id\": 1}\n").unwrap();
    assert_eq!(ask(&sandbox, &["--wait", "50s"]), ("ready".into(), Some(0)));
    drop(stream);
    assert!(running.0.wait().unwrap().success());
    assert_eq!(sandbox.rows("out"), ["{\"id\":1}"]);

    // Progress says the same to programs.
    let text = io::read_to_string(said).unwrap();
    // What `check` warns of comes first, and is no JSON.
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    let restart = of("restart").pop().unwrap();
    assert_eq!(restart["node"], "lines", "{restart}");
    let end = of("end").pop().unwrap();
    assert_eq!(end["restarts"], of("restart").len(), "{end}");
    assert_eq!(end["last_restart"]["node"], "lines", "{end}");
    assert_eq!(end["nodes"]["sink.out"]["health"]["up"], true, "{end}");
}
