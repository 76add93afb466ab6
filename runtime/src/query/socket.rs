//! Questions to a running pipeline: a line of JSON each, over a socket beside its checkpoint.
//!
//! The answer is a line for each object, then `{"end": true}`, or `{"error": ..., "kind": ...}`.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::Query;
use super::answer::{View, answer};
use crate::checkpoint::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::state::StateBackend;
use crate::storage::Storage;

const FILE: &str = "control.sock";
const QUERY_BYTES_MAX: u64 = 1 << 16;
/// Whoever asks and does not read keeps others waiting for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers until it is dropped.
pub struct Server {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Answers questions about the checkpoint in `directory`. A pipeline runs without, where there can
/// be no socket: `None`, and the log says why.
pub fn serve(
    directory: &Path,
    storage: Arc<dyn Storage>,
    store: Arc<Store>,
    state: Arc<StateBackend>,
) -> Option<Server> {
    let path = directory.join(FILE);
    // What a process has left that was killed.
    let _ = std::fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::info!(path = %path.display(), %error, "no control socket");
            return None;
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, directory) = (stop.clone(), directory.to_owned());
    let work = move || {
        for stream in listener.incoming() {
            if stopped.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let view =
                View { directory: &directory, storage: &*storage, store: &store, state: &state };
            // Whoever asked is gone.
            let _ = converse(&stream, &view, &stopped);
        }
    };
    let thread = std::thread::Builder::new().name("control".to_owned()).spawn(work).ok()?;
    Some(Server { path, stop, thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The thread waits for somebody to come.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = std::fs::remove_file(&self.path);
        if let Some(thread) = self.thread.take()
            && woken
        {
            let _ = thread.join();
        }
    }
}

fn converse(stream: &UnixStream, view: &View, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(QUERY_BYTES_MAX)).read_line(&mut line)?;
    let mut writer = BufWriter::new(stream);
    let mut out = |value: Value| {
        if stop.load(Ordering::Acquire) {
            return Err(Error::unavailable("the pipeline has ended"));
        }
        writeln!(writer, "{value}").map_err(Error::from_io)
    };
    let answered = serde_json::from_str::<Query>(&line)
        .map_err(|e| Error::config("this is no query").with(e))
        .and_then(|query| answer(&query, view, &mut out));
    let end = match answered {
        Ok(()) => json!({ "end": true }),
        Err(error) => json!({ "error": error.to_string(), "kind": error.kind.exit_code() }),
    };
    writeln!(writer, "{end}")?;
    writer.flush()
}

/// Asks the process that runs the pipeline with the checkpoint in `directory`.
///
/// # Errors
/// `Fenced` if it does not answer; else what it answers.
pub fn ask(
    directory: &Path,
    query: &Query,
    out: &mut dyn FnMut(Value) -> Result<()>,
) -> Result<()> {
    let path = directory.join(FILE);
    let silent = |e: std::io::Error| {
        let message = format!(
            "another process runs this pipeline, and does not answer at {}",
            path.display()
        );
        Error::new(ErrorKind::Fenced, message).with(e)
    };
    let mut stream = UnixStream::connect(&path).map_err(silent)?;
    let text = serde_json::to_string(query).map_err(|e| Error::internal("a query").with(e))?;
    writeln!(stream, "{text}").map_err(silent)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(silent)?;
        let value: Value = serde_json::from_str(&line)
            .map_err(|e| Error::internal("the answer of the pipeline's process").with(e))?;
        if value.get("end").is_some() {
            return Ok(());
        }
        if let (Some(error), Some(kind)) = (value.get("error"), value.get("kind")) {
            let kind =
                ErrorKind::ALL.into_iter().find(|k| Some(k.exit_code().into()) == kind.as_u64());
            let message = error.as_str().unwrap_or_default().to_owned();
            return Err(Error::new(kind.unwrap_or(ErrorKind::Internal), message));
        }
        out(value)?;
    }
    Err(Error::unavailable("the pipeline's process ended before its answer did"))
}
