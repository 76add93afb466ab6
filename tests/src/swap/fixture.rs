//! A pipeline whose plugin is swapped while rows are fed to it, file by file.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use millrace::error::{Error, Result};
use millrace::job::{self, JobOptions, Remote, Summary};
use millrace::storage::Storage;
use millrace::swap::{Bounds, Mode, SwapRecord, SwapRequest};
use serde_json::Value;

use crate::harness::{Patient, Sandbox, checked, plugins, wait_until};

/// A pipeline that runs in a thread of its own until it is dropped or stopped.
pub struct Live {
    pub sandbox: Arc<Sandbox>,
    pub remote: Remote,
    stop: Option<Sender<()>>,
    job: Option<JoinHandle<Result<Summary>>>,
    files: usize,
    pub next: i64,
}

/// A request for the step `mark`: a full swap without a trial.
pub fn to(config: Value) -> SwapRequest {
    SwapRequest {
        part: "mark".to_owned(),
        component: None,
        config: Some(config),
        mode: Mode::Full,
        bounds: Bounds { within_ms: 0, ..Bounds::default() },
        by: "test".to_owned(),
    }
}

/// As [`to`], with a trial.
pub fn tried(config: Value, mode: Mode) -> SwapRequest {
    SwapRequest { mode, bounds: Bounds::default(), ..to(config) }
}

/// A pipeline that reads numbers from `in`, and gives them through the step `mark`.
pub fn pipeline(step: &str) -> String {
    pipeline_of(2, step)
}

pub fn pipeline_of(parallelism: usize, step: &str) -> String {
    format!(
        "parallelism = {parallelism}\n\
         [source.numbers]\ntype = \"file\"\npath = \"in/*.ndjson\"\nformat = \"ndjson\"\n\
         follow = \"5ms\"\nschema = {{ n = \"int64\" }}\n\
         [step.mark]\nfrom = \"numbers\"\n{step}\n\
         [sink.out]\ntype = \"file\"\nfrom = \"mark\"\npath = \"out\"\n"
    )
}

impl Live {
    pub fn start(text: &str) -> Self {
        let sandbox = Arc::new(Sandbox::new());
        // A pattern that finds nothing is a mistake.
        sandbox.write("in/first.ndjson", "");
        sandbox.pipeline(text);
        Self::again(sandbox)
    }

    /// Runs the pipeline of a sandbox, maybe once more.
    pub fn again(sandbox: Arc<Sandbox>) -> Self {
        Self::on(sandbox, None)
    }

    pub fn on(sandbox: Arc<Sandbox>, storage: Option<Arc<dyn Storage>>) -> Self {
        let pipeline = checked(&sandbox.path("pipeline.toml"));
        let (stop, stopped) = bounded(1);
        let (remote, commands) = Remote::new();
        let mut options = JobOptions::new(stopped);
        options.replan = Some(pipeline.blueprint.clone());
        options.remote = (remote.clone(), commands);
        options.storage = storage.unwrap_or(options.storage);
        let files = sandbox.files("in").len();
        let job = std::thread::spawn(move || {
            let told = std::sync::Mutex::default();
            job::run(&pipeline.plan, &pipeline.plugins, &options, &mut Patient(&told))
        });
        let live = Self { sandbox, remote, stop: Some(stop), job: Some(job), files, next: 1 };
        wait_until(|| live.remote.swaps().is_ok() || live.is_over());
        live
    }

    /// Feeds so many more numbers.
    pub fn feed(&mut self, count: i64) {
        let lines: String =
            (0..count).map(|at| format!("{{\"n\":{}}}\n", self.next + at)).collect();
        self.next += count;
        self.files += 1;
        // A file must be whole when it appears.
        let (hidden, name) = (format!("in/.{}", self.files), format!("in/{}.ndjson", self.files));
        self.sandbox.write(&hidden, lines);
        std::fs::rename(self.sandbox.path(&hidden), self.sandbox.path(&name)).unwrap();
    }

    /// Feeds so many more numbers, and waits until all that was fed is published or refused.
    pub fn pass(&mut self, count: i64) {
        self.feed(count);
        self.settle();
    }

    /// Waits until all that was fed is published or refused.
    pub fn settle(&self) {
        let fed = (self.next - 1) as usize;
        wait_until(|| self.rows().len() + self.sandbox.letters().len() >= fed);
    }

    pub fn rows(&self) -> Vec<Value> {
        self.sandbox.rows("out").iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// The numbers that have come out with this tag, in order.
    pub fn tagged(&self, tag: &str) -> Vec<i64> {
        let rows = self.rows().into_iter().filter(|row| row["tag"] == tag);
        let mut numbers: Vec<i64> = rows.map(|row| row["n"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Asks for a swap, which must take effect.
    pub fn swap(&self, request: &SwapRequest) -> SwapRecord {
        self.remote.swap(request).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Asks for a swap, which must be refused.
    pub fn refused(&self, request: &SwapRequest) -> String {
        let before = self.remote.swaps().unwrap();
        let error = self.remote.swap(request).unwrap_err();
        assert_eq!(error.kind, millrace::error::ErrorKind::Config, "{error}");
        assert_eq!(self.remote.swaps().unwrap(), before, "a refusal leaves no trace");
        error.to_string()
    }

    /// The last swap, as the history has it now.
    pub fn last(&self) -> SwapRecord {
        self.remote.swaps().unwrap().pop().unwrap()
    }

    fn is_over(&self) -> bool {
        self.job.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops in good order.
    pub fn stop(mut self) -> Arc<Sandbox> {
        self.end().unwrap_or_else(|error| panic!("{error}"));
        self.sandbox.clone()
    }

    /// Waits for the end of a job that fails.
    pub fn fails(mut self) -> (Arc<Sandbox>, Error) {
        let error = self.job.take().unwrap().join().unwrap().unwrap_err();
        (self.sandbox.clone(), error)
    }

    fn end(&mut self) -> Result<()> {
        drop(self.stop.take());
        let Some(job) = self.job.take() else { return Ok(()) };
        job.join().unwrap().map(drop)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A test that failed has more to say than its pipeline.
        let _ = self.end();
    }
}

/// A component that does the same as that of the plugin `name`, with another digest.
pub fn twin(sandbox: &Sandbox, name: &str, mark: u8) -> PathBuf {
    let mut bytes = std::fs::read(plugins().join(format!("{name}.wasm"))).unwrap();
    // A custom section: its length, that of its name, and the name.
    bytes.extend([0, 2, 1, mark]);
    let file = format!("twins/{name}{mark}.wasm");
    sandbox.write(&file, bytes);
    sandbox.path(&file)
}
