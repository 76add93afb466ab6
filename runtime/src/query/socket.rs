//! Questions to a running pipeline: a line of JSON each, over a socket beside its checkpoint.
//!
//! The answer is a line for each object, then `{"end": true}`, or `{"error": ..., "kind": ...}`.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::Query;
use super::answer::{View, answer};
use super::status::Status;
use crate::checkpoint::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::state::StateBackend;
use crate::storage::Storage;

const FILE: &str = "control.sock";
const QUERY_BYTES_MAX: u64 = 1 << 16;
/// So many are answered side by side, the next one before any other.
const CONVERSATIONS_MAX: usize = 16;
/// Whoever asks and does not read keeps others waiting for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers questions about one job until it is dropped.
pub struct Server {
    path: PathBuf,
    desk: Arc<Desk>,
    /// `None` where there can be no socket: a pipeline runs without.
    thread: Option<JoinHandle<()>>,
}

/// What conversations share.
struct Desk {
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    status: Arc<Status>,
    /// While the job has its checkpoint open.
    open: RwLock<Option<(Arc<Store>, Arc<StateBackend>)>>,
    /// Whoever reads should end, as the checkpoint is about to be closed.
    closing: AtomicBool,
    ended: AtomicBool,
}

impl Server {
    /// Begins to answer for the job that has the checkpoint in `directory` locked. If there can be
    /// no socket, the log says why.
    pub fn start(directory: &Path, storage: Arc<dyn Storage>, status: Arc<Status>) -> Self {
        let desk = Arc::new(Desk {
            directory: directory.to_owned(),
            storage,
            status,
            open: RwLock::new(None),
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let path = directory.join(FILE);
        // What a process has left that was killed.
        let _ = std::fs::remove_file(&path);
        let thread = match UnixListener::bind(&path) {
            Ok(listener) => {
                let desk = desk.clone();
                let work = move || listen(&listener, &desk);
                std::thread::Builder::new().name("control".to_owned()).spawn(work).ok()
            }
            Err(error) => {
                tracing::info!(path = %path.display(), %error, "no control socket");
                None
            }
        };
        Self { path, desk, thread }
    }

    /// Lets the checkpoint be asked about until the guard is dropped.
    pub fn open(&self, store: Arc<Store>, state: Arc<StateBackend>) -> Opened<'_> {
        *self.desk.open.write().unwrap_or_else(PoisonError::into_inner) = Some((store, state));
        Opened(&self.desk)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.desk.ended.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        // The thread waits for somebody to come.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = std::fs::remove_file(&self.path);
        if woken {
            let _ = thread.join();
        }
    }
}

/// The time during which a checkpoint is open.
pub struct Opened<'a>(&'a Desk);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.closing.store(true, Ordering::Release);
        *self.0.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.closing.store(false, Ordering::Release);
    }
}

fn listen(listener: &UnixListener, desk: &Arc<Desk>) {
    for stream in listener.incoming() {
        if desk.ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let own = desk.clone();
        // Whoever asked may be gone.
        let converse = move || drop(converse(&stream, &own));
        if Arc::strong_count(desk) > CONVERSATIONS_MAX {
            converse();
            continue;
        }
        // A stream that finds no thread is closed.
        let _ = std::thread::Builder::new().name("control".to_owned()).spawn(converse);
    }
}

fn converse(stream: &UnixStream, desk: &Desk) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(QUERY_BYTES_MAX)).read_line(&mut line)?;
    let mut writer = BufWriter::new(stream);
    let mut out = |value: Value| {
        if desk.closing.load(Ordering::Acquire) {
            return Err(Error::unavailable("the pipeline has ended, or starts again"));
        }
        writeln!(writer, "{value}").map_err(Error::from_io)
    };
    let answered = serde_json::from_str::<Query>(&line)
        .map_err(|e| Error::config("this is no query").with(e))
        .and_then(|query| desk.answer(&query, &mut out));
    let end = match answered {
        Ok(()) => json!({ "end": true }),
        Err(error) => json!({ "error": error.to_string(), "kind": error.kind.exit_code() }),
    };
    writeln!(writer, "{end}")?;
    writer.flush()
}

impl Desk {
    fn answer(&self, query: &Query, out: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
        if *query == Query::Ready {
            let readiness = serde_json::to_value(self.status.readiness());
            return out(readiness.map_err(|e| Error::internal("an answer").with(e))?);
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some((store, state)) = open.as_ref() else {
            return Err(Error::unavailable("the pipeline is starting: ask again"));
        };
        let (directory, storage) = (&*self.directory, &*self.storage);
        answer(query, &View { directory, storage, store, state }, out)
    }
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
