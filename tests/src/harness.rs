//! A directory with a pipeline in it: files in, a pipeline file, rows out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use millrace::diagnostic::{Diagnostic, Severity};
use millrace::error::Error;
use millrace::job::{self, JobOptions, Observer, Progress, Summary};
use millrace::pipeline::{self, CheckFailure, Pipeline};
use serde_json::Value;
use tempfile::TempDir;

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The directory of one test; it goes when the test ends.
pub struct Sandbox {
    directory: TempDir,
}

/// A process that ends with its test, also with one that fails.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One mistake, with the text of the pipeline file that it points to.
#[derive(Debug)]
pub struct Mistake {
    pub severity: Severity,
    pub at: Option<String>,
    pub line: Option<usize>,
    pub message: String,
    pub help: String,
}

/// A row that could not go on.
#[derive(Debug)]
pub struct Letter(Value);

impl Letter {
    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub fn row(&self) -> u64 {
        self.0["row"].as_u64().unwrap()
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// As [`new`](Self::new), in memory if the machine has a directory there: for tests of many runs
    /// that would wait for the disk for most of their time.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        Self { directory: directory.unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the pipeline file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes the pipeline file: `text` may begin with settings, and gets a name, the path of the
    /// plugins and, unless it has its own, a short interval between epochs.
    pub fn pipeline(&self, text: &str) -> PathBuf {
        let plugins = plugins();
        let mut whole =
            format!("name = \"test\"\nplugin_path = [\"{}\", \".\"]\n{text}", plugins.display());
        if !text.contains("[checkpoint]") {
            whole.push_str("\n[checkpoint]\ninterval = \"20ms\"\n");
        }
        self.write("pipeline.toml", whole);
        self.path("pipeline.toml")
    }

    /// The checked pipeline.
    pub fn check(&self, text: &str) -> Pipeline {
        let path = self.pipeline(text);
        checked(&path)
    }

    /// Everything that is wrong with the pipeline.
    pub fn mistakes(&self, text: &str) -> Vec<Mistake> {
        let path = self.pipeline(text);
        let whole = fs::read_to_string(&path).unwrap();
        match pipeline::check(&path) {
            Ok(pipeline) => pipeline.found.found.iter().map(|d| mistake(&whole, d)).collect(),
            Err(CheckFailure::Mistakes(found)) => {
                // Whatever the place, drawing it must work.
                assert!(!found.render(false).is_empty());
                found.found.iter().map(|d| mistake(&whole, d)).collect()
            }
            Err(CheckFailure::Unreadable(error)) => panic!("{error}"),
        }
    }

    /// The only mistake of the pipeline.
    pub fn mistake(&self, text: &str) -> Mistake {
        let mut found = self.mistakes(text);
        found.retain(|mistake| mistake.severity == Severity::Error);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// Runs the pipeline to its end.
    pub fn run(&self, text: &str) -> Summary {
        self.try_run(text).unwrap_or_else(|error| panic!("{:?}: {error}", error.kind))
    }

    pub fn try_run(&self, text: &str) -> Result<Summary, Error> {
        let pipeline = self.check(text);
        let (_keep, stop) = bounded(1);
        run(&pipeline, stop)
    }

    /// Runs the pipeline until `done`, then stops it in good order.
    pub fn run_until(&self, text: &str, done: impl FnMut() -> bool) {
        self.run_with(text, &mut Quiet, done);
    }

    /// As [`run_until`](Self::run_until), where something is unavailable for a while. `done` gets
    /// the nodes that were down by what the progress has said so far.
    pub fn run_until_restarting(
        &self,
        text: &str,
        mut done: impl FnMut(&BTreeSet<String>) -> bool,
    ) {
        let told = Mutex::new(BTreeSet::new());
        self.run_with(text, &mut Patient(&told), || done(&told.lock().unwrap()));
    }

    fn run_with(
        &self,
        text: &str,
        observer: &mut (dyn Observer + Send),
        done: impl FnMut() -> bool,
    ) {
        let pipeline = self.check(text);
        let (stop, stopped) = bounded(1);
        let options = JobOptions::new(stopped);
        std::thread::scope(|scope| {
            let (plan, plugins) = (&pipeline.plan, &pipeline.plugins);
            let job = scope.spawn(move || job::run(plan, plugins, &options, observer));
            // The job must end even if the test is about to fail.
            let _stop = StopAtDrop(stop);
            wait_until(done);
            drop(_stop);
            job.join().unwrap().unwrap_or_else(|error| panic!("{error}"));
        });
    }

    /// All rows in a directory of output as JSON, keys and rows in order.
    pub fn rows(&self, directory: &str) -> Vec<String> {
        let mut rows: Vec<String> =
            self.files(directory).iter().flat_map(|path| rows_of(path)).collect();
        rows.sort();
        rows
    }

    /// The files in a directory of output, in order; none if there is no such directory.
    pub fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.path(directory), &mut files);
        files.sort();
        files
    }

    /// All dead letters of the pipeline, in the order of their rows.
    pub fn letters(&self) -> Vec<Letter> {
        let mut letters: Vec<Letter> = self
            .files(".millrace/test/dead-letters")
            .iter()
            .flat_map(|path| {
                let text = fs::read_to_string(path).unwrap();
                text.lines()
                    .map(|line| Letter(serde_json::from_str(line).unwrap()))
                    .collect::<Vec<_>>()
            })
            .collect();
        letters
            .sort_by_key(|l| (l.text("step").to_owned(), l.text("partition").to_owned(), l.row()));
        letters
    }

    /// A command of the binary, in the sandbox's directory and with a store of plugins of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.directory.path()).args(arguments).env_remove("MILLRACE_LOG");
        command.env("MILLRACE_STORE", self.path("store"));
        // Pipelines are found by their names among those of the same test.
        command.env("XDG_RUNTIME_DIR", self.path("run")).env_remove("MILLRACE_API_TOKEN");
        command
    }

    /// The binary, run to its end.
    pub fn millrace(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// Runs a checked pipeline until its end or a stop.
pub fn run(pipeline: &Pipeline, stop: Receiver<()>) -> Result<Summary, Error> {
    job::run(&pipeline.plan, &pipeline.plugins, &JobOptions::new(stop), &mut Quiet)
}

/// The pipeline at `path`, which must be in order.
pub fn checked(path: &Path) -> Pipeline {
    match pipeline::check(path) {
        Ok(pipeline) => pipeline,
        Err(CheckFailure::Mistakes(found)) => panic!("{}", found.render(false)),
        Err(CheckFailure::Unreadable(error)) => panic!("{error}"),
    }
}

/// Looks again and again until `done`; a test that waits in vain fails.
pub fn wait_until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain");
        // Looking takes the processor from those who work.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Stops a job, also when its test fails.
pub struct StopAtDrop(pub Sender<()>);

impl Drop for StopAtDrop {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// Hears and says nothing.
pub struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: &Progress) {}

    fn restart(&mut self, error: &Error, _: Duration) {
        // No test makes anything unavailable: restarting for ever would hide a mistake.
        panic!("the job would start again: {error}");
    }
}

/// Lets a job start again, and notes what is down.
pub struct Patient<'a>(pub &'a Mutex<BTreeSet<String>>);

impl Observer for Patient<'_> {
    fn progress(&mut self, progress: &Progress) {
        let nodes = progress.metrics.nodes.iter().filter(|node| node.health.get().is_some());
        self.0.lock().unwrap().extend(nodes.map(|node| node.name.clone()));
    }

    fn restart(&mut self, _: &Error, _: Duration) {}
}

/// Where the plugins are that were built from `plugins/`.
pub fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins/dist")
}

/// The binary beside this test's own executable.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("millrace");
    assert!(path.is_file(), "`cargo test --workspace` builds {}", path.display());
    path
}

/// JSON with its keys in order, so that two texts of one value are equal.
pub fn canonical(json: &str) -> String {
    sorted(serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"))).to_string()
}

/// [`canonical`] for all, in order.
pub fn canonical_rows<S: AsRef<str>>(rows: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(|row| canonical(row.as_ref())).collect();
    rows.sort();
    rows
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn mistake(text: &str, diagnostic: &Diagnostic) -> Mistake {
    let place = diagnostic.place.clone();
    Mistake {
        severity: diagnostic.severity,
        at: place.clone().map(|place| text[place].to_owned()),
        line: place.map(|place| text[..place.start].lines().count().max(1)),
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone().unwrap_or_default(),
    }
}

/// Files below `directory`, without hidden ones: output that is not yet published is hidden.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn rows_of(path: &Path) -> Vec<String> {
    match path.extension().unwrap().to_str().unwrap() {
        "ndjson" => {
            let text = fs::read_to_string(path).unwrap();
            text.lines().map(canonical).collect()
        }
        "parquet" => {
            let file = fs::File::open(path).unwrap();
            let reader =
                parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
            let reader = reader.unwrap().build().unwrap();
            reader.flat_map(|rows| json_rows(&rows.unwrap())).collect()
        }
        "csv" => {
            let text = fs::read(path).unwrap();
            let format = arrow::csv::reader::Format::default().with_header(true);
            let (schema, _) = format.infer_schema(text.as_slice(), None).unwrap();
            let reader = arrow::csv::ReaderBuilder::new(schema.into()).with_format(format);
            reader
                .build(text.as_slice())
                .unwrap()
                .flat_map(|rows| json_rows(&rows.unwrap()))
                .collect()
        }
        other => panic!("no rows in a file that ends in .{other}"),
    }
}

/// The rows as JSON, keys in order.
pub fn json_rows(rows: &arrow::array::RecordBatch) -> Vec<String> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(rows).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap().lines().map(canonical).collect()
}
