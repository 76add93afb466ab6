//! Jobs that run beside a test, and what Kafka sinks are made of.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use millrace::error::{Error, ErrorKind};
use millrace::job::{self, JobOptions, Observer, Progress, Summary};
use millrace::storage::{LocalStorage, Storage};
use millrace_tests::broker::{Broker, Record};

use crate::harness::{Sandbox, canonical, checked};

/// A sink of the rows of `from`, with an id of its own: topics are a test's own.
pub fn sink(name: &str, from: &str, brokers: &str, topic: &str, more: &str) -> String {
    let id = id(topic, name);
    format!(
        "[sink.{name}]\ntype = \"kafka\"\nfrom = {from}\nbrokers = \"{brokers}\"\n\
         topic = \"{topic}\"\ntransactional_id = \"{id}\"\n{more}\n"
    )
}

/// The transactional id of [`sink`], which is the group of its mark, too.
pub fn id(topic: &str, name: &str) -> String {
    format!("{topic}-{name}")
}

/// Files of `data` as they come, into a topic.
pub const FOLLOWED: &str = r#"
[checkpoint]
interval = "20ms"

[restart]
delay_max = "200ms"

[source.orders]
type = "file"
path = "data/*.ndjson"
format = "ndjson"
schema = { id = "int64" }
follow = "10ms"
"#;

/// One file more for [`FOLLOWED`], with a row of each of these ids.
pub fn feed(sandbox: &Sandbox, ids: std::ops::Range<u64>) {
    let name = format!("data/{:06}.ndjson", ids.start);
    let lines: String = ids.map(|id| format!("{{\"id\": {id}}}\n")).collect();
    // It is to be there whole, or not at all.
    sandbox.write("new", lines);
    std::fs::create_dir_all(sandbox.path("data")).unwrap();
    std::fs::rename(sandbox.path("new"), sandbox.path(&name)).unwrap();
}

/// The ids in a topic, in order, as Kafka's own consumer sees them.
pub fn ids(broker: &Broker, topic: &str) -> Vec<u64> {
    sorted_ids(&broker.read_independently(&[topic]))
}

/// As [`ids`], by the client of this process, which is quicker.
pub fn quick_ids(broker: &Broker, topic: &str) -> Vec<u64> {
    sorted_ids(&broker.read(topic))
}

fn sorted_ids(records: &[Record]) -> Vec<u64> {
    let id = |record: &Record| {
        let row: serde_json::Value = serde_json::from_str(record.text()).unwrap();
        row["id"].as_u64().unwrap()
    };
    let mut ids: Vec<u64> = records.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

/// The epoch that the sink's group holds.
pub fn mark(broker: &Broker, topic: &str, name: &str) -> Option<i64> {
    let committed = broker.committed(&id(topic, name), topic);
    committed.get(&0).map(|(epoch, _)| *epoch)
}

/// The records' values as JSON, in order.
pub fn rows(records: &[Record]) -> Vec<String> {
    let mut rows: Vec<String> = records.iter().map(|record| canonical(record.text())).collect();
    rows.sort();
    rows
}

/// A job in a thread of its own; it is stopped when this is dropped.
pub struct Job {
    stop: Sender<()>,
    thread: Option<JoinHandle<Result<Summary, Error>>>,
    heard: Arc<Heard>,
}

/// What a job has told.
#[derive(Default)]
struct Heard {
    restarts: Mutex<Vec<String>>,
}

struct Ear(Arc<Heard>);

impl Observer for Ear {
    fn progress(&mut self, _: &Progress) {}

    fn restart(&mut self, error: &Error, _: Duration) {
        self.0.restarts.lock().unwrap().push(error.to_string());
    }
}

impl Job {
    /// Runs the pipeline file that the sandbox has.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_on(sandbox, Arc::new(LocalStorage))
    }

    pub fn start_on(sandbox: &Sandbox, storage: Arc<dyn Storage>) -> Self {
        Self::start_with(sandbox, |options| options.storage = storage)
    }

    pub fn start_with(sandbox: &Sandbox, change: impl FnOnce(&mut JobOptions)) -> Self {
        let pipeline = checked(&sandbox.path("pipeline.toml"));
        let (stop, stopped) = bounded(1);
        let mut options = JobOptions::new(stopped);
        change(&mut options);
        let heard = Arc::<Heard>::default();
        let mut ear = Ear(heard.clone());
        let run = move || job::run(&pipeline.plan, &pipeline.plugins, &options, &mut ear);
        Self { stop, thread: Some(std::thread::spawn(run)), heard }
    }

    /// What the job started again for.
    pub fn restarts(&self) -> Vec<String> {
        self.heard.restarts.lock().unwrap().clone()
    }

    /// Whether it has ended by itself.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it in good order.
    pub fn stop(self) -> Result<Summary, Error> {
        let _ = self.stop.try_send(());
        self.end()
    }

    /// Waits until it ends by itself.
    pub fn end(mut self) -> Result<Summary, Error> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            // A test that has failed has said why.
            let _ = thread.join();
        }
    }
}

/// A running `millrace run`, killed when this is dropped.
pub struct Process(Child);

impl Process {
    /// Runs the pipeline file that the sandbox has; what it says is lost.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::spawn(sandbox, Stdio::null())
    }

    /// As [`start`](Self::start), with standard error to a file.
    pub fn start_to(sandbox: &Sandbox, path: &Path) -> Self {
        Self::spawn(sandbox, std::fs::File::create(path).unwrap().into())
    }

    /// As [`start`](Self::start), with the lines of standard error, as they come.
    pub fn start_heard(sandbox: &Sandbox) -> (Self, Receiver<String>) {
        let mut process = Self::spawn(sandbox, Stdio::piped());
        let said = BufReader::new(process.0.stderr.take().unwrap());
        let (sender, lines) = unbounded();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                // A test that has ended needs no more lines.
                let _ = sender.send(line);
            }
        });
        (process, lines)
    }

    fn spawn(sandbox: &Sandbox, to: Stdio) -> Self {
        let mut command = sandbox.command(&["run", "pipeline.toml", "--json"]);
        Self(command.stderr(to).stdin(Stdio::null()).spawn().unwrap())
    }

    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([name, &id]).status().unwrap().success());
    }

    /// Whether it has not yet ended.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// `kill -9`. It must not have ended before.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ended by itself");
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `millrace ready` prints, and whether it is yes.
pub fn ready(sandbox: &Sandbox, more: &[&str]) -> (String, bool) {
    let output = sandbox.millrace(&[&["ready", "pipeline.toml"], more].concat());
    let yes = output.status.code() == Some(0);
    (String::from_utf8(output.stdout).unwrap().trim_end().to_owned(), yes)
}

/// The error of a job that must fail, of this kind.
#[track_caller]
pub fn failure(ended: Result<Summary, Error>, kind: ErrorKind) -> String {
    match ended {
        Ok(_) => panic!("it did not fail"),
        Err(error) => {
            assert_eq!(error.kind, kind, "{error}");
            error.to_string()
        }
    }
}
