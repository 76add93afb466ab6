//! A pipeline that runs in a process of its own, and a client for its API that knows HTTP and
//! nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Running, Sandbox};

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows with event time, 1,000 a second, and their sums per second of event time.
pub const STEADY: &str = r#"
[source.ticks]
type = "generator"
rate = 1000
event_time = { column = "at", delay = "1s" }

[source.ticks.fields]
n = { sequence = "" }
at = { timestamp = { start = "2024-01-01T00:00:00Z", step = "10ms" } }

[step.even]
sql = "SELECT n, at FROM ticks"

[step.sums]
sql = "SELECT tumble(at, INTERVAL '1 second') AS w, count(*) AS n FROM even GROUP BY w"

[sink.out]
type = "file"
path = "out"
from = "sums"

[sink.none]
type = "null"
from = "even"
"#;

/// A process that runs a pipeline.
pub struct Pipeline {
    pub child: Running,
    pub url: String,
    lines: Receiver<String>,
}

impl Pipeline {
    /// Starts `pipeline.toml` with more arguments, and waits until it says where its API is.
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::start_with(sandbox, arguments, &[])
    }

    /// As [`start`](Self::start), with variables of the environment.
    pub fn start_with(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_file(sandbox, "pipeline.toml", arguments, variables)
    }

    pub fn start_file(
        sandbox: &Sandbox,
        file: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = sandbox.command(&[&["run", file, "--json"], arguments].concat());
        command.envs(variables.iter().copied());
        let child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut child = Running(child);
        let said = BufReader::new(child.0.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                // Most tests listen for the first line only.
                let _ = send.send(line);
            }
        });
        let mut pipeline = Self { child, url: String::new(), lines };
        // What `check` warns of comes first, and is no JSON.
        let mut first = pipeline.next_line();
        while !first.starts_with('{') {
            first = pipeline.next_line();
        }
        let first: Value = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{e}: {first}"));
        assert_eq!(first["event"], "api", "{first}");
        pipeline.url = first["url"].as_str().unwrap().to_owned();
        pipeline
    }

    /// The next line that it prints on standard error.
    pub fn next_line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(_) => panic!("it ended or hangs: {:?}", self.child.0.try_wait()),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        request(&self.url, "GET", path, &[], "")
    }

    /// The answer to a request that must succeed.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        request(&self.url, "POST", path, &[], body)
    }

    /// Its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.0.wait().unwrap().code()
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// One request, as simple as there can be.
pub fn request(url: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = open(url, method, path, headers, body);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {text}"));
    Answer { status: status.parse().unwrap(), headers: head.to_lowercase(), body: body.to_owned() }
}

/// Sends a request; the answer is whatever comes until the end of the connection.
pub fn open(url: &str, method: &str, path: &str, headers: &[&str], body: &str) -> TcpStream {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let host = match headers.iter().any(|header| header.starts_with("Host:")) {
        true => String::new(),
        false => format!("Host: {address}\r\n"),
    };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\n{host}{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}
